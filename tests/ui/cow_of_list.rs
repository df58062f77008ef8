use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<'a> {
    id: u32,
    wrong: std::borrow::Cow<'a, [u16]>,
}

fn main() {}
