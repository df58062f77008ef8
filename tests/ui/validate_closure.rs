use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(validate = |value| *value > 3)]
    wrong: u8,
}

fn main() {}
