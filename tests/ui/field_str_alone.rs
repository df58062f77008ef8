use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: str,
}

fn main() {}
