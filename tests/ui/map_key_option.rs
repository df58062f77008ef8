use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::collections::BTreeMap<Option<u8>, u32>,
}

fn main() {}
