//! The law over generated schemas: the octets of a value are those of its fixed layout.

use barewire::codec::Encoder;
use barewire::value::{Value, encode_layout};
use barewire_schema::{
    Schema, Type, Validated, data_fixed, data_max, enumeration, list_fixed, list_max, map_max,
    optional, string_max, structure, union,
};
use proptest::prelude::*;

/// Numbers that look random and are the same in every run (splitmix64, by Sebastiano Vigna).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Small and large numbers, each about as often.
    fn number(&mut self) -> u64 {
        let bits = self.below(65) as u32;
        self.next().checked_shr(bits).unwrap_or(0)
    }
}

fn key(random: &mut Random) -> Type {
    let keys = [Type::U8, Type::I32, Type::UInt, Type::Bool, string_max(9), data_fixed(3)];
    keys[random.below(keys.len() as u64) as usize].clone()
}

fn any_type(random: &mut Random, depth: u64) -> Type {
    let plain = [
        Type::UInt,
        Type::Int,
        Type::U8,
        Type::U16,
        Type::U32,
        Type::U64,
        Type::I8,
        Type::I16,
        Type::I32,
        Type::I64,
        Type::F32,
        Type::F64,
        Type::Bool,
    ];
    let (count, cap) = (1 + random.below(5), 1 + random.below(6));
    match random.below(if depth == 0 { 17 } else { 24 }) {
        index @ 0..=12 => plain[index as usize].clone(),
        13 => string_max(cap * 5),
        14 => data_max(cap),
        15 => data_fixed(count),
        16 => enumeration((0..count).map(|index| (format!("M{index}"), index * 1000))),
        17 => optional(any_type(random, depth - 1)),
        18 => list_max(any_type(random, depth - 1), cap),
        19 => list_fixed(any_type(random, depth - 1), count),
        20 => map_max(key(random), any_type(random, depth - 1), cap),
        21 => {
            // A list of its own length each, so that no two members are written alike.
            let member = |index: u64| {
                (index * 200, list_fixed(any_type(&mut *random, depth - 1), index + 1))
            };
            let members: Vec<_> = (0..count).map(member).collect();
            union(members.into_iter().chain([(1001, Type::Void)]))
        }
        _ => {
            let field = |index| (format!("f{index}"), any_type(&mut *random, depth - 1));
            structure((0..count).map(field).collect::<Vec<_>>())
        }
    }
}

fn text(random: &mut Random, cap: u64) -> String {
    let mut text = String::new();
    for _ in 0..random.below(cap + 1) {
        let choices = ['a', '\0', 'é', '€', '🦀', '\u{feff}'];
        let next = choices[random.below(6) as usize];
        if text.len() + next.len_utf8() <= cap as usize {
            text.push(next);
        }
    }
    text
}

fn any_value(random: &mut Random, ty: &Type) -> Value {
    let octets = |random: &mut Random, len| (0..len).map(|_| random.next() as u8).collect();
    match ty.resolved() {
        Type::UInt => Value::UInt(random.number()),
        Type::Int => Value::Int(random.number() as i64),
        Type::U8 => Value::U8(random.next() as u8),
        Type::U16 => Value::U16(random.next() as u16),
        Type::U32 => Value::U32(random.next() as u32),
        Type::U64 => Value::U64(random.next()),
        Type::I8 => Value::I8(random.next() as i8),
        Type::I16 => Value::I16(random.next() as i16),
        Type::I32 => Value::I32(random.next() as i32),
        Type::I64 => Value::I64(random.next() as i64),
        Type::F32 => Value::F32(f32::from_bits(random.next() as u32)),
        Type::F64 => Value::F64(f64::from_bits(random.next())),
        Type::Bool => Value::Bool(random.below(2) == 1),
        Type::Str { cap } => Value::Str(text(random, cap.unwrap_or(20))),
        Type::Data { cap } => {
            let len = random.below(cap.unwrap_or(20) + 1);
            Value::Data(octets(random, len))
        }
        Type::DataFixed { len } => Value::Data(octets(random, *len)),
        Type::Enum(members) => {
            Value::Enum(members[random.below(members.len() as u64) as usize].value)
        }
        Type::Optional(item) => {
            let present = random.below(3) > 0;
            Value::optional(present.then(|| any_value(random, item.get())))
        }
        Type::List { item, cap } => {
            let len = random.below(cap.unwrap_or(20) + 1);
            Value::List((0..len).map(|_| any_value(random, item.get())).collect())
        }
        Type::ListFixed { item, len } => {
            Value::List((0..*len).map(|_| any_value(random, item.get())).collect())
        }
        Type::Map { key, value, cap } => {
            let mut pairs: Vec<(Value, Value)> = Vec::new();
            for _ in 0..random.below(cap.unwrap_or(20) + 1) {
                let key = any_value(random, key.get());
                if pairs.iter().all(|(known, _)| *known != key) {
                    pairs.push((key, any_value(random, value.get())));
                }
            }
            Value::Map(pairs)
        }
        Type::Union(members) => {
            let member = &members[random.below(members.len() as u64) as usize];
            Value::Union(member.tag, Box::new(any_value(random, member.ty.get())))
        }
        Type::Struct(fields) => Value::structure(
            fields.iter().map(|field| (field.name.clone(), any_value(random, field.ty.get()))),
        ),
        Type::Void | Type::User { .. } => Value::Void,
    }
}

