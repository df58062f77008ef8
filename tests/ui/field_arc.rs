use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::sync::Arc<u32>,
}

fn main() {}
