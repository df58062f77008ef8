use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(compatible_with = "chat-v0.bare")]
struct Said {
    id: u32,
}

fn main() {}