fn schema(random: &mut Random) -> Schema<Validated> {
    let root = any_type(random, 4);
    Schema::new("Generated").with_type("Root", root).validate().expect("keeps every rule")
}

fn octets(ty: &Type, value: &Value) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(ty, &mut Encoder::new(&mut octets)).expect("a value of the type");
    octets
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn the_octets_of_a_value_are_those_of_its_layout(seed: u64) {
        let mut random = Random(seed);
        let schema = schema(&mut random);
        let ty = schema.root();
        let value = any_value(&mut random, ty);
        let encoded = octets(ty, &value);
        prop_assert!(encoded.len() as u64 >= ty.min_size());
        prop_assert!(encoded.len() as u64 <= ty.max_size().expect("bounded"));
        // Dirty memory: whatever a value does not need must be overwritten.
        let mut memory = vec![0xa5; ty.layout().expect("bounded").size as usize];
        value.store(ty, &mut memory).expect("it fits");
        prop_assert_eq!(&encode_layout(ty, &memory).expect("a value"), &encoded);
        let loaded = Value::load(ty, &memory).expect("a value");
        prop_assert_eq!(&octets(ty, &loaded), &encoded);
        let decoded = Value::decode(ty, &encoded).expect("a value");
        prop_assert_eq!(&octets(ty, &decoded), &encoded);
        // The same value always leaves the same bytes.
        let mut clean = vec![0; memory.len()];
        decoded.store(ty, &mut clean).expect("it fits");
        prop_assert_eq!(memory, clean);
    }

    #[test]
    fn text_and_fingerprints_survive_the_round_trip(seed: u64) {
        let schema = schema(&mut Random(seed));
        let text = schema.to_string();
        let read = Schema::parse("Generated", &text).expect("BARE").validate().expect("valid");
        prop_assert_eq!(read.root().layout_id(), schema.root().layout_id());
        prop_assert_eq!(read.root().wire_id(), schema.root().wire_id());
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn whatever_is_decoded_from_damaged_octets_encodes_to_them(seed: u64) {
        let mut random = Random(seed);
        let schema = schema(&mut random);
        let ty = schema.root();
        let mut encoded = octets(ty, &any_value(&mut random, ty));
        for _ in 0..1 + random.below(3) {
            let at = random.below(encoded.len().max(1) as u64) as usize;
            match random.below(3) {
                0 => encoded.truncate(at),
                1 => encoded.insert(at, random.next() as u8),
                _ => if let Some(octet) = encoded.get_mut(at) { *octet = random.next() as u8 },
            }
        }
        // Strict: one value has one encoding, so what is accepted was its encoding.
        if let Ok(value) = Value::decode(ty, &encoded) {
            prop_assert_eq!(octets(ty, &value), encoded);
        }
    }
}
