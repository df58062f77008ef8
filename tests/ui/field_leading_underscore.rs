use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    _reserved: u32,
}

fn main() {}
