#![allow(dead_code)]

barewire::schema! {
    /// Keywords are legal names of fields in BARE.
    type Keywords struct {
        type: u8
        self: u8
        struct: str[..8]
        enum: optional<uint>
        fn: int
        list: list<struct { x: f32, y: f32 }>[..4]
    }

    type Status enum {
        ONLINE
        AWAY = 300
        V2_A,
    }

    type Event union {
        | Keywords = 1
        | void
        | str[..8] = 300
        | Status
    }
}

fn main() {
    let event = Event::Status(Status::Away);
    assert_eq!(barewire::codec::encode(&event), [0xad, 0x02, 0xac, 0x02]);
}
