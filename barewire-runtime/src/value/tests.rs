//! The law of the two forms over generated schemas, and agreement with the typed codec.

use std::collections::BTreeMap;

use barewire_schema::build::{
    self, enumeration, list_max, map_max, optional, string_max, structure, union,
};
use barewire_schema::{BareSchema, Max, Schema, Type};
use zerocopy::{FromZeros, IntoBytes};

use super::{Value, ValueErrorKind, encode_layout};
use crate::codec::{Decode, DecodeErrorKind, Encode, Encoder, decode, encode};
use crate::layout::FixedLayout;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    fn primitive(&mut self) -> Type {
        match self.below(19) {
            0 => build::uint(),
            1 => build::int(),
            2 => build::u8(),
            3 => build::u16(),
            4 => build::u32(),
            5 => build::u64(),
            6 => build::i8(),
            7 => build::i16(),
            8 => build::i32(),
            9 => build::i64(),
            10 => build::bool(),
            11 => string_max(1 + self.below(9)),
            12 => build::data_max(1 + self.below(9)),
            13 => build::data_fixed(1 + self.below(9)),
            14 => enumeration([("A", 0), ("B", 300)]),
            15 => enumeration([("A", 0), ("B", 1 << 40)]),
            16 => build::u16(),
            _ => build::u8(),
        }
    }

    fn ty(&mut self, depth: u64) -> Type {
        if depth == 0 {
            return match self.below(10) {
                0 => build::f32(),
                1 => build::f64(),
                _ => self.primitive(),
            };
        }
        match self.below(8) {
            0 => optional(self.ty(depth - 1)),
            1 => list_max(self.ty(depth - 1), 1 + self.below(4)),
            2 => build::list_fixed(self.ty(depth - 1), 1 + self.below(3)),
            3 => map_max(self.primitive(), self.ty(depth - 1), 1 + self.below(4)),
            4 => union([
                (1, self.ty(depth - 1)),
                (2, build::void()),
                (3 + (self.below(2) << 40), structure([("only", self.ty(depth - 1))])),
            ]),
            5 | 6 => {
                let count = 1 + self.below(4);
                structure((0..count).map(|index| (format!("f{index}"), self.ty(depth - 1))))
            }
            _ => self.ty(0),
        }
    }

    fn octets(&mut self, cap: u64) -> Vec<u8> {
        let count = self.below(cap + 1);
        (0..count).map(|_| b'a' + self.below(26) as u8).collect()
    }

    fn value(&mut self, ty: &Type) -> Value {
        match ty.resolved() {
            Type::UInt => Value::UInt(self.next() >> self.below(64)),
            Type::Int => Value::Int(self.next() as i64 >> self.below(64)),
            Type::U8 => Value::U8(self.next() as u8),
            Type::U16 => Value::U16(self.next() as u16),
            Type::U32 => Value::U32(self.next() as u32),
            Type::U64 => Value::U64(self.next()),
            Type::I8 => Value::I8(self.next() as i8),
            Type::I16 => Value::I16(self.next() as i16),
            Type::I32 => Value::I32(self.next() as i32),
            Type::I64 => Value::I64(self.next() as i64),
            Type::F32 => Value::F32(self.next() as f32),
            Type::F64 => Value::F64(self.next() as f64),
            Type::Bool => Value::Bool(self.below(2) == 1),
            Type::Str { cap } => {
                let octets = self.octets(cap.unwrap());
                Value::Str(String::from_utf8(octets).unwrap())
            }
            Type::Data { cap } => Value::Data(self.octets(cap.unwrap())),
            Type::DataFixed { len } => Value::Data((0..*len).map(|_| self.next() as u8).collect()),
            Type::Void => Value::Void,
            Type::Enum(members) => {
                Value::Enum(members[self.below(members.len() as u64) as usize].value)
            }
            Type::Optional(item) => {
                let some = self.below(2) == 1;
                Value::optional(some.then(|| self.value(item.get())))
            }
            Type::List { item, cap } => {
                let count = self.below(cap.unwrap() + 1);
                Value::List((0..count).map(|_| self.value(item.get())).collect())
            }
            Type::ListFixed { item, len } => {
                Value::List((0..*len).map(|_| self.value(item.get())).collect())
            }
            Type::Map { key, value, cap } => {
                let mut pairs: Vec<(Value, Value)> = Vec::new();
                for _ in 0..self.below(cap.unwrap() + 1) {
                    let new = self.value(key.get());
                    if pairs.iter().all(|(known, _)| *known != new) {
                        pairs.push((new, self.value(value.get())));
                    }
                }
                Value::Map(pairs)
            }
            Type::Union(members) => {
                let member = &members[self.below(members.len() as u64) as usize];
                Value::Union(member.tag, Box::new(self.value(member.ty.get())))
            }
            Type::Struct(fields) => Value::Struct(
                fields.iter().map(|f| (f.name.clone(), self.value(f.ty.get()))).collect(),
            ),
            Type::User { .. } => unreachable!("all names are resolved"),
        }
    }
}

