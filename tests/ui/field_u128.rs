use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: u128,
}

fn main() {}
