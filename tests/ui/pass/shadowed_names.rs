#![allow(dead_code)]

use barewire::BareSchema;

#[derive(BareSchema)]
struct Option {
    id: u32,
}

#[derive(BareSchema)]
struct Result {
    option: Option,
}

#[derive(BareSchema)]
enum Vec {
    Some(Option),
    None,
    Ok { result: Result, err: u8 },
}

#[derive(BareSchema)]
enum String {
    S,
    T,
}

#[derive(BareSchema)]
struct S(u8);

#[derive(BareSchema)]
struct T {
    string: String,
    vec: Vec,
    s: S,
    #[bare(varint)]
    core: u64,
    std: [S; 3],
}

#[derive(BareSchema)]
struct Box {
    t: T,
    #[bare(max = 3)]
    text: std::string::String,
}

fn main() {
    let value = S(7);
    assert_eq!(barewire::codec::encode(&value), [7]);
}
