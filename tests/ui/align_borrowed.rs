use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<'a> {
    text: &'a str,
    #[bare(align = 64)]
    hits: u64,
}

fn main() {}
