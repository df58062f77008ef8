use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<const N: usize> {
    id: [u8; N],
}

fn main() {}
