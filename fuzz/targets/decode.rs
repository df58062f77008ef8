//! Octets that may be BARE: every way to read them agrees.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/support/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| targets::decode_octets(octets));
