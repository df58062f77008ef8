use barewire::BareSchema;

#[derive(BareSchema)]
enum Kind {
    Join = 5,
    Leave = 3,
}

fn main() {}
