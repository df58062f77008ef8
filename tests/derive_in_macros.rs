//! Types that a macro writes: tokens of the caller and of the macro, mixed in one item.

use std::collections::BTreeMap;

use barewire::__private::zerocopy::FromZeros;
use barewire::BareSchema;
use barewire::codec::{Decode, Encode, decode, decode_into, encode, verify};
use barewire::layout::FixedLayout;

fn is_even(value: &u32) -> bool {
    value.is_multiple_of(2)
}

/// The field, its type, its range and its validator come from the caller, the rest does not.
macro_rules! measured {
    ($name:ident, $field:ident: $type:ty, $range:expr, $check:path, $most:literal) => {
        #[derive(BareSchema, Debug, Clone, PartialEq)]
        struct $name {
            #[bare(range = 1..=$most)]
            $field: $type,
            own: $type,
            #[bare(max = $most, item(max = 3))]
            words: Vec<String>,
            #[bare(validate = $check)]
            even: u32,
            pair: ($type, u8),
            #[bare(skip, default = $range)]
            skipped: $type,
            inner: Inner,
        }
    };
    (union $name:ident { $($variant:ident($type:ty)),* }) => {
        #[derive(BareSchema, Debug, Clone, PartialEq)]
        enum $name {
            $($variant($type),)*
            Own(Inner),
            Both { first: Inner, second: u8 },
        }
    };
    (whole $name:ident, $check:path) => {
        #[derive(BareSchema, Debug, Clone, PartialEq)]
        #[bare(validate = $check)]
        struct $name {
            value: u32,
        }
    };
    (tokens $name:ident { $($tokens:tt)* }) => {
        #[derive(BareSchema, Debug, Clone, PartialEq)]
        struct $name { $($tokens)* }
    };
    (schema $name:ident { $($tokens:tt)* }) => {
        mod $name {
            barewire::schema! {
                $($tokens)*
                type OfTheMacro struct { root: Root others: list<Root> }
            }
        }
    };
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Inner {
    deep: u16,
}

measured!(Length, field: u32, 40 + 2, is_even, 9);
measured!(union Choice { Number(u32), Deep(Inner), Text(Box<Length>) });
measured!(whole Whole, whole_is_even);
measured!(tokens Tokens {
    #[bare(range = 1..=9)]
    one: u8,
    #[bare(validate = is_even)]
    two: u32,
    #[bare(range = ..5)]
    three: Option<i8>,
    #[bare(max = 2)]
    four: BTreeMap<u8, Inner>,
    five: (Inner, u64),
});
measured!(schema written {
    type Kind enum { A B = 200 }
    type Point struct { x: f32 y: optional<u8> }
    type Root struct { kind: Kind points: list<Point> one: union { Kind | Point | str } n: uint }
});

fn whole_is_even(whole: &Whole) -> bool {
    is_even(&whole.value)
}

fn comes_back<T>(value: &T)
where
    T: Encode + for<'de> Decode<'de> + PartialEq + Clone + std::fmt::Debug,
{
    let octets = encode(value);
    assert_eq!(decode::<T>(&octets).as_ref(), Ok(value));
    assert_eq!(verify::<T>(&octets), Ok(()));
    let mut place = value.clone();
    assert_eq!(decode_into(&mut place, &octets), Ok(()));
    assert_eq!(&place, value);
}

fn length() -> Length {
    Length {
        field: 1,
        own: 2,
        words: vec!["abc".into()],
        even: 4,
        pair: (5, 6),
        skipped: 42,
        inner: Inner { deep: 7 },
    }
}

#[test]
fn what_a_macro_and_its_caller_wrote_together_is_encoded_and_laid_out() {
    comes_back(&length());
    let mut place = LengthLayout::new_zeroed();
    length().store(&mut place).expect("it fits");
    assert_eq!(Length::load(&place), Ok(length()));
    for choice in [
        Choice::Number(1),
        Choice::Deep(Inner { deep: 2 }),
        Choice::Own(Inner { deep: 3 }),
        Choice::Both { first: Inner { deep: 4 }, second: 5 },
    ] {
        comes_back(&choice);
    }
    comes_back(&Choice::Text(Box::new(length())));
    comes_back(&Whole { value: 2 });
    comes_back(&Tokens {
        one: 1,
        two: 2,
        three: Some(3),
        four: BTreeMap::from([(4, Inner { deep: 4 })]),
        five: (Inner { deep: 5 }, 5),
    });
}

#[test]
fn rules_that_come_from_the_caller_of_a_macro_hold() {
    for wrong in [Length { field: 10, ..length() }, Length { even: 3, ..length() }] {
        assert!(decode::<Length>(&encode(&wrong)).is_err(), "{wrong:?}");
    }
    assert!(decode::<Whole>(&encode(&Whole { value: 3 })).is_err());
}

#[test]
fn a_schema_whose_tokens_went_through_a_macro_is_a_schema() {
    use written::{Kind, OfTheMacro, Point, Root, RootOne};
    let point = Point { x: 1.5, y: Some(2) };
    let one = RootOne::Point(point.clone());
    let root = Root { kind: Kind::B, points: vec![point], one, n: 300 };
    comes_back(&OfTheMacro { root: root.clone(), others: vec![root] });
}
