use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<const N: u8> {
    id: u32,
}

fn main() {}
