use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(varint)]
    wrong: u32,
}

fn main() {}
