use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: (u32, Foreign),
}

fn main() {}
