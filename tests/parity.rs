//! The same octets as another implementation, serde_bare, over generated values.
//!
//! Its encoder is right for these types; its decoder is laxer than BARE asks, so only what this
//! project accepts must be accepted there, with the same value.

use barewire::BareSchema;
use barewire::codec::{decode, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(BareSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Kind {
    Text,
    Image,
    Join,
}

#[derive(BareSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Body {
    Number(u32),
    Words(Vec<String>),
    Pair { left: i64, right: bool },
}

#[derive(BareSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Record {
    kind: Kind,
    count: u16,
    offset: i32,
    ratio: f64,
    small: Option<f32>,
    text: String,
    bodies: Vec<Body>,
    fixed: [u32; 3],
    nested: Option<Vec<Option<u8>>>,
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        any::<u32>().prop_map(Body::Number),
        vec(any::<String>(), 0..4).prop_map(Body::Words),
        any::<(i64, bool)>().prop_map(|(left, right)| Body::Pair { left, right }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let kind = prop_oneof![Just(Kind::Text), Just(Kind::Image), Just(Kind::Join)];
    let numbers = (any::<u16>(), any::<i32>(), any::<f64>(), any::<Option<f32>>());
    let nested = any::<Option<Vec<Option<u8>>>>();
    (kind, numbers, any::<String>(), vec(body(), 0..5), any::<[u32; 3]>(), nested).prop_map(
        |(kind, (count, offset, ratio, small), text, bodies, fixed, nested)| Record {
            kind,
            count,
            offset,
            ratio,
            small,
            text,
            bodies,
            fixed,
            nested,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn the_octets_equal_those_of_serde_bare(record in record()) {
        let octets = encode(&record);
        prop_assert_eq!(&serde_bare::to_vec(&record).expect("it encodes"), &octets);
        prop_assert_eq!(decode::<Record>(&octets).expect("its own octets"), record);
    }

    #[test]
    fn what_is_accepted_here_is_accepted_there(
        record in record(),
        damage in vec((any::<u16>(), any::<u8>()), 1..4),
    ) {
        let mut octets = encode(&record);
        for (at, octet) in damage {
            let at = usize::from(at) % octets.len();
            octets[at] = octet;
        }
        if let Ok(value) = decode::<Record>(&octets) {
            prop_assert_eq!(encode(&value), octets.clone());
            let other: Record = serde_bare::from_slice(&octets).expect("accepted here");
            prop_assert_eq!(encode(&other), octets);
        }
    }
}
