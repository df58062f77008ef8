#![allow(dead_code, non_camel_case_types)]

use barewire::BareSchema;

#[derive(BareSchema)]
struct u64 {
    low: u32,
    high: u32,
}

#[derive(BareSchema)]
enum u8 {
    One,
    Two,
}

#[derive(BareSchema)]
enum Any {
    Word(u64),
    Octet(u8),
    r#Type { r#fn: u8, r#type: u64 },
}

fn main() {}
