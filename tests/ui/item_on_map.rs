use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4, item(max = 4))]
    wrong: std::collections::BTreeMap<String, u8>,
}

fn main() {}
