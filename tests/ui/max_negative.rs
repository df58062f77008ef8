use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = -1)]
    wrong: String,
}

fn main() {}
