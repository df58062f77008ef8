use barewire::BareSchema;

use std::collections::HashSet;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: HashSet<u32>,
}

fn main() {}
