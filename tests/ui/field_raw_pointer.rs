use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: *const u8,
}

fn main() {}
