//! The BARE types of Rust's own types.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use crate::model::{BareSchema, Field, Link, Max, Type};

macro_rules! plain {
    ($($rust:ty => $bare:ident),* $(,)?) => {$(
        impl BareSchema for $rust {
            const TYPE: &'static Type = &Type::$bare;
        }
    )*};
}

plain! {
    u16 => U16, u32 => U32, u64 => U64,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    f32 => F32, f64 => F64, bool => Bool,
}

impl BareSchema for u8 {
    const TYPE: &'static Type = &Type::U8;
    const OCTET: bool = true;
}

impl BareSchema for uuid::Uuid {
    const TYPE: &'static Type = &Type::DataFixed { len: 16 };
}

macro_rules! text {
    ($($rust:ty),*) => {$(
        impl BareSchema for $rust {
            const TYPE: &'static Type = &Type::Str { cap: None };
        }

        impl<const N: usize> BareSchema<Max<N>> for $rust {
            const TYPE: &'static Type = &Type::Str { cap: Some(N as u64) };
        }
    )*};
}

text!(String, &str, Cow<'_, str>);

macro_rules! octets {
    ($($rust:ty),*) => {$(
        impl BareSchema for $rust {
            const TYPE: &'static Type = &Type::Data { cap: None };
        }

        impl<const N: usize> BareSchema<Max<N>> for $rust {
            const TYPE: &'static Type = &Type::Data { cap: Some(N as u64) };
        }
    )*};
}

octets!(&[u8], Cow<'_, [u8]>);

impl<T: BareSchema<C>, C> BareSchema<C> for Box<T> {
    const TYPE: &'static Type = T::TYPE;
}

impl<T: BareSchema<C>, C> BareSchema<C> for Option<T> {
    const TYPE: &'static Type = &Type::Optional(Link::Static(T::TYPE));
}

impl<T: BareSchema<C>, C, const N: usize> BareSchema<C> for [T; N] {
    const TYPE: &'static Type = match T::OCTET {
        true => &Type::DataFixed { len: N as u64 },
        false => &Type::ListFixed { item: Link::Static(T::TYPE), len: N as u64 },
    };
}

impl<T: BareSchema> BareSchema for Vec<T> {
    const TYPE: &'static Type = match T::OCTET {
        true => &Type::Data { cap: None },
        false => &Type::List { item: Link::Static(T::TYPE), cap: None },
    };
}

impl<T: BareSchema<C>, C, const N: usize> BareSchema<Max<N, C>> for Vec<T> {
    const TYPE: &'static Type = match T::OCTET {
        true => &Type::Data { cap: Some(N as u64) },
        false => &Type::List { item: Link::Static(T::TYPE), cap: Some(N as u64) },
    };
}

/// The caps of keys and values: a pair of caps, or none for either.
pub trait PairCaps {
    /// The caps of the keys.
    type Key;
    /// The caps of the values.
    type Value;
}

impl PairCaps for () {
    type Key = ();
    type Value = ();
}

impl<K, V> PairCaps for (K, V) {
    type Key = K;
    type Value = V;
}

macro_rules! map {
    ($map:ident $(, $hasher:ident)?) => {
        impl<K: BareSchema, V: BareSchema $(, $hasher)?> BareSchema for $map<K, V $(, $hasher)?> {
            const TYPE: &'static Type = &Type::Map {
                key: Link::Static(K::TYPE),
                value: Link::Static(V::TYPE),
                cap: None,
            };
        }

        impl<K, V, C, const N: usize $(, $hasher)?> BareSchema<Max<N, C>>
            for $map<K, V $(, $hasher)?>
        where
            C: PairCaps,
            K: BareSchema<C::Key>,
            V: BareSchema<C::Value>,
        {
            const TYPE: &'static Type = &Type::Map {
                key: Link::Static(K::TYPE),
                value: Link::Static(V::TYPE),
                cap: Some(N as u64),
            };
        }
    };
}

map!(BTreeMap);
map!(HashMap, S);

const fn field(name: &'static str, ty: &'static Type) -> Field {
    Field { name: Cow::Borrowed(name), ty: Link::Static(ty), align: None }
}

impl BareSchema for Duration {
    const TYPE: &'static Type =
        &Type::Struct(Cow::Borrowed(&[field("secs", &Type::U64), field("nanos", &Type::U32)]));
}

/// Since 1970.
impl BareSchema for SystemTime {
    const TYPE: &'static Type =
        &Type::Struct(Cow::Borrowed(&[field("secs", &Type::I64), field("nanos", &Type::U32)]));
}

macro_rules! tuples {
    ($([$($part:ident $name:literal),*])*) => {$(
        impl<$($part: BareSchema),*> BareSchema for ($($part,)*) {
            const TYPE: &'static Type =
                &Type::Struct(Cow::Borrowed(&[$(field($name, $part::TYPE)),*]));
        }
    )*};
}

tuples! {
    [A "field0", B "field1"]
    [A "field0", B "field1", C "field2"]
    [A "field0", B "field1", C "field2", D "field3"]
    [A "field0", B "field1", C "field2", D "field3", E "field4"]
    [A "field0", B "field1", C "field2", D "field3", E "field4", F "field5"]
    [A "field0", B "field1", C "field2", D "field3", E "field4", F "field5", G "field6"]
    [A "field0", B "field1", C "field2", D "field3", E "field4", F "field5", G "field6",
     H "field7"]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<C, T: BareSchema<C>>() -> String {
        T::TYPE.to_string()
    }

    #[test]
    fn rust_types_have_the_bare_types_of_the_table() {
        assert_eq!(text::<(), Vec<u8>>(), "data");
        assert_eq!(text::<(), &[u8]>(), "data");
        assert_eq!(text::<(), [u8; 16]>(), "data[16]");
        assert_eq!(text::<(), [u16; 2]>(), "list<u16>[2]");
        assert_eq!(text::<(), Option<Box<i8>>>(), "optional<i8>");
        assert_eq!(text::<(), HashMap<String, Vec<bool>>>(), "map<str><list<bool>>");
    }

    #[test]
    fn caps_pass_through_options_boxes_and_arrays() {
        assert_eq!(text::<Max<4>, Vec<u8>>(), "data[..4]");
        assert_eq!(text::<Max<4>, Option<Box<String>>>(), "optional<str[..4]>");
        assert_eq!(text::<Max<4>, [String; 2]>(), "list<str[..4]>[2]");
        type Caps = Max<3, (Max<4>, Max<5, Max<6>>)>;
        let capped = "map<str[..4]><list<str[..6]>[..5]>[..3]";
        assert_eq!(text::<Caps, BTreeMap<String, Vec<String>>>(), capped);
        assert_eq!(text::<Max<3>, BTreeMap<u8, u16>>(), "map<u8><u16>[..3]");
    }
}
