use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: Box<dyn std::fmt::Debug>,
}

fn main() {}
