use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    #[bare(max = 4, item(field0(max = 8)))]
    wrong: Vec<(String, Foreign)>,
}

fn main() {}
