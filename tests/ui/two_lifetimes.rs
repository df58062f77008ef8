use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<'a, 'b> {
    one: &'a str,
    two: &'b [u8],
}

fn main() {}
