use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: &'static mut str,
}

fn main() {}
