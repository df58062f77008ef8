use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    wrong: Option<(u32, Foreign)>,
}

fn main() {}
