use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::collections::BTreeMap<f32, u32>,
}

fn main() {}
