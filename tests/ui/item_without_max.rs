use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(item(max = 4))]
    wrong: Vec<String>,
}

fn main() {}
