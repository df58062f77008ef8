use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    #[bare(max = 4)]
    wrong: std::collections::BTreeMap<u8, (u32, Foreign)>,
}

fn main() {}
