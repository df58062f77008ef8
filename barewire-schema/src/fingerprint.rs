//! Two fingerprints of a type, computed at compile time as well as at run time.
//!
//! Both are FNV-1a of 128 bits (Fowler, Noll, Vo) over a walk of the type in which every part is
//! announced by a number of its own and every list by its length, so that the walk is unambiguous.

use std::fmt;

use crate::model::{Type, slice, text};

/// 128 bits that two sides compare instead of two schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

#[derive(Clone, Copy)]
struct Hash(u128);

impl Hash {
    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u128).wrapping_mul(PRIME))
    }

    const fn number(self, number: u64) -> Self {
        let bytes = number.to_le_bytes();
        let (mut hash, mut at) = (self, 0);
        while at < bytes.len() {
            hash = hash.byte(bytes[at]);
            at += 1;
        }
        hash
    }

    const fn name(self, name: &str) -> Self {
        let bytes = name.as_bytes();
        let (mut hash, mut at) = (self.number(bytes.len() as u64), 0);
        while at < bytes.len() {
            hash = hash.byte(bytes[at]);
            at += 1;
        }
        hash
    }

    const fn cap(self, cap: Option<u64>) -> Self {
        match cap {
            Some(cap) => self.byte(1).number(cap),
            None => self.byte(0),
        }
    }

    const fn finish(self) -> Fingerprint {
        Fingerprint(self.0.to_le_bytes())
    }
}

/// The number that announces a type in the walk.
const fn code(ty: &Type) -> u8 {
    match ty {
        Type::UInt => 1,
        Type::Int => 2,
        Type::U8 => 3,
        Type::U16 => 4,
        Type::U32 => 5,
        Type::U64 => 6,
        Type::I8 => 7,
        Type::I16 => 8,
        Type::I32 => 9,
        Type::I64 => 10,
        Type::F32 => 11,
        Type::F64 => 12,
        Type::Bool => 13,
        Type::Str { .. } => 14,
        Type::Data { .. } => 15,
        Type::DataFixed { .. } => 16,
        Type::Void => 17,
        Type::Enum(_) => 18,
        Type::Optional(_) => 19,
        Type::List { .. } => 20,
        Type::ListFixed { .. } => 21,
        Type::Map { .. } => 22,
        Type::Union(_) => 23,
        Type::Struct(_) => 24,
        Type::User { .. } => 25,
    }
}

const fn wire(hash: Hash, ty: &Type) -> Hash {
    let ty = ty.resolved();
    let announced = hash.byte(code(ty));
    match ty {
        // Equal in octets: data and a list of u8, a struct of one field and that field.
        Type::Data { .. } => hash.byte(20).byte(3),
        Type::DataFixed { len } => hash.byte(21).number(*len).byte(3),
        Type::Optional(item) | Type::List { item, .. } => wire(announced, item.get()),
        Type::ListFixed { item, len } => wire(announced.number(*len), item.get()),
        Type::Map { key, value, .. } => wire(wire(announced, key.get()), value.get()),
        Type::Enum(members) => {
            let members = slice(members);
            let (mut hash, mut at) = (announced.number(members.len() as u64), 0);
            while at < members.len() {
                hash = hash.number(members[at].value);
                at += 1;
            }
            hash
        }
        Type::Union(members) => {
            let members = slice(members);
            let (mut hash, mut at) = (announced.number(members.len() as u64), 0);
            while at < members.len() {
                hash = wire(hash.number(members[at].tag), members[at].ty.get());
                at += 1;
            }
            hash
        }
        Type::Struct(fields) => {
            let fields = slice(fields);
            if fields.len() == 1 {
                return wire(hash, fields[0].ty.get());
            }
            let (mut hash, mut at) = (announced.number(fields.len() as u64), 0);
            while at < fields.len() {
                hash = wire(hash, fields[at].ty.get());
                at += 1;
            }
            hash
        }
        _ => announced,
    }
}

