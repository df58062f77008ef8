use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(range = 0..=1)]
    wrong: Option<f64>,
}

fn main() {}
