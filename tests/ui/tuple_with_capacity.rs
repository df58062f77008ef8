use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<const N: usize> {
    id: u32,
    wrong: (u8, [u8; N]),
}

fn main() {}
