use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::collections::BTreeSet<u32>,
}

fn main() {}
