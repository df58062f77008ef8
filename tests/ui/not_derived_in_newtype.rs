use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message(Foreign);

fn main() {}
