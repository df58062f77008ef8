use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(align = 64)]
enum Message {
    Join,
    Leave(u8),
}

fn main() {}
