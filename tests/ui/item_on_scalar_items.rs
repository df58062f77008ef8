use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, item(max = 4))]
    wrong: Vec<u32>,
}

fn main() {}
