//! All of Rust that people write: tuples, times, boxes, capacities, borrowed fields, skipped ones.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barewire::__private::zerocopy::FromZeros;
use barewire::BareSchema;
use barewire::codec::{Decode, Encode, Encoder, decode, decode_into, encode, verify};
use barewire::layout::{FixedLayout, Uuid};
use barewire_schema::Schema;

/// The octets, the layout and the way back agree.
fn comes_back<T>(value: &T) -> Vec<u8>
where
    T: FixedLayout + Encode + for<'de> Decode<'de> + PartialEq + std::fmt::Debug,
{
    let octets = encode(value);
    let mut again = decode::<T>(&octets).expect("its own octets");
    assert_eq!(&again, value);
    decode_into(&mut again, &octets).expect("its own octets");
    assert_eq!(&again, value);
    assert_eq!(verify::<T>(&octets), Ok(()));
    let mut place = T::Layout::new_zeroed();
    value.store(&mut place).expect("it fits");
    assert_eq!(&T::load(&place).expect("its own layout"), value);
    let mut out = Vec::new();
    T::encode_layout(&place, &mut Encoder::new(&mut out)).expect("its own layout");
    assert_eq!(out, octets);
    let mut other = T::Layout::new_zeroed();
    T::decode_layout(&mut barewire::codec::Decoder::new(&octets), &mut other).expect("it fits");
    assert_eq!(&T::load(&other).expect("a value"), value);
    octets
}

