use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    wrong: (u32, (u8, Option<Foreign>)),
}

fn main() {}
