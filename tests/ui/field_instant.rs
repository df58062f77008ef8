use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::time::Instant,
}

fn main() {}
