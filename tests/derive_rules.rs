//! Rules of a domain: ranges and validators run on every decode and every checked read.

use barewire::__private::zerocopy::FromZeros;
use barewire::BareSchema;
use barewire::codec::{
    Decode, DecodeErrorKind, Decoder, Encode, Encoder, decode, decode_into, encode, verify,
};
use barewire::layout::{FixedLayout, LayoutErrorKind};

fn is_even(value: &u32) -> bool {
    value.is_multiple_of(2)
}

fn is_word(text: &str) -> Result<(), &'static str> {
    if text.contains(' ') { Err("a word has no spaces") } else { Ok(()) }
}

fn ascends(limits: &Limits) -> bool {
    limits.low <= limits.high
}

fn not_root(id: &Id) -> Result<(), &'static str> {
    if id.0 == 0 { Err("0 is nobody") } else { Ok(()) }
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(validate = ascends)]
struct Limits {
    low: u8,
    high: u8,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(validate = not_root)]
struct Id(u64);

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Percent(#[bare(range = 0..=100)] u8);

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Order {
    #[bare(range = 1..=9)]
    count: u8,
    #[bare(range = 0.0..1.0, rename = "share")]
    part: f64,
    #[bare(range = ..10)]
    maybe: Option<i32>,
    #[bare(validate = is_even)]
    even: u32,
    #[bare(max = 16, validate = is_word)]
    word: String,
    limits: Limits,
    #[bare(max = 3)]
    ids: Vec<Id>,
    done: Percent,
    choice: Choice,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Choice {
    Done(#[bare(range = 5..)] u16),
    Part(Percent),
    Both {
        #[bare(validate = is_even)]
        even: u32,
    },
}

fn right() -> Order {
    Order {
        count: 9,
        part: 0.5,
        maybe: Some(-5),
        even: 4,
        word: "word".into(),
        limits: Limits { low: 1, high: 1 },
        ids: vec![Id(1), Id(2)],
        done: Percent(100),
        choice: Choice::Done(5),
    }
}

/// Each way in which the rules can be broken, and the path of the fault.
fn wrong() -> Vec<(&'static str, Order)> {
    let with = |change: fn(&mut Order)| {
        let mut order = right();
        change(&mut order);
        order
    };
    vec![
        ("count", with(|order| order.count = 0)),
        ("count", with(|order| order.count = 10)),
        ("share", with(|order| order.part = 1.0)),
        ("share", with(|order| order.part = f64::NAN)),
        ("maybe", with(|order| order.maybe = Some(10))),
        ("even", with(|order| order.even = 3)),
        ("word", with(|order| order.word = "two words".into())),
        ("limits", with(|order| order.limits.high = 0)),
        ("ids[1]", with(|order| order.ids[1] = Id(0))),
        ("done", with(|order| order.done = Percent(101))),
        ("choice", with(|order| order.choice = Choice::Done(4))),
        ("choice", with(|order| order.choice = Choice::Part(Percent(200)))),
        ("choice.even", with(|order| order.choice = Choice::Both { even: 1 })),
    ]
}

/// A twin without rules, whose octets and layout are the same.
mod lawless {
    use barewire::BareSchema;

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) struct Limits {
        pub(crate) low: u8,
        pub(crate) high: u8,
    }

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) struct Id(pub(crate) u64);

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) struct Percent(pub(crate) u8);

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) struct Order {
        pub(crate) count: u8,
        #[bare(rename = "share")]
        pub(crate) part: f64,
        pub(crate) maybe: Option<i32>,
        pub(crate) even: u32,
        #[bare(max = 16)]
        pub(crate) word: String,
        pub(crate) limits: Limits,
        #[bare(max = 3)]
        pub(crate) ids: Vec<Id>,
        pub(crate) done: Percent,
        pub(crate) choice: Choice,
    }

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) enum Choice {
        Done(u16),
        Part(Percent),
        Both { even: u32 },
    }
}

/// The layout of a value that breaks rules, made by somebody who does not know them.
fn foreign(order: &Order) -> OrderLayout {
    use barewire::__private::zerocopy::{FromBytes, IntoBytes};
    let twin: lawless::Order = decode(&encode(order)).expect("without rules it is a value");
    let mut place = lawless::OrderLayout::new_zeroed();
    twin.store(&mut place).expect("it fits");
    OrderLayout::read_from_bytes(place.as_bytes()).expect("of one size")
}

#[test]
fn what_keeps_the_rules_passes_everywhere() {
    let order = right();
    let octets = encode(&order);
    assert_eq!(decode::<Order>(&octets).as_ref(), Ok(&order));
    let mut place = OrderLayout::new_zeroed();
    order.store(&mut place).expect("it keeps the rules");
    assert_eq!(Order::load(&place).as_ref(), Ok(&order));
    assert_eq!(place.count(), Ok(9));
    assert_eq!(place.word(), Ok("word"));
    assert_eq!(place.limits().map(|limits| limits.low), Ok(1));
    assert!(matches!(place.choice(), Ok(ChoiceView::Done(5))));
    let mut out = Vec::new();
    Order::encode_layout(&place, &mut Encoder::new(&mut out)).expect("it keeps the rules");
    assert_eq!(out, octets);
    assert_eq!(foreign(&order).ids().map(<[_]>::len), Ok(2));
}

