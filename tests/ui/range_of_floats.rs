use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(range = 0.0..1.0)]
    wrong: u8,
}

fn main() {}
