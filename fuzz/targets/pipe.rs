//! Octets that come through a pipe: messages are found in them, or an error ends them.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/support/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| targets::pipe_frames(octets));
