use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::borrow::Cow<'static, str>,
}

fn main() {}
