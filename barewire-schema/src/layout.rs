//! The fixed layout: where every part of a value stands in shared memory.
//!
//! | type | bytes |
//! |---|---|
//! | `uint`, `int` | a 64-bit integer |
//! | numbers | themselves, naturally aligned, little-endian |
//! | `bool` | one byte |
//! | `data[N]`, `list<T>[N]` | the items in a row |
//! | `enum` | a 32-bit integer, 64-bit if a value needs it |
//! | `optional<T>` | a flag as wide as T's alignment, then T |
//! | `str`, `data`, `list<T>`, capped | a count of max(4, alignment of T) bytes, then the items |
//! | `map<K><V>` with a cap | a count of four bytes, then pairs without padding, alignment 1 |
//! | `union` | a tag as for an enum, then the largest member, padded |
//! | `struct` | the fields in order, padded as C does |
//!
//! A count or a flag of more than eight bytes is a number in the first eight; the rest is zero. A
//! field may be aligned to more than its type, as `alignas` in C does.

use crate::model::{Field, Type, slice};

/// The largest fixed layout, in bytes.
pub const MAX_LAYOUT_BYTES: u64 = 1 << 40;

/// The largest alignment that a field can ask for: a line of the cache.
pub const MAX_ALIGN: u64 = 64;

/// Whether a field can be aligned to `align`, as far as that does not depend on its type.
#[must_use]
pub const fn is_alignment(align: u64) -> bool {
    align.is_power_of_two() && align <= MAX_ALIGN
}

/// Size and alignment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The size, a multiple of the alignment.
    pub size: u64,
    /// The alignment: 1, 2, 4 or 8, or more if a field asks for it.
    pub align: u64,
}

impl Layout {
    const fn new(size: u64, align: u64) -> Option<Self> {
        if size <= MAX_LAYOUT_BYTES { Some(Self { size, align }) } else { None }
    }

    const fn scalar(size: u64) -> Option<Self> {
        Some(Self { size, align: size })
    }
}

/// The width of the count before the items of a capped list whose items are aligned to `align`.
#[must_use]
pub const fn count_size(align: u64) -> u64 {
    if align > 4 { align } else { 4 }
}

/// The width of the integer that holds an enum's value or a union's tag.
#[must_use]
pub const fn tag_size(ty: &Type) -> u64 {
    let mut most = 0;
    let mut at = 0;
    match ty.resolved() {
        Type::Enum(members) => {
            let members = slice(members);
            while at < members.len() {
                most = if members[at].value > most { members[at].value } else { most };
                at += 1;
            }
        }
        Type::Union(members) => {
            let members = slice(members);
            while at < members.len() {
                most = if members[at].tag > most { members[at].tag } else { most };
                at += 1;
            }
        }
        _ => {}
    }
    if most > u32::MAX as u64 { 8 } else { 4 }
}

const fn items(first: u64, count: u64, item: Layout, align: u64) -> Option<Layout> {
    match count.checked_mul(item.size) {
        Some(bytes) => match bytes.checked_add(first) {
            Some(size) => Layout::new(size, align),
            None => None,
        },
        None => None,
    }
}

const fn capped(cap: u64, item: Layout) -> Option<Layout> {
    items(count_size(item.align), cap, item, item.align)
}

const OCTET: Layout = Layout { size: 1, align: 1 };

