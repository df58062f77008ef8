//! The known octets of BARE values, and the octets that a strict decoder refuses.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use barewire::BareSchema;
use barewire::codec::DecodeErrorKind as Kind;
use barewire::codec::{Decode, Encode, Int, UInt, decode, encode, encode_deterministic};
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
    for end in 0..octets(hex).len() {
        assert!(decode::<T>(&octets(hex)[..end]).is_err(), "{hex} cut at {end}");
    }
}

fn refused<T: for<'de> Decode<'de> + std::fmt::Debug>(hex: &str) -> Kind {
    decode::<T>(&octets(hex)).expect_err(hex).kind()
}

fn ends_early<T: for<'de> Decode<'de> + std::fmt::Debug>(hex: &str) {
    let kind = refused::<T>(hex);
    assert!(matches!(kind, Kind::UnexpectedEnd { .. }), "{hex}: {kind:?}");
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
fn numbers_have_their_octets() {
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
    both(vec![1_u16, 0x203], "0201000302");
    both([1.0_f32, -2.0], "0000803f000000c0");
}

#[test]
fn composed_values_have_their_octets() {
    both("é".to_owned(), "02c3a9");
    both("a\0b".to_owned(), "03610062");
    both(Wrapped { octet: None }, "00");
    both(Wrapped { octet: Some(None) }, "0100");
    both(Wrapped { octet: Some(Some(5)) }, "010105");
    both(["foo", "bar", "buzz"].map(str::to_owned).to_vec(), "0303666f6f036261720462757a7a");
    both(Letter::C, "ad02");
    both(None::<Option<u8>>, "00");
    both(Some(None::<u8>), "0100");
    both(Some(Some(5_u8)), "010105");
    both(Box::new([true, false]), "0100");
    both(BTreeMap::from([(1_u8, true), (2, false)]), "0201010200");
    assert_eq!(decode::<Cow<'_, str>>(&[1, 97]).expect("a str"), "a");
    assert_eq!(decode::<&[u8]>(&[2, 1, 2]).expect("data"), [1, 2]);
}

#[test]
fn the_members_of_a_union_have_their_tags() {
    for hex in ["02026869", "ac02", "01ff"] {
        let value: Choice = decode(&octets(hex)).expect(hex);
        both(value, hex);
    }
    for (choice, tag) in [("00", 0), ("03", 3)] {
        assert_eq!(refused::<Choice>(choice), Kind::UnknownTag { name: "Choice", tag });
    }
    for (letter, value) in [("01", 1), ("ae02", 302)] {
        assert_eq!(refused::<Letter>(letter), Kind::UnknownValue { name: "Letter", value });
    }
}

#[test]
fn what_a_strict_decoder_refuses() {
    for hex in ["8000", "818000", "80808080808080808000"] {
        assert_eq!(refused::<UInt>(hex), Kind::NotMinimal);
        assert_eq!(refused::<Int>(hex), Kind::NotMinimal);
    }
    for hex in ["80808080808080808080", "80808080808080808002"] {
        assert_eq!(refused::<UInt>(hex), Kind::Overflow);
        assert_eq!(refused::<Int>(hex), Kind::Overflow);
    }
    ends_early::<UInt>("80");
    ends_early::<Int>("80");
    assert_eq!(refused::<bool>("02"), Kind::NotBool(2));
    assert_eq!(refused::<Option<u8>>("0205"), Kind::NotBool(2));
    ends_early::<String>("01");
    for text in ["02c080", "03eda080", "01ff"] {
        assert_eq!(refused::<String>(text), Kind::NotUtf8);
    }
    assert_eq!(refused::<BTreeMap<u8, bool>>("0201000101"), Kind::DuplicateKey);
    assert_eq!(refused::<HashMap<u8, bool>>("0201000101"), Kind::DuplicateKey);
    let endless = "ffffffffffffffffff01";
    ends_early::<Vec<u8>>(endless);
    ends_early::<Vec<u64>>(endless);
    ends_early::<Vec<()>>(endless);
    ends_early::<Vec<String>>(endless);
    ends_early::<BTreeMap<u8, u8>>(endless);
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

#[test]
fn an_error_names_the_place() {
    let error =
        decode::<BTreeMap<u8, Vec<bool>>>(&[1, 7, 2, 1, 3]).expect_err("octet 4 is no bool");
    assert_eq!((error.offset(), error.path()), (4, "[0].value[1]"));
}

#[test]
fn deterministic_mode_sorts_maps_and_knows_one_nan() {
    let nans = [f32::from_bits(0x7fc0_0001), f32::from_bits(0xffc0_0000)];
    assert_eq!(encode_deterministic(&nans), octets("0000c07f0000c07f"));
    assert_eq!(encode(&nans), octets("0100c07f0000c0ff"));
    assert_eq!(encode_deterministic(&-f64::NAN), octets("000000000000f87f"));
    // In octets, 256 stands before 1.
    let map = BTreeMap::from([(1_u16, 1_u8), (256, 2)]);
    assert_eq!(encode(&map), octets("02010001000102"));
    assert_eq!(encode_deterministic(&map), octets("02000102010001"));
    let hashed: HashMap<u16, u8> = map.into_iter().collect();
    assert_eq!(encode(&hashed), octets("02000102010001"));
}
