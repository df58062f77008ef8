use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(range = 9..=1)]
    wrong: u8,
}

fn main() {}