impl Type {
    /// The fixed layout; `None` if the type is unbounded, or larger than [`MAX_LAYOUT_BYTES`].
    #[must_use]
    pub const fn layout(&self) -> Option<Layout> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Layout::scalar(1),
            Self::U16 | Self::I16 => Layout::scalar(2),
            Self::U32 | Self::I32 | Self::F32 => Layout::scalar(4),
            Self::UInt | Self::Int | Self::U64 | Self::I64 | Self::F64 => Layout::scalar(8),
            Self::Void => Layout::new(0, 1),
            Self::DataFixed { len } => Layout::new(*len, 1),
            Self::Str { cap: Some(cap) } | Self::Data { cap: Some(cap) } => capped(*cap, OCTET),
            Self::Enum(_) => Layout::scalar(tag_size(self)),
            Self::Optional(item) => match item.get().layout() {
                Some(item) => Layout::new(item.size + item.align, item.align),
                None => None,
            },
            Self::List { item, cap: Some(cap) } => match item.get().layout() {
                Some(item) => capped(*cap, item),
                None => None,
            },
            Self::ListFixed { item, len } => match item.get().layout() {
                Some(item) => items(0, *len, item, item.align),
                None => None,
            },
            Self::Map { key, value, cap: Some(cap) } => {
                match (key.get().layout(), value.get().layout()) {
                    (Some(key), Some(value)) => {
                        capped(*cap, Layout { size: key.size + value.size, align: 1 })
                    }
                    _ => None,
                }
            }
            Self::Union(members) => {
                let members = slice(members);
                let tag = tag_size(self);
                let (mut size, mut align) = (0_u64, 1_u64);
                let mut at = 0;
                while at < members.len() {
                    let Some(member) = members[at].ty.get().layout() else {
                        return None;
                    };
                    size = if member.size > size { member.size } else { size };
                    align = if member.align > align { member.align } else { align };
                    at += 1;
                }
                let start = tag.next_multiple_of(align);
                let whole = if tag > align { tag } else { align };
                let end = start + size.next_multiple_of(align);
                Layout::new(end.next_multiple_of(whole), whole)
            }
            Self::Struct(fields) => struct_end(slice(fields), slice(fields).len()),
            Self::User { definition: Some(link), .. } => link.get().layout(),
            _ => None,
        }
    }

    /// Where field number `index` of a struct stands; `None` if there is none or no layout.
    #[must_use]
    pub const fn field_offset(&self, index: usize) -> Option<u64> {
        let Self::Struct(fields) = self.resolved() else {
            return None;
        };
        let fields = slice(fields);
        if index >= fields.len() {
            return None;
        }
        let (mut offset, mut at) = (0_u64, 0);
        loop {
            let Some(field) = fields[at].layout() else {
                return None;
            };
            offset = offset.next_multiple_of(field.align);
            if at == index {
                return Some(offset);
            }
            offset += field.size;
            at += 1;
        }
    }

    /// Where the payload of a union stands, from the start of the union.
    #[must_use]
    pub const fn payload_offset(&self) -> Option<u64> {
        let Self::Union(members) = self.resolved() else {
            return None;
        };
        let members = slice(members);
        let (mut align, mut at) = (1_u64, 0);
        while at < members.len() {
            let Some(member) = members[at].ty.get().layout() else {
                return None;
            };
            align = if member.align > align { member.align } else { align };
            at += 1;
        }
        Some(tag_size(self).next_multiple_of(align))
    }
}

impl Field {
    /// The size of the field's type, and the alignment of the field; `None` as for the type.
    #[must_use]
    pub const fn layout(&self) -> Option<Layout> {
        let Some(Layout { size, align }) = self.ty.get().layout() else {
            return None;
        };
        let align = match self.align {
            Some(more) if more > align && is_alignment(more) => more,
            _ => align,
        };
        Some(Layout { size, align })
    }
}

const fn struct_end(fields: &[Field], count: usize) -> Option<Layout> {
    let (mut size, mut align, mut at) = (0_u64, 1, 0);
    while at < count {
        let Some(field) = fields[at].layout() else {
            return None;
        };
        size = size.next_multiple_of(field.align);
        size = match size.checked_add(field.size) {
            Some(size) if size <= MAX_LAYOUT_BYTES => size,
            _ => return None,
        };
        align = if field.align > align { field.align } else { align };
        at += 1;
    }
    Layout::new(size.next_multiple_of(align), align)
}

