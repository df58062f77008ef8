use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: &'a str,
}

fn main() {}
