//! The law of the two forms, the sizes, and what foreign bytes cannot do.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use barewire_schema::{BareSchema, Max};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::{
    Access, Assign, Bool, Data, FixedLayout, LayoutErrorKind, List, Map, Optional, Pair, Str, Uuid,
};
use crate::codec::{
    Decode, DecodeErrorKind, Decoder, Encode, Encoder, Int, UInt, decode, encode,
    encode_deterministic,
};

fn dirty<L: FromBytes>() -> Box<L> {
    let bytes = vec![0xa5_u8; size_of::<L>()];
    Box::new(L::read_from_bytes(&bytes).unwrap())
}

/// Both forms of a value agree, and nothing of what stood in the memory before remains.
fn law<T, C>(value: T)
where
    T: FixedLayout<C> + Encode + for<'de> Decode<'de> + PartialEq + Debug,
{
    let expected = T::TYPE.layout().unwrap();
    assert_eq!(size_of::<T::Layout>() as u64, expected.size, "{value:?}");
    assert_eq!(align_of::<T::Layout>() as u64, expected.align, "{value:?}");

    let octets = encode(&value);
    let mut clean = T::Layout::new_zeroed();
    value.store(&mut clean).unwrap();
    let mut stored = dirty::<T::Layout>();
    value.store(&mut stored).unwrap();
    assert_eq!(stored.as_bytes(), clean.as_bytes(), "{value:?}");
    assert_eq!(T::load(&stored).unwrap(), value);

    let mut written = Vec::new();
    T::encode_layout(&stored, &mut Encoder::new(&mut written)).unwrap();
    assert_eq!(written, octets, "{value:?}");
    written.clear();
    T::encode_layout(&stored, &mut Encoder::deterministic(&mut written)).unwrap();
    assert_eq!(written, encode_deterministic(&value), "{value:?}");

    let mut decoded = dirty::<T::Layout>();
    let mut input = Decoder::new(&octets);
    T::decode_layout(&mut input, &mut decoded).unwrap();
    input.finish().unwrap();
    assert_eq!(decoded.as_bytes(), clean.as_bytes(), "{value:?}");

    // Both decoders accept and refuse the same octets, caps aside.
    for at in 0..octets.len() {
        for octet in [0, 1, 2, 0x7f, 0x80, 0xff] {
            let mut changed = octets.clone();
            changed[at] = octet;
            agree::<T, C>(&changed);
        }
        agree::<T, C>(&octets[..at]);
    }
    // Foreign bytes give a value or an error, never a panic.
    let size = size_of::<T::Layout>();
    for at in 0..size {
        let mut bytes = stored.as_bytes().to_vec();
        bytes[at] ^= 0xff;
        let foreign = T::Layout::read_from_bytes(&bytes).unwrap();
        let mut octets = Vec::new();
        let encoded = T::encode_layout(&foreign, &mut Encoder::new(&mut octets));
        let loaded = T::load(&foreign);
        assert_eq!(encoded.as_ref().err(), loaded.as_ref().err(), "byte {at} of {value:?}");
        if encoded.is_ok() {
            decode::<T>(&octets).unwrap();
        }
    }
}