const fn shape(hash: Hash, ty: &Type) -> Hash {
    let mut hash = hash.byte(code(ty));
    hash = match ty.layout() {
        Some(layout) => hash.byte(1).number(layout.size).number(layout.align),
        None => hash.byte(0),
    };
    match ty {
        Type::Str { cap } | Type::Data { cap } => hash.cap(*cap),
        Type::DataFixed { len } => hash.number(*len),
        Type::Optional(item) => shape(hash, item.get()),
        Type::List { item, cap } => shape(hash.cap(*cap), item.get()),
        Type::ListFixed { item, len } => shape(hash.number(*len), item.get()),
        Type::Map { key, value, cap } => shape(shape(hash.cap(*cap), key.get()), value.get()),
        Type::Enum(members) => {
            let members = slice(members);
            hash = hash.number(members.len() as u64);
            let mut at = 0;
            while at < members.len() {
                hash = hash.name(text(&members[at].name)).number(members[at].value);
                at += 1;
            }
            hash
        }
        Type::Union(members) => {
            let members = slice(members);
            hash = hash.number(members.len() as u64);
            let mut at = 0;
            while at < members.len() {
                hash = shape(hash.number(members[at].tag), members[at].ty.get());
                at += 1;
            }
            hash
        }
        Type::Struct(fields) => {
            let list = slice(fields);
            hash = hash.number(list.len() as u64);
            // The offsets are summed up here: `field_offset` would begin anew for each field.
            let (mut offset, mut at) = (Some(0_u64), 0);
            while at < list.len() {
                hash = hash.name(text(&list[at].name));
                offset = match (offset, list[at].layout()) {
                    (Some(end), Some(field)) => {
                        let start = end.next_multiple_of(field.align);
                        hash = hash.byte(1).number(start);
                        start.checked_add(field.size)
                    }
                    _ => {
                        hash = hash.byte(0);
                        None
                    }
                };
                hash = shape(hash, list[at].ty.get());
                at += 1;
            }
            hash
        }
        Type::User { name, definition: Some(link) } => shape(hash.name(text(name)), link.get()),
        Type::User { name, definition: None } => hash.name(text(name)),
        _ => hash,
    }
}

impl Type {
    /// What decides whether two ends of a pipe understand each other: the structure as BARE's
    /// octets show it, without names and caps.
    #[must_use]
    pub const fn wire_id(&self) -> Fingerprint {
        wire(Hash(OFFSET_BASIS), self).finish()
    }

    /// What decides whether a process may map a segment: names, caps, offsets, sizes, alignment.
    #[must_use]
    pub const fn layout_id(&self) -> Fingerprint {
        shape(Hash(OFFSET_BASIS), self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Field;
    use std::borrow::Cow;

    #[test]
    fn the_hash_is_fnv_1a() {
        // The published value for the single octet "a".
        let hash = Hash(OFFSET_BASIS).byte(b'a');
        assert_eq!(hash.0, 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn equal_octets_have_equal_wire_ids() {
        let octets = Type::List { item: Type::U8.into(), cap: Some(3) };
        assert_eq!(Type::Data { cap: None }.wire_id(), octets.wire_id());
        let field = Field { name: "x".into(), ty: Type::U16.into(), align: None };
        let wrapped = Type::Struct(Cow::Owned(vec![field]));
        assert_eq!(wrapped.wire_id(), Type::U16.wire_id());
        assert_ne!(wrapped.layout_id(), Type::U16.layout_id());
        assert_ne!(Type::U16.wire_id(), Type::I16.wire_id());
        assert_ne!(Type::Str { cap: Some(3) }.layout_id(), Type::Str { cap: Some(4) }.layout_id());
    }
    #[test]
    fn names_and_caps_count_in_the_layout_only() {
        use crate::build::{enumeration, string_max, structure, u8};
        let one = structure([("a", u8()), ("b", string_max(4))]);
        for other in [
            structure([("a", u8()), ("c", string_max(4))]),
            structure([("a", u8()), ("b", string_max(5))]),
        ] {
            assert_eq!(one.wire_id(), other.wire_id());
            assert_ne!(one.layout_id(), other.layout_id());
        }
        let (left, right) = (enumeration([("A", 1)]), enumeration([("B", 1)]));
        assert_eq!(left.wire_id(), right.wire_id());
        assert_ne!(left.layout_id(), right.layout_id());
    }

    #[test]
    fn the_order_of_different_parts_counts() {
        use crate::build::{list, list_fixed, map, optional, structure, u8, u16, union};
        let types = [
            structure([("a", u8()), ("b", u16())]),
            structure([("a", u16()), ("b", u8())]),
            map(u8(), u16()),
            map(u16(), u8()),
            union([(0, u8()), (1, u16())]),
            union([(0, u8()), (2, u16())]),
            list(u8()),
            list_fixed(u8(), 2),
            list_fixed(u8(), 3),
            optional(u8()),
        ];
        for (index, left) in types.iter().enumerate() {
            for right in &types[index + 1..] {
                assert_ne!(left.wire_id(), right.wire_id(), "{left} {right}");
                assert_ne!(left.layout_id(), right.layout_id(), "{left} {right}");
            }
        }
    }

    #[test]
    fn the_compiler_and_the_program_agree() {
        const HERE: Fingerprint = Type::Optional(crate::Link::Static(&Type::U8)).layout_id();
        assert_eq!(HERE, crate::build::optional(crate::build::u8()).layout_id());
        assert_eq!(HERE.to_string().len(), 32);
    }
}
