use barewire::BareSchema;

#[derive(BareSchema)]
struct Name(#[bare(max = 8)] String);

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(max = 4)]
    wrong: Name,
}

fn main() {}
