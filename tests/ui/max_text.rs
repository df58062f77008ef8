use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = "64")]
    wrong: String,
}

fn main() {}