#[test]
fn every_decode_refuses_what_breaks_a_rule() {
    for (path, order) in wrong() {
        let octets = encode(&order);
        let error = decode::<Order>(&octets).expect_err(path);
        assert_eq!(error.path(), path, "{error}");
        assert!(matches!(error.kind(), DecodeErrorKind::Refused { .. }), "{error}");
        let mut other = Order { choice: order.choice.clone(), ..right() };
        assert_eq!(decode_into(&mut other, &octets).as_ref(), Err(&error));
        assert_eq!(verify::<Order>(&octets).as_ref(), Err(&error));
        let mut place = OrderLayout::new_zeroed();
        let error = Order::decode_layout(&mut Decoder::new(&octets), &mut place);
        let error = error.expect_err(path);
        assert!(error.path().starts_with(path.split(['[', '.']).next().expect("one")), "{error}");
        assert!(matches!(error.kind(), DecodeErrorKind::Refused { .. }), "{error}");
    }
}

/// Every way to decode refuses the octets, with one error that has this path.
fn refused<T>(value: &T, mut place: T, path: &str)
where
    T: Encode + for<'de> Decode<'de> + std::fmt::Debug + PartialEq,
{
    let octets = encode(value);
    let error = decode::<T>(&octets).expect_err("it breaks a rule");
    assert!(matches!(error.kind(), DecodeErrorKind::Refused { .. }), "{error}");
    assert_eq!(error.path(), path, "{error}");
    assert_eq!(decode_into(&mut place, &octets).as_ref(), Err(&error));
    assert_eq!(verify::<T>(&octets).as_ref(), Err(&error));
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Numbers {
    first: u32,
    #[bare(range = 1..)]
    second: u32,
}

#[test]
fn values_that_stand_in_memory_as_they_are_encoded_are_not_copied_past_a_rule() {
    let percent = |number| vec![Percent(1), Percent(number)];
    refused(&percent(101), percent(2), "[1]");
    refused(&[Percent(1), Percent(101)], [Percent(1), Percent(2)], "[1]");
    refused(&(Percent(101), 7_u8), (Percent(1), 7), "field0");
    let limits = |high| vec![Limits { low: 0, high: 9 }, Limits { low: 2, high }];
    refused(&limits(1), limits(2), "[1]");
    let ids = |id| vec![Id(4), Id(id)];
    refused(&ids(0), ids(1), "[1]");
    let numbers = |second| vec![Numbers { first: 0, second: 3 }, Numbers { first: 0, second }];
    refused(&numbers(0), numbers(1), "[1].second");
    assert_eq!(decode(&encode(&numbers(8))), Ok(numbers(8)));
}

#[test]
fn a_value_that_breaks_a_rule_stands_nowhere() {
    let octets = encode(&Order { count: 10, ..right() });
    let mut place = right();
    assert!(decode_into(&mut place, &octets).is_err());
    assert_eq!(place.count, 9);
    let octets = encode(&vec![Limits { low: 3, high: 2 }]);
    let mut place = vec![Limits { low: 1, high: 4 }];
    assert!(decode_into(&mut place, &octets).is_err());
    assert!(place.iter().all(ascends), "{place:?}");
}

#[test]
fn every_checked_read_of_a_layout_refuses_what_breaks_a_rule() {
    for (path, order) in wrong() {
        let place = foreign(&order);
        let error = Order::load(&place).expect_err(path);
        assert_eq!(error.path(), path, "{error}");
        assert!(matches!(error.kind(), LayoutErrorKind::Refused { .. }), "{error}");
        let mut out = Vec::new();
        assert!(Order::encode_layout(&place, &mut Encoder::new(&mut out)).is_err(), "{path}");
        let refused = match path.split(['[', '.']).next() {
            Some("count") => place.count().is_err(),
            Some("share") => place.part().is_err(),
            Some("maybe") => place.maybe().is_err(),
            Some("even") => place.even().is_err(),
            Some("word") => place.word().is_err(),
            Some("limits") => place.limits().is_err(),
            Some("ids") => place.ids().is_err(),
            Some("done") => place.done().is_err(),
            Some("choice") => match place.choice() {
                Err(_) => true,
                Ok(ChoiceView::Both(both)) => both.even().is_err(),
                Ok(_) => false,
            },
            other => unreachable!("{other:?}"),
        };
        assert!(refused, "{path} is read in place");
    }
}

#[test]
fn a_value_that_breaks_a_rule_is_not_stored() {
    for (path, order) in wrong() {
        let error = order.store(&mut OrderLayout::new_zeroed()).expect_err(path);
        assert_eq!(error.path(), path, "{error}");
    }
}

#[test]
fn the_error_says_which_rule_and_why() {
    let error = |change: fn(&mut Order)| {
        let mut order = right();
        change(&mut order);
        decode::<Order>(&encode(&order)).expect_err("it breaks a rule").to_string()
    };
    assert_eq!(
        error(|order| order.count = 0),
        "at octet 0, count: the value breaks a rule: it must be in 1..=9"
    );
    let text = error(|order| order.word = "a b".into());
    assert!(text.ends_with("`is_word` must accept it: a word has no spaces"), "{text}");
}
