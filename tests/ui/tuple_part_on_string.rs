use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(field0(max = 4))]
    wrong: String,
}

fn main() {}