fn text<T: BareSchema>() -> String {
    Schema::from_type(T::TYPE).to_string()
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Tuples {
    pair: (u8, u64),
    #[bare(max = 4, item(field1(max = 8)))]
    names: Vec<(u16, String)>,
    nested: Option<(bool, (u8, f32))>,
    #[bare(max = 2, value(field0(max = 3)))]
    table: BTreeMap<u8, (String, u32)>,
    fixed: [(u8, u16); 2],
}

#[test]
fn tuples_are_structs_with_a_layout() {
    let value = Tuples {
        pair: (1, 2),
        names: vec![(7, "seven".into()), (8, String::new())],
        nested: Some((true, (3, 0.5))),
        table: BTreeMap::from([(1, ("one".into(), 11)), (2, (String::new(), 22))]),
        fixed: [(1, 2), (3, 4)],
    };
    comes_back(&value);
    let mut place = TuplesLayout::new_zeroed();
    value.store(&mut place).expect("it fits");
    assert_eq!(place.pair.field1, 2);
    assert_eq!(place.names().expect("in place")[0].field1().expect("text"), "seven");
    assert!(text::<Tuples>().contains("field0: u8\n    field1: u64"), "{}", text::<Tuples>());
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Times {
    timeout: Duration,
    sent: SystemTime,
    last: Option<SystemTime>,
    id: Uuid,
    boxed: Box<u32>,
}

#[test]
fn times_have_a_mapping_that_loses_nothing() {
    let value = Times {
        timeout: Duration::new(5, 6),
        sent: UNIX_EPOCH - Duration::new(1, 1),
        last: Some(SystemTime::now()),
        id: Uuid([7; 16]),
        boxed: Box::new(9),
    };
    comes_back(&value);
    let mut place = TimesLayout::new_zeroed();
    place.set_timeout(Duration::from_millis(3)).expect("it fits");
    assert_eq!(place.timeout(), Ok(Duration::from_millis(3)));
    assert!(text::<Times>().contains("sent: struct {\n    secs: i64\n    nanos: u32"));
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Ids {
    id: uuid::Uuid,
    parent: Option<uuid::Uuid>,
    #[bare(max = 3)]
    seen: Vec<uuid::Uuid>,
    #[bare(max = 2)]
    by_id: BTreeMap<uuid::Uuid, u8>,
    place: Uuid,
}

#[test]
fn the_ids_of_the_uuid_crate_are_fields_like_others() {
    let id = uuid::Uuid::from_u128;
    let value = Ids {
        id: id(1),
        parent: Some(id(2)),
        seen: vec![id(3), id(4)],
        by_id: BTreeMap::from([(id(5), 6)]),
        place: id(7).into(),
    };
    comes_back(&value);
    assert_eq!(barewire::codec::encode(&value.id), *value.id.as_bytes());
    let mut place = IdsLayout::new_zeroed();
    value.store(&mut place).expect("it fits");
    assert_eq!(place.id().expect("in place"), id(1));
    place.set_id(id(9)).expect("it fits");
    assert_eq!((place.id, place.place), (id(9).into(), id(7).into()));
    assert_eq!(place.id.to_string(), id(9).to_string());
    assert!(text::<Ids>().contains("id: data[16]\n  parent: optional<data[16]>"));
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Text<const N: usize>(#[bare(max = N)] String);

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(capacities((4, 2), (300, 7)))]
struct Batch<const TEXT: usize, const ITEMS: usize> {
    id: u8,
    #[bare(max = ITEMS, item(max = TEXT))]
    names: Vec<String>,
    sum: u64,
    raw: [u16; ITEMS],
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(capacities(16))]
enum Event<const N: usize> {
    Said(#[bare(max = N)] String),
    Wrote {
        #[bare(max = N)]
        octets: Vec<u8>,
        at: u32,
    },
    Left,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct User {
    name: Text<16>,
    note: Text<300>,
    batch: Batch<4, 2>,
    event: Event<16>,
}

#[test]
fn capacities_are_parameters() {
    let batch = Batch::<4, 2> { id: 1, names: vec!["abcd".into()], sum: 5, raw: [1, 2] };
    comes_back(&batch);
    comes_back(&Batch::<300, 7> { id: 1, names: vec!["x".repeat(300)], sum: 5, raw: [1; 7] });
    let long = Batch::<4, 2> { names: vec!["abcde".into()], ..batch.clone() };
    assert!(long.store(&mut Batch4x2Layout::new_zeroed()).is_err());
    for event in
        [Event::Said("hello".into()), Event::Wrote { octets: vec![1, 2], at: 3 }, Event::Left]
    {
        comes_back(&event);
        let user =
            User { name: Text("n".into()), note: Text("m".into()), batch: batch.clone(), event };
        comes_back(&user);
    }
    // Without a layout, any capacity can be encoded.
    let octets = encode(&Batch::<9, 1> { id: 1, names: vec![], sum: 2, raw: [3] });
    assert!(decode::<Batch<9, 1>>(&octets).is_ok());
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Cache {
    id: u32,
    #[bare(skip)]
    hits: usize,
    #[bare(max = 8)]
    name: String,
    #[bare(skip, default = HashMap::from([("made", 1)]))]
    more: HashMap<&'static str, u8>,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Pair(u8, #[bare(skip)] usize);

#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Work {
    Named {
        #[bare(skip)]
        started: Option<std::time::Instant>,
        id: u16,
    },
    Plain(u8, #[bare(skip)] usize, u8),
}

#[test]
fn what_is_skipped_takes_no_room_and_gets_its_default() {
    let more = HashMap::from([("made", 1)]);
    let octets = comes_back(&Cache { id: 1, hits: 0, name: "n".into(), more });
    assert_eq!(octets.len(), 4 + 2);
    assert_eq!(encode(&Pair(4, 99)), [4]);
    assert_eq!(decode::<Pair>(&[4]), Ok(Pair(4, 0)));
    comes_back(&Pair(4, 0));
    comes_back(&Work::Named { started: None, id: 5 });
    comes_back(&Work::Plain(1, 0, 2));
    let mut pair = Pair(1, 99);
    assert_eq!(decode_into(&mut pair, &[4]), Ok(()));
    assert_eq!(pair, Pair(4, 0));
    let mut work = Work::Plain(3, 99, 4);
    assert_eq!(decode_into(&mut work, &encode(&Work::Plain(1, 9, 2))), Ok(()));
    assert_eq!(work, Work::Plain(1, 0, 2));
    let mut named = Work::Named { started: Some(std::time::Instant::now()), id: 1 };
    assert_eq!(decode_into(&mut named, &encode(&Work::Named { started: None, id: 1 })), Ok(()));
    assert_eq!(named, Work::Named { started: None, id: 1 });
    let pairs = vec![Pair(1, 0), Pair(2, 0)];
    assert_eq!(decode(&encode(&pairs)), Ok(pairs));
    let more = HashMap::from([("made", 1)]);
    let octets = [encode(&Cache { id: 1, hits: 5, name: "n".into(), more }), vec![9]].concat();
    assert!(decode::<Cache>(&octets).is_err(), "an octet too many");
    assert!(!text::<Cache>().contains("hits"));
}

#[derive(BareSchema, Debug, PartialEq)]
struct Borrowed<'a> {
    name: &'a str,
    bytes: &'a [u8],
    note: Cow<'a, str>,
    raw: Option<Cow<'a, [u8]>>,
    parts: Vec<(&'a str, u8)>,
    inner: Inner<'a>,
}

#[derive(BareSchema, Debug, PartialEq)]
struct Inner<'a> {
    words: Vec<&'a str>,
}

#[test]
fn borrowed_fields_point_into_the_input() {
    let value = Borrowed {
        name: "n",
        bytes: b"abc",
        note: Cow::Owned("made".to_owned()),
        raw: Some(Cow::Borrowed(b"xy")),
        parts: vec![("p", 1)],
        inner: Inner { words: vec!["a", "bc"] },
    };
    let octets = encode(&value);
    let back = decode::<Borrowed<'_>>(&octets).expect("its own octets");
    assert_eq!(back, value);
    assert!(matches!(back.note, Cow::Borrowed(_)));
    assert!(octets.as_ptr_range().contains(&back.name.as_ptr()));
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(rename_all = "camelCase")]
struct Renamed {
    user_id: u32,
    #[bare(rename = "x")]
    some_name: u8,
    kind: Kinds,
}

#[derive(BareSchema, Debug, Clone, Copy, PartialEq)]
#[bare(rename_all = "UPPERCASE")]
enum Kinds {
    JoinRoom,
    Leave,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Any {
    #[bare(rename = "Nothing")]
    Empty,
    #[bare(rename = "Name", tag = 7)]
    Named(#[bare(max = 4)] String),
    Other(u8),
}

#[test]
fn names_are_those_that_the_attributes_say() {
    let schema = text::<Renamed>();
    for part in ["userId: u32", "x: u8", "JOINROOM"] {
        assert!(schema.contains(part), "{part} is missing in {schema}");
    }
    let schema = text::<Any>();
    for part in ["type Nothing void", "type Name str", "union { Nothing | Name = 7 | u8 }"] {
        assert!(schema.contains(part), "{part} is missing in {schema}");
    }
    assert!(Schema::parse("again", &schema).expect("BARE").validate().is_ok());
    comes_back(&Any::Named("abc".into()));
    comes_back(&Any::Empty);
}
