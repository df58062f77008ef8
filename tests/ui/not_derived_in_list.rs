use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4)]
    wrong: Vec<Foreign>,
}

fn main() {}
