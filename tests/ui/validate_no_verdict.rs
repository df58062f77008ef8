use barewire::BareSchema;

fn is_fine(_: &u8) -> Option<u8> {
    None
}

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(validate = is_fine)]
    wrong: u8,
}

fn main() {}
