//! The known octets of BARE values, and the octets that a strict decoder refuses.

use std::collections::BTreeMap;

use barewire::BareSchema;
use barewire::codec::{Decode, Encode, Int, UInt, decode, encode};
use barewire::layout::FixedLayout;

fn octets(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn both<T>(value: T, hex: &str)
where
    T: Encode + for<'de> Decode<'de> + PartialEq + std::fmt::Debug,
{
    assert_eq!(encode(&value), octets(hex), "{value:?}");
    assert_eq!(decode::<T>(&octets(hex)).expect(hex), value);
    let longer = [octets(hex), vec![0]].concat();
    assert!(decode::<T>(&longer).is_err(), "{hex} and one octet more");
}

fn refused<T: for<'de> Decode<'de> + std::fmt::Debug>(hex: &str) {
    let error = decode::<T>(&octets(hex)).expect_err(hex);
    assert!(!error.to_string().is_empty());
}

barewire::schema! {
    type Letter enum { A B = 300 C }
    type Choice union { u8 = 1 | str | void = 300 }
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Wrapped {
    octet: Option<Option<u8>>,
}

#[test]
fn values_have_their_octets() {
    for (value, hex) in [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16383, "ff7f"),
        (16384, "808001"),
        (100_000, "a08d06"),
        (1 << 63, "80808080808080808001"),
        (u64::MAX, "ffffffffffffffffff01"),
    ] {
        both(UInt(value), hex);
    }
    for (value, hex) in [
        (0, "00"),
        (-1, "01"),
        (63, "7e"),
        (-64, "7f"),
        (64, "8001"),
        (-65, "8101"),
        (i64::MAX, "feffffffffffffffff01"),
        (i64::MIN, "ffffffffffffffffff01"),
    ] {
        both(Int(value), hex);
    }
    both(-255_i16, "01ff");
    both(1337.42_f32, "712da744");
    both(-25.5_f64, "00000000008039c0");
    both("é".to_owned(), "02c3a9");
    both("a\0b".to_owned(), "03610062");
    both(Wrapped { octet: None }, "00");
    both(Wrapped { octet: Some(None) }, "0100");
    both(Wrapped { octet: Some(Some(5)) }, "010105");
    both(["foo", "bar", "buzz"].map(str::to_owned).to_vec(), "0303666f6f036261720462757a7a");
    both(Letter::C, "ad02");
}

#[test]
fn the_members_of_a_union_have_their_tags() {
    for hex in ["02026869", "ac02", "01ff"] {
        let value: Choice = decode(&octets(hex)).expect(hex);
        both(value, hex);
    }
    refused::<Choice>("00");
    refused::<Choice>("03");
    refused::<Letter>("01");
    refused::<Letter>("ae02");
}

#[test]
fn what_a_strict_decoder_refuses() {
    for hex in ["8000", "818000", "80", "80808080808080808080", "80808080808080808002"] {
        refused::<UInt>(hex);
        refused::<Int>(hex);
    }
    refused::<bool>("02");
    for hex in ["01", "02c080", "03eda080", "01ff"] {
        refused::<String>(hex);
    }
    refused::<BTreeMap<u8, bool>>("0201000101");
    refused::<Vec<u8>>("ffffffffffffffffff01");
    refused::<Vec<String>>("ffffffffffffffffff01");
    refused::<Option<u8>>("0205");
    both(BTreeMap::from([(1_u8, false), (2, true)]), "0201000201");
}

#[test]
fn the_layout_has_the_same_octets() {
    let value = Wrapped { octet: Some(Some(5)) };
    let mut layout = zeroed::<Wrapped>();
    value.store(&mut layout).expect("it fits");
    let mut buffer = Vec::new();
    let mut out = barewire::codec::Encoder::new(&mut buffer);
    Wrapped::encode_layout(&layout, &mut out).expect("it is a value");
    assert_eq!(buffer, encode(&value));
    assert_eq!(Wrapped::load(&layout).expect("it is a value"), value);
}

fn zeroed<T: FixedLayout>() -> T::Layout {
    <T::Layout as barewire::__private::zerocopy::FromZeros>::new_zeroed()
}
