use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: Option<Foreign>,
}

fn main() {}
