use barewire::BareSchema;

#[derive(BareSchema)]
union Message {
    id: u32,
    rate: f32,
}

fn main() {}
