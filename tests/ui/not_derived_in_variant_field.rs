use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
enum Message {
    Right(u32),
    Wrong { field: Option<Foreign> },
}

fn main() {}
