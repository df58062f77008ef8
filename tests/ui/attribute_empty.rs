use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare]
    wrong: String,
}

fn main() {}
