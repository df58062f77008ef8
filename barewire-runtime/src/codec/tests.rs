//! The vectors of BARE, and what a strict decoder refuses.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use super::{Decode, DecodeErrorKind, Encode, Int, UInt, decode, encode, encode_deterministic};

fn octets(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn vector<T: Encode + for<'de> Decode<'de> + PartialEq + Debug>(value: T, hex: &str) {
    let octets = octets(hex);
    assert_eq!(encode(&value), octets, "{value:?}");
    assert_eq!(decode::<T>(&octets).unwrap(), value);
    let longer = [octets.as_slice(), &[0]].concat();
    assert!(decode::<T>(&longer).is_err(), "{value:?} and one more octet");
    for end in 0..octets.len() {
        assert!(decode::<T>(&octets[..end]).is_err(), "{value:?} cut at {end}");
    }
}

fn refused<T: for<'de> Decode<'de>>(hex: &str) -> DecodeErrorKind {
    match decode::<T>(&octets(hex)) {
        Ok(_) => panic!("{hex} was accepted"),
        Err(error) => error.kind(),
    }
}

#[test]
fn numbers() {
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
        vector(UInt(value), hex);
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
        vector(Int(value), hex);
    }
    vector(-255_i16, "01ff");
    vector(1337.42_f32, "712da744");
    vector(-25.5_f64, "00000000008039c0");
    vector(vec![1_u16, 0x203], "0201000302");
    vector([1.0_f32, -2.0], "0000803f000000c0");
}

#[test]
fn composites() {
    vector("é".to_owned(), "02c3a9");
    vector("a\0b".to_owned(), "03610062");
    vector(None::<Option<u8>>, "00");
    vector(Some(None::<u8>), "0100");
    vector(Some(Some(5_u8)), "010105");
    let words = ["foo", "bar", "buzz"].map(str::to_owned).to_vec();
    vector(words, "0303666f6f036261720462757a7a");
    vector(Box::new([true, false]), "0100");
    vector(BTreeMap::from([(1_u8, true), (2, false)]), "0201010200");
    assert_eq!(decode::<Cow<'_, str>>(&[1, 97]).unwrap(), "a");
    assert_eq!(decode::<&[u8]>(&[2, 1, 2]).unwrap(), [1, 2]);
}

#[test]
fn refusals() {
    use DecodeErrorKind as Kind;
    assert_eq!(refused::<UInt>("8000"), Kind::NotMinimal);
    assert_eq!(refused::<UInt>("818000"), Kind::NotMinimal);
    assert!(matches!(refused::<UInt>("80"), Kind::UnexpectedEnd { .. }));
    assert_eq!(refused::<UInt>("80808080808080808080"), Kind::Overflow);
    assert_eq!(refused::<Int>("80808080808080808002"), Kind::Overflow);
    assert_eq!(refused::<UInt>("80808080808080808000"), Kind::NotMinimal);
    assert_eq!(refused::<bool>("02"), Kind::NotBool(2));
    assert_eq!(refused::<Option<u8>>("0205"), Kind::NotBool(2));
    assert!(matches!(refused::<String>("01"), Kind::UnexpectedEnd { .. }));
    for text in ["02c080", "03eda080", "01ff"] {
        assert_eq!(refused::<String>(text), Kind::NotUtf8);
    }
    assert_eq!(refused::<BTreeMap<u8, bool>>("0201000101"), Kind::DuplicateKey);
    assert_eq!(refused::<HashMap<u8, bool>>("0201000101"), Kind::DuplicateKey);
    let endless = "ffffffffffffffffff01";
    assert!(matches!(refused::<Vec<u64>>(endless), Kind::UnexpectedEnd { .. }));
    assert!(matches!(refused::<Vec<()>>(endless), Kind::UnexpectedEnd { .. }));
    assert!(matches!(refused::<Vec<u8>>(endless), Kind::UnexpectedEnd { .. }));
    assert!(matches!(refused::<BTreeMap<u8, u8>>(endless), Kind::UnexpectedEnd { .. }));
}

#[test]
fn an_error_names_the_place() {
    let error = decode::<BTreeMap<u8, Vec<bool>>>(&[1, 7, 2, 1, 3]).unwrap_err();
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
