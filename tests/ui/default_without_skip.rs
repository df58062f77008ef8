use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(default = 4)]
    wrong: u32,
}

fn main() {}
