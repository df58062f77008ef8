use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    #[bare(align = 128)]
    hits: u64,
}

fn main() {}
