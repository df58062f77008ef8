use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(capacities(16))]
struct Message {
    id: u32,
}

fn main() {}
