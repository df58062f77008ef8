use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(skip, max = 4)]
    wrong: String,
}

fn main() {}
