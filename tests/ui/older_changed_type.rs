use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(compatible_with = "chat-v1.bare")]
struct Said {
    id: u64,
    text: String,
}

fn main() {}
