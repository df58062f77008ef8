use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::collections::VecDeque<u32>,
}

fn main() {}
