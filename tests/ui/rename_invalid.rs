use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(rename = "Wrong")]
    wrong: u32,
}

fn main() {}
