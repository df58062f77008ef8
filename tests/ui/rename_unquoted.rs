use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(rename = Letter)]
struct Message(u32);

fn main() {}
