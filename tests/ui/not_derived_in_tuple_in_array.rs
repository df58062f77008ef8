use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    wrong: [(u32, Foreign); 3],
}

fn main() {}
