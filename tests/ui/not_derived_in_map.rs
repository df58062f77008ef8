use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4)]
    wrong: std::collections::BTreeMap<u8, Foreign>,
}

fn main() {}
