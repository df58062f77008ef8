use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(capacities(16))]
struct Line<const N: usize> {
    id: u32,
    #[bare(max = N)]
    text: String,
}

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: Line<8>,
}

fn main() {}
