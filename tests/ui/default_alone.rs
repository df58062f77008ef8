use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(default)]
    wrong: u32,
}

fn main() {}
