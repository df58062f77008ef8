use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(compatible_with = "chat-v1.bare")]
struct Said {
    id: u32,
    text: String,
    loud: bool,
}

fn main() {}
