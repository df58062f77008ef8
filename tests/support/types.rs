//! Types that look random, all bounded, so that each has a fixed layout.

use barewire_schema::Type;
use barewire_schema::build::{
    data_fixed, data_max, enumeration, list_fixed, list_max, map_max, optional, string_max,
    structure, union,
};

use crate::random::Random;

/// Any type, nested at most `depth` deep, with maps from any of `keys`.
pub(crate) fn any_type(random: &mut Random, depth: u64, keys: &[Type]) -> Type {
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
        17 => optional(any_type(random, depth - 1, keys)),
        18 => list_max(any_type(random, depth - 1, keys), cap),
        19 => list_fixed(any_type(random, depth - 1, keys), count),
        20 => {
            let key = keys[random.below(keys.len() as u64) as usize].clone();
            map_max(key, any_type(random, depth - 1, keys), cap)
        }
        21 => {
            // A list of its own length each, so that no two members are written alike.
            let member = |index: u64| {
                (index * 200, list_fixed(any_type(&mut *random, depth - 1, keys), index + 1))
            };
            let members: Vec<_> = (0..count).map(member).collect();
            union(members.into_iter().chain([(1001, Type::Void)]))
        }
        _ => {
            let field = |index| (format!("f{index}"), any_type(&mut *random, depth - 1, keys));
            structure((0..count).map(field).collect::<Vec<_>>())
        }
    }
}
