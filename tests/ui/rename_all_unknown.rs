use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(rename_all = "kebab-case")]
struct Message {
    user_id: u32,
}

fn main() {}
