use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, item(mx = 4))]
    wrong: Vec<String>,
}

fn main() {}
