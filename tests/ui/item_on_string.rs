use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, item(max = 4))]
    wrong: String,
}

fn main() {}
