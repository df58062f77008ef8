use barewire::BareSchema;

type Pair = (u8, u16);

#[derive(BareSchema)]
struct Message {
    pair: Pair,
}

fn main() {}
