use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, range = 0..=9)]
    wrong: String,
}

fn main() {}