#[test]
fn both_forms_agree_over_generated_schemas() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..2000 {
        let draft = Schema::new("t").with_type("T", numbers.ty(round % 4));
        let schema = draft.validate().unwrap();
        let ty = schema.root();
        let value = numbers.value(ty);
        let octets = value.to_bytes(ty).unwrap();
        assert_eq!(Value::decode(ty, &octets).unwrap(), value, "{ty:?}");

        let size = ty.layout().unwrap().size as usize;
        let (mut clean, mut dirty) = (vec![0; size], vec![0xa5; size]);
        value.store(ty, &mut clean).unwrap();
        value.store(ty, &mut dirty).unwrap();
        assert_eq!(clean, dirty, "{ty:?}");
        assert_eq!(Value::load(ty, &clean).unwrap(), value, "{ty:?}");
        assert_eq!(encode_layout(ty, &clean).unwrap(), octets, "{ty:?}");

        // Foreign bytes give a value or an error, and what is a value has octets.
        for _ in 0..8 {
            if size > 0 {
                dirty[numbers.below(size as u64) as usize] = numbers.next() as u8;
            }
            if let Ok(value) = Value::load(ty, &dirty) {
                value.to_bytes(ty).unwrap();
            }
            let mut changed = octets.clone();
            if !changed.is_empty() {
                let at = numbers.below(changed.len() as u64) as usize;
                changed[at] = numbers.next() as u8;
            }
            if let Ok(value) = Value::decode(ty, &changed) {
                assert_eq!(value.to_bytes(ty).unwrap(), changed, "{ty:?}");
            }
        }
    }
}

/// The dynamic forms are those of the Rust type.
fn same<T, C>(value: &T)
where
    T: FixedLayout<C> + BareSchema<C> + Encode + for<'de> Decode<'de> + PartialEq,
{
    let ty = <T as BareSchema<C>>::TYPE;
    let octets = encode(value);
    let dynamic = Value::decode(ty, &octets).unwrap();
    assert_eq!(dynamic.to_bytes(ty).unwrap(), octets);
    let mut layout = T::Layout::new_zeroed();
    value.store(&mut layout).unwrap();
    let mut bytes = vec![0xff; size_of::<T::Layout>()];
    dynamic.store(ty, &mut bytes).unwrap();
    assert_eq!(bytes, layout.as_bytes());
    for at in 0..octets.len() {
        for octet in [0, 1, 2, 0x7f, 0x80, 0xff] {
            let mut changed = octets.clone();
            changed[at] = octet;
            assert_eq!(Value::decode(ty, &changed).is_ok(), decode::<T>(&changed).is_ok());
        }
    }
}

