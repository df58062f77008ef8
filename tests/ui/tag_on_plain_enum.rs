use barewire::BareSchema;

#[derive(BareSchema)]
enum Kind {
    #[bare(tag = 2)]
    Join,
    Leave,
}

fn main() {}
