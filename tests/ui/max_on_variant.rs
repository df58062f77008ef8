use barewire::BareSchema;

#[derive(BareSchema)]
enum Event {
    Join(u32),
    #[bare(max = 8)]
    Say(String),
}

fn main() {}
