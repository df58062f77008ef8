use barewire::BareSchema;

#[derive(BareSchema)]
#[bare(rename_all = "camelCase")]
enum Kind {
    JoinRoom,
    Leave,
}

fn main() {}
