//! How many octets an encoded value takes: at least, at most, and always.

use crate::model::{Type, slice};

/// What is known about the sizes of a type's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Every value takes the same number of octets.
    Fixed,
    /// There is a largest value.
    Bounded,
    /// There is none: some string, list, map or data has no cap.
    Unbounded,
}

/// The octets of a `uint`.
pub(crate) const fn uint_size(value: u64) -> u64 {
    let bits = 64 - value.leading_zeros() as u64;
    if bits == 0 { 1 } else { bits.div_ceil(7) }
}

const fn add(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => left.checked_add(right),
        _ => None,
    }
}

const fn times(count: u64, each: Option<u64>) -> Option<u64> {
    match each {
        Some(each) => count.checked_mul(each),
        None => None,
    }
}

impl Type {
    /// The octets of the smallest value.
    #[must_use]
    pub const fn min_size(&self) -> u64 {
        match self {
            Self::Void => 0,
            Self::UInt
            | Self::Int
            | Self::U8
            | Self::I8
            | Self::Bool
            | Self::Str { .. }
            | Self::Data { .. }
            | Self::Optional(_)
            | Self::List { .. }
            | Self::Map { .. } => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
            Self::DataFixed { len } => *len,
            Self::Enum(members) => {
                let members = slice(members);
                let mut least = u64::MAX;
                let mut at = 0;
                while at < members.len() {
                    let size = uint_size(members[at].value);
                    least = if size < least { size } else { least };
                    at += 1;
                }
                if members.is_empty() { 1 } else { least }
            }
            Self::ListFixed { item, len } => len.saturating_mul(item.get().min_size()),
            Self::Union(members) => {
                let members = slice(members);
                let mut least = u64::MAX;
                let mut at = 0;
                while at < members.len() {
                    let member = members[at].ty.get().min_size();
                    let size = member.saturating_add(uint_size(members[at].tag));
                    least = if size < least { size } else { least };
                    at += 1;
                }
                if members.is_empty() { 1 } else { least }
            }
            Self::Struct(fields) => {
                let fields = slice(fields);
                let mut sum = 0_u64;
                let mut at = 0;
                while at < fields.len() {
                    sum = sum.saturating_add(fields[at].ty.get().min_size());
                    at += 1;
                }
                sum
            }
            Self::User { definition: Some(link), .. } => link.get().min_size(),
            Self::User { definition: None, .. } => 0,
        }
    }

    /// The octets of the largest value; `None` if there is none.
    #[must_use]
    pub const fn max_size(&self) -> Option<u64> {
        match self {
            Self::UInt | Self::Int => Some(10),
            Self::Str { cap: Some(cap) } | Self::Data { cap: Some(cap) } => {
                add(Some(uint_size(*cap)), Some(*cap))
            }
            Self::Str { cap: None }
            | Self::Data { cap: None }
            | Self::List { cap: None, .. }
            | Self::Map { cap: None, .. }
            | Self::User { definition: None, .. } => None,
            Self::Enum(members) => {
                let members = slice(members);
                let mut most = 0;
                let mut at = 0;
                while at < members.len() {
                    let size = uint_size(members[at].value);
                    most = if size > most { size } else { most };
                    at += 1;
                }
                Some(most)
            }
            Self::Optional(item) => add(Some(1), item.get().max_size()),
            Self::List { item, cap: Some(cap) } => {
                add(Some(uint_size(*cap)), times(*cap, item.get().max_size()))
            }
            Self::ListFixed { item, len } => times(*len, item.get().max_size()),
            Self::Map { key, value, cap: Some(cap) } => {
                let pair = add(key.get().max_size(), value.get().max_size());
                add(Some(uint_size(*cap)), times(*cap, pair))
            }
            Self::Union(members) => {
                let members = slice(members);
                let mut most = 0;
                let mut at = 0;
                while at < members.len() {
                    let tag = uint_size(members[at].tag);
                    match add(Some(tag), members[at].ty.get().max_size()) {
                        Some(size) => most = if size > most { size } else { most },
                        None => return None,
                    }
                    at += 1;
                }
                Some(most)
            }
            Self::Struct(fields) => {
                let fields = slice(fields);
                let mut sum = Some(0);
                let mut at = 0;
                while at < fields.len() {
                    sum = add(sum, fields[at].ty.get().max_size());
                    at += 1;
                }
                sum
            }
            Self::User { definition: Some(link), .. } => link.get().max_size(),
            _ => Some(self.min_size()),
        }
    }

    /// The octets of every value, if they all take as many.
    #[must_use]
    pub const fn fixed_size(&self) -> Option<u64> {
        match self.max_size() {
            Some(most) if most == self.min_size() => Some(most),
            _ => None,
        }
    }

    /// Which of the three classes the type is in.
    #[must_use]
    pub const fn class(&self) -> Class {
        match (self.fixed_size(), self.max_size()) {
            (Some(_), _) => Class::Fixed,
            (None, Some(_)) => Class::Bounded,
            (None, None) => Class::Unbounded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::uint_size;
    use crate::build::*;
    use crate::*;

    #[test]
    fn a_uint_takes_one_octet_for_every_seven_bits() {
        for (value, size) in
            [(0, 1), (127, 1), (128, 2), (16383, 2), (16384, 3), (1 << 63, 10), (u64::MAX, 10)]
        {
            assert_eq!(uint_size(value), size, "{value}");
        }
    }
    #[test]
    fn sizes_are_those_of_the_encoding() {
        let kind = || enumeration([("A", 0), ("B", 300)]);
        for (ty, least, most) in [
            (uint(), 1, Some(10)),
            (f64(), 8, Some(8)),
            (kind(), 1, Some(2)),
            (string_max(128), 1, Some(130)),
            (string(), 1, None),
            (data_fixed(16), 16, Some(16)),
            (optional(u32()), 1, Some(5)),
            (list_fixed(kind(), 3), 3, Some(6)),
            (list_max(u16(), 200), 1, Some(402)),
            (map_max(u8(), string_max(4), 3), 1, Some(19)),
            (union([(0, void()), (300, u32())]), 1, Some(6)),
            (structure([("a", u8()), ("b", string())]), 2, None),
        ] {
            assert_eq!((ty.min_size(), ty.max_size()), (least, most), "{ty}");
        }
    }

    #[test]
    fn a_class_is_known_at_compile_time() {
        const FIXED: Class = Type::DataFixed { len: 4 }.class();
        assert_eq!(FIXED, Class::Fixed);
        assert_eq!(optional(u8()).class(), Class::Bounded);
        assert_eq!(list(u8()).class(), Class::Unbounded);
        // Each member with its tag takes three octets.
        assert_eq!(union([(0, u16()), (1, i16())]).fixed_size(), Some(3));
    }

    #[test]
    fn a_size_beyond_64_bits_is_none() {
        assert_eq!(list_max(u64(), u64::MAX).max_size(), None);
        assert_eq!(list_fixed(u64(), u64::MAX).min_size(), u64::MAX);
    }
}