#[test]
fn the_forms_are_those_of_rust_types() {
    same::<Option<Option<u16>>, ()>(&Some(None));
    same::<Vec<u64>, Max<3>>(&vec![1, u64::MAX]);
    same::<Vec<u16>, Max<3>>(&vec![1, 2]);
    same::<Vec<u8>, Max<5>>(&vec![1, 2]);
    same::<[Option<u32>; 2], ()>(&[Some(9), None]);
    same::<Vec<String>, Max<2, Max<4>>>(&vec!["é".into(), "abc".into()]);
    let map = BTreeMap::from([("a".to_owned(), 1_u64), ("b".to_owned(), 2)]);
    same::<BTreeMap<String, u64>, Max<4, (Max<4>, ())>>(&map);
}

#[test]
fn errors_name_the_path() {
    let ty = structure([("rows", list_max(structure([("name", string_max(3))]), 2))]);
    let row = |name: Value| Value::structure([("name", name)]);
    let rows = |rows: Vec<Value>| Value::structure([("rows", Value::List(rows))]);
    let mut bytes = vec![0xff; ty.layout().unwrap().size as usize];

    let error = rows(vec![row("abc".into()), row("abcd".into())]).store(&ty, &mut bytes);
    let error = error.unwrap_err();
    assert_eq!(error.path(), "rows[1].name");
    assert_eq!(*error.kind(), ValueErrorKind::OverCap { count: 4, cap: 3 });
    assert!(bytes.iter().all(|byte| *byte == 0));

    let error = rows(vec![row(7_u8.into())]).to_bytes(&ty).unwrap_err();
    assert_eq!(error.to_string(), "rows[0].name: expected str, found u8");
    assert_eq!(
        *Value::load(&ty, &[0; 3]).unwrap_err().kind(),
        ValueErrorKind::Size { expected: bytes.len() as u64, found: 3 }
    );
    let error = Value::decode(&ty, &[1, 1, 0xff]).unwrap_err();
    assert_eq!((error.path(), error.kind()), ("rows[0].name", DecodeErrorKind::NotUtf8));
    let unbounded = Value::from("a").store(&build::string(), &mut bytes).unwrap_err();
    assert_eq!(*unbounded.kind(), ValueErrorKind::NoLayout);
}

#[test]
fn maps_refuse_a_key_twice_and_know_an_order() {
    let ty = map_max(build::u8(), build::bool(), 4);
    let pair = |key: u8| (Value::U8(key), Value::Bool(true));
    let twice = Value::Map(vec![pair(1), pair(1)]);
    assert_eq!(*twice.to_bytes(&ty).unwrap_err().kind(), ValueErrorKind::DuplicateKey);
    let mut bytes = [0; 12];
    let error = twice.store(&ty, &mut bytes).unwrap_err();
    assert_eq!(error.path(), "[1].key");
    let error = Value::decode(&ty, &[2, 1, 0, 1, 1]).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::DuplicateKey);

    let mut octets = Vec::new();
    let value = Value::Map(vec![pair(2), pair(1)]);
    value.encode(&ty, &mut Encoder::deterministic(&mut octets)).unwrap();
    assert_eq!(octets, [2, 1, 1, 2, 1]);
}

#[test]
fn counts_that_the_input_cannot_hold_are_refused_at_once() {
    let bomb = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    assert!(Value::decode(&build::list(build::u8()), &bomb).is_err());
    assert!(Value::decode(&build::list_fixed(build::void(), u64::MAX), &[]).is_err());
    assert!(Value::decode(&build::data_fixed(u64::MAX), &[0]).is_err());
}

#[test]
fn values_are_shown_with_the_names_of_their_type() {
    let ty = structure([("kind", enumeration([("OFF", 0), ("ON", 1)])), ("raw", build::data())]);
    assert_eq!(Value::member(&ty, "ON"), None);
    assert_eq!(Value::member(&enumeration([("ON", 5)]), "ON"), Some(Value::Enum(5)));
    let value = Value::structure([("kind", Value::Enum(1)), ("raw", vec![1, 0xab].into())]);
    assert_eq!(value.show(&ty).to_string(), "{ kind: ON, raw: 0x01ab }");
}
