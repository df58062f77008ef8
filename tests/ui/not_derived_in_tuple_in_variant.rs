use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
enum Message {
    Nothing,
    Wrong((u32, Foreign)),
}

fn main() {}
