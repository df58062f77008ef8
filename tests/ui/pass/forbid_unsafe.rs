#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code)]

use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(validate = is_fine)]
struct Reading {
    #[bare(range = 1..=9)]
    sensor: u32,
    #[bare(max = 32)]
    label: String,
    pair: (u8, u64),
    kind: Kind,
    event: Event,
}

fn is_fine(reading: &Reading) -> bool {
    reading.sensor > 0
}

#[derive(BareSchema)]
enum Kind {
    On,
    Off,
}

#[derive(BareSchema)]
enum Event {
    Number(u8),
    Both { a: u8, b: u64 },
    Nothing,
}

#[derive(BareSchema)]
#[bare(capacities(8))]
struct Line<const N: usize> {
    number: u8,
    #[bare(max = N)]
    text: String,
}

mod declared {
    barewire::schema! {
        type Nothing void
        type Any union { Nothing | struct { a: u8 } | enum { A B } }
    }
}

fn main() {}
