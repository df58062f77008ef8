use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, max = 5)]
    wrong: String,
}

fn main() {}
