use barewire::BareSchema;

#[derive(BareSchema)]
enum Message {
    Join,
    Leave(#[bare(align = 64)] u64),
}

fn main() {}
