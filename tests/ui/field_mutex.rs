use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::sync::Mutex<u32>,
}

fn main() {}
