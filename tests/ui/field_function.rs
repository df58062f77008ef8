use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: fn(u32) -> u32,
}

fn main() {}
