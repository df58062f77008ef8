use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(maxx = 4)]
    wrong: String,
}

fn main() {}
