use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(compatible_with = "chat-v1.bare")]
struct Say {
    id: u32,
}

fn main() {}
