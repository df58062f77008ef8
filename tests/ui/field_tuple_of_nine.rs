use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: (u8, u8, u8, u8, u8, u8, u8, u8, u8),
}

fn main() {}
