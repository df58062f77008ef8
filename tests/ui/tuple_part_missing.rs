use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(field2(max = 4))]
    wrong: (u8, String),
}

fn main() {}
