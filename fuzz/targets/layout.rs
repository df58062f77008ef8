//! Bytes that may be a layout: the typed and the dynamic side agree.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/support/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| targets::layout_bytes(octets));
