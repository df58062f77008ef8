use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 0)]
    wrong: String,
}

fn main() {}
