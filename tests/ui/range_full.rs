use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(range = ..)]
    wrong: u8,
}

fn main() {}
