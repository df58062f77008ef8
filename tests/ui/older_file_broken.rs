use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(compatible_with = "broken.bare")]
struct Said {
    id: u32,
}

fn main() {}
