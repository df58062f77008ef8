use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {}

fn main() {}
