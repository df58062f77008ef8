use barewire::BareSchema;

const FIRST: isize = 4;

#[derive(BareSchema)]
enum Kind {
    Join = FIRST,
    Leave,
}

fn main() {}
