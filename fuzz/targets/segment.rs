//! A segment whose start is changed: it is opened or refused.

#![no_main]

#[allow(dead_code)]
#[path = "../../tests/support/targets.rs"]
mod targets;

use std::sync::LazyLock;

static SCRATCH: LazyLock<targets::Scratch> = LazyLock::new(|| targets::Scratch::new("fuzz"));

libfuzzer_sys::fuzz_target!(|octets: &[u8]| targets::segment_header(&SCRATCH, octets));
