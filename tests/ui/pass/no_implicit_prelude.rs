#![no_implicit_prelude]
#![allow(dead_code)]

#[derive(::barewire::BareSchema)]
struct Reading {
    sensor: u32,
    #[bare(max = 32)]
    label: ::std::string::String,
    #[bare(varint)]
    count: u64,
    kind: Kind,
    event: Event,
    rest: ::std::option::Option<::std::vec::Vec<u8>>,
}

#[derive(::barewire::BareSchema)]
enum Kind {
    JoinRoom,
    Leave,
}

#[derive(::barewire::BareSchema)]
enum Event {
    Join(u32),
    Say {
        #[bare(max = 8)]
        text: ::std::string::String,
        loud: bool,
    },
    Leave,
}

#[derive(::barewire::BareSchema)]
struct Borrowed<'a> {
    text: &'a str,
}

mod declared {
    ::barewire::schema! {
        type Name str[..16]
        type Kind enum { ON OFF }
        type User struct {
            name: Name
            kind: Kind
            ages: map<u8><list<str[..4]>[..4]>[..4]
        }
        type Any union { User | void | uint }
    }
}

fn main() {}
