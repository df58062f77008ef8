//! Values of a type that is known only at run time: for tools, and for tests over any schema.
//!
//! A [`Value`] knows both forms: BARE octets with [`Value::decode`] and [`Value::encode`], the
//! fixed layout with [`Value::load`] and [`Value::store`]. With the feature `json`,
//! `Value::to_json` and `Value::from_json` as well. Types do not contain themselves and a
//! schema bounds their depth, so the recursion here is as deep as the type and never as the input.
//!
//! ```
//! use barewire_runtime::codec::Encoder;
//! use barewire_runtime::schema::Schema;
//! use barewire_runtime::value::Value;
//!
//! let schema = Schema::parse("demo", "type Point struct { x: u8 label: str[..4] }")?.validate()?;
//! let value = Value::decode(schema.root(), &[7, 2, b'h', b'i'])?;
//! assert_eq!(value.field("label"), Some(&Value::from("hi")));
//! assert_eq!(value.show(schema.root()).to_string(), "{ x: 7, label: \"hi\" }");
//!
//! let mut bytes = [0; 9];
//! value.store(schema.root(), &mut bytes)?;
//! assert_eq!(bytes, [7, 2, 0, 0, 0, b'h', b'i', 0, 0]);
//! assert_eq!(Value::load(schema.root(), &bytes)?, value);
//!
//! let mut octets = Vec::new();
//! value.encode(schema.root(), &mut Encoder::new(&mut octets))?;
//! assert_eq!(octets, [7, 2, b'h', b'i']);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decode;
mod encode;
mod error;
#[cfg(feature = "json")]
mod json;
mod load;
mod places;
mod show;
mod store;
#[cfg(test)]
mod tests;

use barewire_schema::{Name, Type};

pub use error::{ValueError, ValueErrorKind};
pub use load::encode_layout;
pub use show::Shown;

/// A value of any BARE type.
///
/// Two values are equal if they are the same; a NaN equals nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `uint`
    UInt(u64),
    /// `int`
    Int(i64),
    /// `u8`
    U8(u8),
    /// `u16`
    U16(u16),
    /// `u32`
    U32(u32),
    /// `u64`
    U64(u64),
    /// `i8`
    I8(i8),
    /// `i16`
    I16(i16),
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `bool`
    Bool(bool),
    /// `str`
    Str(String),
    /// `data` and `data[N]`
    Data(Vec<u8>),
    /// `void`
    Void,
    /// `enum`: the number of a member.
    Enum(u64),
    /// `optional<T>`
    Optional(Option<Box<Value>>),
    /// `list<T>` and `list<T>[N]`
    List(Vec<Value>),
    /// `map<K><V>`: pairs in the order in which they stand.
    Map(Vec<(Value, Value)>),
    /// `union`: the tag of a member, and its value.
    Union(u64, Box<Value>),
    /// `struct`: all fields in the order of the type.
    Struct(Vec<(Name, Value)>),
}

impl Value {
    /// The member `name` of an enum type; `None` if there is none.
    #[must_use]
    pub fn member(ty: &Type, name: &str) -> Option<Self> {
        let Type::Enum(members) = ty.resolved() else { return None };
        members.iter().find(|member| member.name == name).map(|member| Self::Enum(member.value))
    }

    /// A struct of these fields.
    pub fn structure<N: Into<Name>>(fields: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Struct(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// An optional value.
    #[must_use]
    pub fn optional(value: Option<Self>) -> Self {
        Self::Optional(value.map(Box::new))
    }

    /// The field `name` of a struct.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What kind of value this is, in BARE's words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UInt(_) => "uint",
            Self::Int(_) => "int",
            Self::U8(_) => "u8",
            Self::U16(_) => "u16",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::I8(_) => "i8",
            Self::I16(_) => "i16",
            Self::I32(_) => "i32",
            Self::I64(_) => "i64",
            Self::F32(_) => "f32",
            Self::F64(_) => "f64",
            Self::Bool(_) => "bool",
            Self::Str(_) => "str",
            Self::Data(_) => "data",
            Self::Void => "void",
            Self::Enum(_) => "enum",
            Self::Optional(_) => "optional",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Union(..) => "union",
            Self::Struct(_) => "struct",
        }
    }
}

macro_rules! from {
    ($($rust:ty => $variant:ident),* $(,)?) => {$(
        impl From<$rust> for Value {
            fn from(value: $rust) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i16 => I16, i32 => I32, i64 => I64,
    f32 => F32, f64 => F64, bool => Bool, &str => Str, String => Str, Vec<u8> => Data,
    &[u8] => Data, Vec<Value> => List,
}

/// What kind of type this is, in BARE's words, or its name.
pub(crate) fn kind_of(ty: &Type) -> String {
    let word = match ty {
        Type::UInt => "uint",
        Type::Int => "int",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::I8 => "i8",
        Type::I16 => "i16",
        Type::I32 => "i32",
        Type::I64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Bool => "bool",
        Type::Str { .. } => "str",
        Type::Data { .. } => "data",
        Type::DataFixed { len } => return format!("data[{len}]"),
        Type::Void => "void",
        Type::Enum(_) => "enum",
        Type::Optional(_) => "optional",
        Type::List { .. } => "list",
        Type::ListFixed { len, .. } => return format!("list[{len}]"),
        Type::Map { .. } => "map",
        Type::Union(_) => "union",
        Type::Struct(_) => "struct",
        Type::User { name, definition: Some(link) } => {
            return format!("{name} ({})", kind_of(link.get()));
        }
        Type::User { name, definition: None } => return name.to_string(),
    };
    word.to_owned()
}
