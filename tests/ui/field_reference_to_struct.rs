use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: &'static u32,
}

fn main() {}
