use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    #[bare(align = "64")]
    hits: u64,
}

fn main() {}
