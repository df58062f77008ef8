use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(rename = "id")]
    wrong: u32,
}

fn main() {}
