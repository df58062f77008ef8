use barewire::BareSchema;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    #[bare(validate = is_fine)]
    wrong: Foreign,
}

fn is_fine(_: &Foreign) -> bool {
    true
}

fn main() {}
