use barewire::BareSchema;

#[derive(BareSchema)]
#[allow(non_camel_case_types)]
enum Kind {
    JoinRoom,
    JOIN_ROOM,
}

fn main() {}
