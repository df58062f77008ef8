//! What is called readable is read: values of one version, decoded as another.

#[path = "support/random.rs"]
mod random;
#[path = "support/types.rs"]
mod types;
#[path = "support/values.rs"]
mod values;

use barewire::codec::Encoder;
use barewire::value::Value;
use barewire_schema::build::{data_fixed, string_max};
use barewire_schema::{EnumMember, Field, Relation, Type, UnionMember, compatibility};

use random::Random;
use types::any_type;
use values::any_value;

const PAIRS: u64 = 12_000;
const VALUES: usize = 5;

/// The same type with a change here and there, some of which keep old values readable.
fn changed(random: &mut Random, ty: &Type) -> Type {
    let mut inner = |ty: &Type| changed(&mut *random, ty);
    match ty.resolved() {
        Type::Optional(item) => Type::Optional(inner(item.get()).into()),
        Type::List { item, cap } => Type::List { item: inner(item.get()).into(), cap: *cap },
        Type::ListFixed { item, len } => {
            Type::ListFixed { item: inner(item.get()).into(), len: *len }
        }
        Type::Map { key, value, cap } => {
            Type::Map { key: key.clone(), value: inner(value.get()).into(), cap: *cap }
        }
        Type::Struct(fields) => {
            let rename = |(index, field): (usize, &Field)| Field {
                name: format!("g{index}").into(),
                ty: inner(field.ty.get()).into(),
                align: field.align,
            };
            let mut fields: Vec<Field> = fields.iter().enumerate().map(rename).collect();
            if random.below(12) == 0 {
                fields.push(Field { name: "more".into(), ty: Type::Bool.into(), align: None });
            }
            Type::Struct(fields.into())
        }
        Type::Union(members) => {
            let change = |member: &UnionMember| UnionMember {
                tag: member.tag,
                ty: inner(member.ty.get()).into(),
            };
            let mut members: Vec<UnionMember> = members.iter().map(change).collect();
            if random.below(2) == 0 {
                members.push(UnionMember { tag: 5000, ty: data_fixed(77).into() });
            } else if random.below(6) == 0 {
                members.pop();
            }
            Type::Union(members.into())
        }
        Type::Enum(members) => {
            let mut members = members.to_vec();
            if random.below(2) == 0 {
                members.push(EnumMember { name: "MORE".into(), value: 90_000 });
            }
            Type::Enum(members.into())
        }
        Type::U8 if random.below(12) == 0 => Type::Bool,
        Type::DataFixed { len } if random.below(12) == 0 => Type::DataFixed { len: len + 1 },
        Type::Str { .. } if random.below(12) == 0 => Type::Data { cap: Some(99) },
        other => other.clone(),
    }
}

fn octets(ty: &Type, value: &Value) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(ty, &mut Encoder::new(&mut octets)).expect("a value of the type");
    octets
}

#[test]
fn what_is_called_readable_is_read() {
    let keys = [Type::U8, Type::I32, Type::UInt, Type::Bool, string_max(9), data_fixed(3)];
    let mut met = [0_u64; 5];
    for seed in 0..PAIRS {
        let mut random = Random(seed);
        let old = any_type(&mut random, 3, &keys);
        let new = changed(&mut random, &old);
        let found = compatibility(&old, &new).encoding;
        met[found.relation() as usize] += 1;
        let same = old.wire_id() == new.wire_id();
        assert_eq!(same, found.relation() == Relation::Same, "seed {seed}: {old} and {new}");
        for (reader, writer, promised) in
            [(&new, &old, found.is_backward()), (&old, &new, found.is_forward())]
        {
            for _ in 0..VALUES {
                let octets = octets(writer, &any_value(&mut random, writer));
                let read = Value::decode(reader, &octets);
                assert!(!promised || read.is_ok(), "seed {seed}: {read:?} of {writer} as {reader}");
            }
        }
    }
    let [same, _, backward, forward, incompatible] = met;
    assert!(same.min(backward).min(forward).min(incompatible) > 20, "too few of a kind: {met:?}");
}
