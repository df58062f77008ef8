use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(capacities(16, 16))]
struct Message<const N: usize> {
    id: u32,
    #[bare(max = N)]
    text: String,
}

fn main() {}
