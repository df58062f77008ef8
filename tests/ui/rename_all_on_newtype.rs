use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(rename_all = "camelCase")]
struct Message(u32);

fn main() {}
