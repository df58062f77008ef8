use barewire::BareSchema;

#[derive(BareSchema)]
enum Event {
    #[bare(tag = 2)]
    Join(u32),
    #[bare(tag = 1)]
    Say(String),
}

fn main() {}
