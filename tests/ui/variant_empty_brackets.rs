use barewire::BareSchema;

#[derive(BareSchema)]
enum Event {
    Join(u32),
    Leave(),
}

fn main() {}
