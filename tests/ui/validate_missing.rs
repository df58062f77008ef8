use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    #[bare(validate = is_fine)]
    wrong: u8,
}

fn main() {}
