//! Derived types: both codecs, both directions of the layout, and the accessors agree.

use barewire::BareSchema;
use barewire::codec::{decode, encode};
use barewire::layout::FixedLayout;
use std::collections::BTreeMap;

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Reading {
    sensor: u32,
    #[bare(max = 32)]
    label: String,
    celsius: f32,
    on: bool,
    r#type: Kind,
    shape: Shape,
    #[bare(max = 4, item(max = 8))]
    tags: Vec<String>,
    #[bare(max = 4, key(max = 8), value(max = 3))]
    map: BTreeMap<String, Vec<u8>>,
    #[bare(varint)]
    count: u64,
    opt: Option<Meters>,
    arr: [u16; 3],
    hash: [u8; 5],
}
#[derive(BareSchema, Debug, Clone, Copy, PartialEq)]
enum Kind {
    A,
    JoinRoom = 7,
    C,
}
#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Meters(f64);
#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Shape {
    Circle(f32),
    #[bare(tag = 5)]
    Square(f32),
    Text(#[bare(max = 9)] String),
    Box {
        w: u8,
        h: u64,
    },
    Pair(u8, Kind),
    Nothing,
    Other,
}
#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Loose {
    text: String,
    items: Vec<Reading>,
}
#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Borrowed<'a> {
    name: &'a str,
    bytes: &'a [u8],
    n: u8,
}

fn reading(shape: Shape) -> Reading {
    Reading {
        sensor: 1,
        label: "x".into(),
        celsius: 1.5,
        on: true,
        r#type: Kind::JoinRoom,
        shape,
        tags: vec!["a".into()],
        map: BTreeMap::from([("k".into(), vec![1, 2])]),
        count: 300,
        opt: Some(Meters(2.0)),
        arr: [1, 2, 3],
        hash: [9; 5],
    }
}
#[test]
fn law() {
    for shape in [
        Shape::Circle(1.0),
        Shape::Square(2.0),
        Shape::Text("hi".into()),
        Shape::Box { w: 1, h: 2 },
        Shape::Pair(1, Kind::C),
        Shape::Nothing,
        Shape::Other,
    ] {
        let value = reading(shape);
        let bytes = encode(&value);
        assert_eq!(decode::<Reading>(&bytes).unwrap(), value);
        let mut layout: ReadingLayout = zero();
        value.store(&mut layout).unwrap();
        assert_eq!(Reading::load(&layout).unwrap(), value);
        let mut out = Vec::new();
        Reading::encode_layout(&layout, &mut barewire::codec::Encoder::new(&mut out)).unwrap();
        assert_eq!(out, bytes);
        let mut other: ReadingLayout = zero();
        Reading::decode_layout(&mut barewire::codec::Decoder::new(&bytes), &mut other).unwrap();
        assert_eq!(
            barewire::__private::zerocopy::IntoBytes::as_bytes(&other),
            barewire::__private::zerocopy::IntoBytes::as_bytes(&layout)
        );
        assert_eq!(layout.label().unwrap(), "x");
        layout.set_label("boiler").unwrap();
        layout.set_type(Kind::A).unwrap();
        layout.set_shape(&Shape::Other).unwrap();
        assert!(matches!(layout.shape().unwrap(), ShapeView::Other));
        assert_eq!(layout.r#type().unwrap(), Kind::A);
        layout.sensor = 4;
    }
    println!("{:#?}", <Reading as BareSchema>::TYPE);
    let b = Borrowed { name: "n", bytes: b"abc", n: 1 };
    let bytes = encode(&b);
    assert_eq!(decode::<Borrowed<'_>>(&bytes).unwrap(), b);
    let l = Loose { text: "n".into(), items: vec![reading(Shape::Other)] };
    assert_eq!(decode::<Loose>(&encode(&l)).unwrap(), l);
}
fn zero<T: barewire::__private::zerocopy::FromZeros>() -> T {
    T::new_zeroed()
}

mod chat {
    barewire::schema! {
        /// A user.
        type Id u64
        type Status enum { ONLINE AWAY = 5, IN_A_CALL }
        type Tags list<str[..8]>[..4]
        type User struct {
            id: Id
            type: Status // keyword
            name: str[..16],
            hash: data[16]
            counts: map<Status><uint>[..3]
            nested: struct { a: u8, self: optional<list<i16>[3]> kind: enum { X Y } }
            n: uint
            z: int
        }
        type Event union {
            | User = 3 | void | str[..3] | data[..4] | Status = 9 | struct { x: f32 }
            | map<u8><u8>[..2]
        }
    }
}
#[test]
fn dsl() {
    use chat::*;
    let user = User {
        id: Id(4),
        r#type: Status::InACall,
        name: "n".into(),
        hash: [1; 16],
        counts: BTreeMap::from([(Status::Away, barewire::codec::UInt(400))]),
        nested: UserNested { a: 1, self_: Some([1, 2, 3]), kind: UserNestedKind::Y },
        n: 500,
        z: -4,
    };
    for event in [
        Event::User(user),
        Event::Void,
        Event::Str("a".into()),
        Event::Member5(EventMember5 { x: 1.0 }),
    ] {
        let bytes = encode(&event);
        assert_eq!(decode::<Event>(&bytes).unwrap(), event);
        let mut layout: EventLayout = zero();
        event.store(&mut layout).unwrap();
        assert_eq!(Event::load(&layout).unwrap(), event);
        let mut out = Vec::new();
        Event::encode_layout(&layout, &mut barewire::codec::Encoder::new(&mut out)).unwrap();
        assert_eq!(out, bytes);
    }
    println!("{:#?}", <Event as BareSchema>::TYPE);
}