fn agree<T, C>(octets: &[u8])
where
    T: FixedLayout<C> + Encode + for<'de> Decode<'de> + PartialEq + Debug,
{
    let mut layout = dirty::<T::Layout>();
    let mut input = Decoder::new(octets);
    let in_place = T::decode_layout(&mut input, &mut layout).and_then(|()| input.finish());
    match (decode::<T>(octets), in_place) {
        (Ok(value), Ok(())) => {
            // Compared as octets, since a NaN does not equal itself.
            assert_eq!(encode(&T::load(&layout).unwrap()), encode(&value));
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => {
            assert!(matches!(error.kind(), DecodeErrorKind::OverCap { .. }), "{error}");
        }
        (Err(error), Ok(())) => panic!("{octets:x?}: only the owned form is refused: {error}"),
    }
}

#[test]
fn numbers() {
    law::<_, ()>(200_u8);
    law::<_, ()>(-2_i16);
    law::<_, ()>(70_000_u32);
    law::<_, ()>(u64::MAX);
    law::<_, ()>(1337.42_f32);
    law::<_, ()>(-25.5_f64);
    law::<_, ()>(true);
    law::<_, ()>(UInt(100_000));
    law::<_, ()>(Int(i64::MIN));
    law::<_, ()>(Uuid(*b"0123456789abcdef"));
    law::<_, ()>([1_u16, 2, 3]);
    law::<_, ()>(*b"octets");
    law::<_, ()>(Box::new(7_u16));
}

#[test]
fn text_data_and_lists() {
    law::<_, Max<8>>(String::new());
    law::<_, Max<8>>("é".to_owned());
    law::<_, Max<3>>("abc".to_owned());
    law::<_, Max<5>>(vec![1_u8, 2, 3]);
    law::<_, Max<5>>(vec![1_u16, 2, 3]);
    law::<_, Max<3>>(vec![-1_i32, 2]);
    law::<_, Max<3>>(vec![0.5_f64, -2.0]);
    law::<_, Max<3>>(vec![true, false]);
    law::<_, Max<3>>(vec![UInt(300), UInt(2)]);
    law::<_, Max<3, Max<5>>>(vec!["one".to_owned(), String::new()]);
    law::<_, Max<2, Max<3>>>(vec![vec![1_u64], vec![2, 3, 4]]);
    law::<_, Max<3>>(vec![[1_u8, 2], [3, 4]]);
    law::<_, Max<4>>(["a".to_owned(), "bc".to_owned()]);
}

#[test]
fn optionals() {
    law::<_, ()>(None::<u8>);
    law::<_, ()>(Some(5_u64));
    law::<_, ()>(Some(None::<u16>));
    law::<_, ()>(Some(Some(7_u16)));
    law::<_, Max<6>>(Some("text".to_owned()));
    law::<_, Max<6>>(Some(vec![1_u32]));
    law::<_, Max<3>>(vec![Some(1_u16), None]);
}

#[test]
fn maps() {
    law::<_, Max<4>>(BTreeMap::from([(1_u16, true), (256, false), (3, true)]));
    law::<_, Max<4>>(HashMap::<u16, u64>::from([(1, 9), (256, 8), (3, 7)]));
    law::<_, Max<4, (Max<4>, Max<2>)>>(BTreeMap::from([
        ("b".to_owned(), vec![1_u32]),
        ("aa".to_owned(), vec![]),
    ]));
    type Names = BTreeMap<u8, String>;
    assert_eq!(size_of::<<Names as FixedLayout<Max<2, ((), Max<3>)>>>::Layout>(), 4 + 2 * 8);
}

#[test]
fn a_cap_is_kept_and_the_fault_is_named() {
    let mut place = Str::<3>::new();
    let error = <String as FixedLayout<Max<3>>>::store(&"four".to_owned(), &mut place).unwrap_err();
    assert_eq!(error.kind(), LayoutErrorKind::OverCap { count: 4, cap: 3 });
    let mut list = List::<Str<3>, 2>::new();
    let texts = vec!["a".to_owned(), "four".to_owned()];
    let error = <Vec<String> as FixedLayout<Max<2, Max<3>>>>::store(&texts, &mut list);
    assert_eq!(error.unwrap_err().path(), "[1]");
    let octets = encode(&texts);
    let mut input = Decoder::new(&octets);
    let error = <Vec<String> as FixedLayout<Max<2, Max<3>>>>::decode_layout(&mut input, &mut list)
        .unwrap_err();
    assert_eq!((error.path(), error.offset()), ("[1]", 3));
    assert_eq!(error.kind(), DecodeErrorKind::OverCap { count: 4, cap: 3 });
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    type Flags = BTreeMap<u8, bool>;
    let mut map = Map::<u8, Bool, 2>::new();
    map.push(Pair::new(1, Bool::new(true))).unwrap();
    map.push(Pair::new(1, Bool::new(false))).unwrap();
    let loaded = <Flags as FixedLayout<Max<2>>>::load(&map).unwrap_err();
    let mut octets = Vec::new();
    let encoded =
        <Flags as FixedLayout<Max<2>>>::encode_layout(&map, &mut Encoder::new(&mut octets));
    assert_eq!(loaded.kind(), LayoutErrorKind::DuplicateKey);
    assert_eq!(encoded.unwrap_err(), loaded);
    let mut input = Decoder::new(&[2, 1, 0, 1, 1]);
    let error = <Flags as FixedLayout<Max<2>>>::decode_layout(&mut input, &mut map).unwrap_err();
    assert_eq!((error.offset(), error.path()), (3, "[1].key"));
}

#[test]
fn without_a_cap_there_is_no_place() {
    let mut place = <String as FixedLayout>::Layout::new_zeroed();
    assert_eq!(size_of_val(&place), 0);
    let error = <String as FixedLayout>::store(&"a".to_owned(), &mut place).unwrap_err();
    assert_eq!(error.kind(), LayoutErrorKind::Unbounded);
    assert!(<String as BareSchema>::TYPE.layout().is_none());
}

#[test]
fn pieces_are_read_and_written_in_place() {
    let mut note = Optional::<Str<8>>::none();
    assert_eq!(Access::get(&note).unwrap(), None);
    note.assign(Some("hello")).unwrap();
    assert_eq!(Access::get(&note).unwrap(), Some("hello"));
    assert!(note.assign(Some("far too long")).is_err());
    assert_eq!(Access::get(&note).unwrap(), Some("hello"));
    note.assign(None::<&str>).unwrap();
    assert!(note.as_bytes().iter().all(|byte| *byte == 0));

    let mut data = Data::<4>::new();
    data.assign(&[1, 2, 3]).unwrap();
    data.assign(&vec![9]).unwrap();
    assert_eq!(data.as_bytes(), [1, 0, 0, 0, 9, 0, 0, 0]);
    data.push(8).unwrap();
    assert_eq!(data.iter().unwrap().copied().collect::<Vec<_>>(), [9, 8]);
    let foreign = Data::<4>::read_from_bytes(&[5, 0, 0, 0, 9, 9, 9, 9]).unwrap();
    assert!(foreign.as_slice().is_err());
    let wide = List::<u64, 1>::read_from_bytes(&[0xff; 16]).unwrap();
    assert!(wide.as_slice().is_err());
}
