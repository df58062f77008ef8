use barewire::BareSchema;

#[derive(BareSchema)]
enum Kind {
    Join = -1,
    Leave,
}

fn main() {}
