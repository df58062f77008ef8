use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    #[bare(alignas = 64)]
    hits: u64,
}

fn main() {}
