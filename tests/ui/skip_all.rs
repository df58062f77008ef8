use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    #[bare(skip)]
    id: u32,
}

fn main() {}
