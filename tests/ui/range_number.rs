use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(range = 9)]
    wrong: u8,
}

fn main() {}
