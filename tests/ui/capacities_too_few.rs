use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(capacities(16))]
struct Message<const N: usize, const M: usize> {
    #[bare(max = N)]
    text: String,
    data: [u8; M],
}

fn main() {}
