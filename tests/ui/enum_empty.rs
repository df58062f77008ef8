use barewire::BareSchema;

#[derive(BareSchema)]
enum Message {}

fn main() {}
