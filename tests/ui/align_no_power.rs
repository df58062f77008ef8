use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    #[bare(align = 24)]
    hits: u64,
}

fn main() {}
