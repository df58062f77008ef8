use barewire::BareSchema;

fn is_fine(_: &u8) -> bool {
    true
}

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(validate = "is_fine")]
    wrong: u8,
}

fn main() {}
