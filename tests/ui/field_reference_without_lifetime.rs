use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: &[u8],
}

fn main() {}
