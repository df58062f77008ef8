use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(skip)]
    wrong: std::time::Instant,
}

fn main() {}
