use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, key(max = 4))]
    wrong: Vec<String>,
}

fn main() {}
