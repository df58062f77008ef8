//! Functions that name types, for schemas that a program puts together.

use std::borrow::Cow;

use crate::model::{EnumMember, Field, Name, Type, UnionMember};

macro_rules! plain {
    ($($function:ident $variant:ident $text:literal),* $(,)?) => {$(
        #[doc = concat!("The BARE type `", $text, "`.")]
        #[must_use]
        pub const fn $function() -> Type {
            Type::$variant
        }
    )*};
}

plain! {
    uint UInt "uint", int Int "int", u8 U8 "u8", u16 U16 "u16", u32 U32 "u32", u64 U64 "u64",
    i8 I8 "i8", i16 I16 "i16", i32 I32 "i32", i64 I64 "i64", f32 F32 "f32", f64 F64 "f64",
    bool Bool "bool", void Void "void",
}

/// `str` without a cap.
#[must_use]
pub const fn string() -> Type {
    Type::Str { cap: None }
}

/// `str` of at most `cap` octets.
#[must_use]
pub const fn string_max(cap: u64) -> Type {
    Type::Str { cap: Some(cap) }
}

/// `data` without a cap.
#[must_use]
pub const fn data() -> Type {
    Type::Data { cap: None }
}

/// `data` of at most `cap` octets.
#[must_use]
pub const fn data_max(cap: u64) -> Type {
    Type::Data { cap: Some(cap) }
}

/// `data[len]`: exactly `len` octets.
#[must_use]
pub const fn data_fixed(len: u64) -> Type {
    Type::DataFixed { len }
}

/// `optional<item>`
#[must_use]
pub fn optional(item: Type) -> Type {
    Type::Optional(item.into())
}

/// `list<item>` without a cap.
#[must_use]
pub fn list(item: Type) -> Type {
    Type::List { item: item.into(), cap: None }
}

/// `list<item>` of at most `cap` items.
#[must_use]
pub fn list_max(item: Type, cap: u64) -> Type {
    Type::List { item: item.into(), cap: Some(cap) }
}

/// `list<item>[len]`: exactly `len` items.
#[must_use]
pub fn list_fixed(item: Type, len: u64) -> Type {
    Type::ListFixed { item: item.into(), len }
}

/// `map<key><value>` without a cap.
#[must_use]
pub fn map(key: Type, value: Type) -> Type {
    Type::Map { key: key.into(), value: value.into(), cap: None }
}

/// `map<key><value>` of at most `cap` pairs.
#[must_use]
pub fn map_max(key: Type, value: Type, cap: u64) -> Type {
    Type::Map { key: key.into(), value: value.into(), cap: Some(cap) }
}

/// `enum` with these members and values.
///
/// ```
/// use barewire_schema::build::enumeration;
/// assert_eq!(enumeration([("UP", 0), ("DOWN", 7)]).to_string(), "enum { UP DOWN = 7 }");
/// ```
#[must_use]
pub fn enumeration<N: Into<Name>>(members: impl IntoIterator<Item = (N, u64)>) -> Type {
    let member = |(name, value): (N, u64)| EnumMember { name: name.into(), value };
    Type::Enum(Cow::Owned(members.into_iter().map(member).collect()))
}

/// `union` with these tags and members.
///
/// ```
/// use barewire_schema::build::{string, u8, union};
/// assert_eq!(union([(0, string()), (4, u8())]).to_string(), "union { str | u8 = 4 }");
/// ```
#[must_use]
pub fn union(members: impl IntoIterator<Item = (u64, Type)>) -> Type {
    let member = |(tag, ty): (u64, Type)| UnionMember { tag, ty: ty.into() };
    Type::Union(Cow::Owned(members.into_iter().map(member).collect()))
}

/// `struct` with these fields.
///
/// ```
/// use barewire_schema::build::{f32, string_max, structure};
/// let row = structure([("label", string_max(32)), ("celsius", f32())]);
/// assert_eq!(row.to_string(), "struct { label: str[..32] celsius: f32 }");
/// ```
#[must_use]
pub fn structure<N: Into<Name>>(fields: impl IntoIterator<Item = (N, Type)>) -> Type {
    let field = |(name, ty): (N, Type)| Field { name: name.into(), ty: ty.into(), align: None };
    Type::Struct(Cow::Owned(fields.into_iter().map(field).collect()))
}

/// A type that the schema defines before this one.
#[must_use]
pub fn user(name: impl Into<Name>) -> Type {
    Type::User { name: name.into(), definition: None }
}