/// The padding after each of `N` parts (size, alignment); the last one fills up the struct.
///
/// ```
/// assert_eq!(barewire_schema::pads([(1, 1), (4, 4), (2, 2)]), [3, 0, 2]);
/// ```
#[must_use]
pub const fn pads<const N: usize>(parts: [(usize, usize); N]) -> [usize; N] {
    let mut pads = [0; N];
    let (mut offset, mut most, mut at) = (0_usize, 1_usize, 0);
    while at < N {
        offset += parts[at].0;
        most = if parts[at].1 > most { parts[at].1 } else { most };
        let align = if at + 1 < N { parts[at + 1].1 } else { most };
        pads[at] = offset.next_multiple_of(align) - offset;
        offset += pads[at];
        at += 1;
    }
    pads
}

#[cfg(test)]
mod tests {
    use crate::build::*;
    use crate::*;

    #[test]
    fn layouts_follow_the_table() {
        let kind = |value| enumeration([("A", 0), ("B", value)]);
        for (ty, size, align) in [
            (uint(), 8, 8),
            (bool(), 1, 1),
            (void(), 0, 1),
            (kind(1), 4, 4),
            (kind(1 << 32), 8, 8),
            (data_fixed(5), 5, 1),
            (list_fixed(u16(), 3), 6, 2),
            (optional(u8()), 2, 1),
            (optional(u64()), 16, 8),
            (string_max(5), 9, 1),
            (list_max(u16(), 3), 10, 2),
            (list_max(u32(), 3), 16, 4),
            (list_max(u64(), 3), 32, 8),
            (map_max(u8(), u64(), 2), 22, 1),
            (union([(0, u8()), (1, u64())]), 16, 8),
            (union([(0, u8()), (1, data_fixed(5))]), 12, 4),
            (structure([("a", u8()), ("b", u32()), ("c", u16())]), 12, 4),
        ] {
            assert_eq!(ty.layout(), Some(Layout { size, align }), "{ty}");
        }
    }

    #[test]
    fn offsets_and_pads_agree_with_the_compiler() {
        #[repr(C)]
        struct Row {
            a: u8,
            b: u64,
            c: u16,
            d: u32,
            e: u8,
        }
        let row = structure([("a", u8()), ("b", u64()), ("c", u16()), ("d", u32()), ("e", u8())]);
        let offsets: Vec<_> = (0..6).map(|index| row.field_offset(index)).collect();
        let expected = [
            std::mem::offset_of!(Row, a),
            std::mem::offset_of!(Row, b),
            std::mem::offset_of!(Row, c),
            std::mem::offset_of!(Row, d),
            std::mem::offset_of!(Row, e),
        ];
        let mut expected: Vec<_> = expected.iter().map(|&offset| Some(offset as u64)).collect();
        expected.push(None);
        assert_eq!(offsets, expected);
        assert_eq!(row.layout().map(|layout| layout.size), Some(size_of::<Row>() as u64));
        assert_eq!(pads([(1, 1), (8, 8), (2, 2), (4, 4), (1, 1)]), [7, 0, 2, 0, 7]);
    }

    #[test]
    fn a_payload_begins_where_its_largest_alignment_lets_it() {
        assert_eq!(union([(0, u8())]).payload_offset(), Some(4));
        assert_eq!(union([(0, u64())]).payload_offset(), Some(8));
        assert_eq!(union([(u64::MAX, u8())]).payload_offset(), Some(8));
        assert_eq!(union([(0, string())]).payload_offset(), None);
    }

    #[test]
    fn what_is_too_large_has_no_layout() {
        assert!(data_fixed(MAX_LAYOUT_BYTES).layout().is_some());
        assert!(data_fixed(MAX_LAYOUT_BYTES + 1).layout().is_none());
        assert!(list_fixed(u64(), u64::MAX).layout().is_none());
        let half = || data_fixed(MAX_LAYOUT_BYTES / 2 + 1);
        assert!(structure([("a", half()), ("b", half())]).layout().is_none());
    }
}
