use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    #[bare(align = 4)]
    hits: u64,
}

fn main() {}
