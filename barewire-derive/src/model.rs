//! The one model that both macros are parsed into and code is emitted from.

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Lifetime, Type, Visibility};

/// A checked item.
pub(crate) struct Item {
    pub(crate) crate_path: syn::Path,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    /// The name in the BARE schema.
    pub(crate) name: String,
    /// The only generic parameter there can be.
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) shape: Shape,
}

/// What the item is in BARE.
pub(crate) enum Shape {
    Struct(Fields),
    /// A struct of one unnamed field: the inner type under a new name.
    Newtype(Box<Field>),
    Enum(Vec<Member>),
    Union(Vec<Variant>),
}

/// The fields of a struct or of a variant.
pub(crate) struct Fields {
    pub(crate) fields: Vec<Field>,
    /// Whether the Rust syntax has names (`{}`) or positions (`()`).
    pub(crate) named: bool,
}

/// One field with its type and caps.
pub(crate) struct Field {
    pub(crate) visibility: Visibility,
    /// The Rust member: an identifier or a position.
    pub(crate) member: syn::Member,
    /// The identifier in the layout: the field's own, or `fieldN`.
    pub(crate) ident: Ident,
    /// The name in the schema.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) caps: Caps,
    pub(crate) varint: Option<Varint>,
    pub(crate) docs: Vec<Attribute>,
}

/// Which of BARE's integers of variable length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Varint {
    UInt,
    Int,
}

/// The caps of a type, from the outside in.
pub(crate) enum Caps {
    None,
    Max(TokenStream, Box<Caps>),
    /// Of a map: key and value.
    Pair(Box<Caps>, Box<Caps>),
}

/// A member of a BARE enum.
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// A member of a BARE union.
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) tag: u64,
    /// Set when another member would be written alike: the member becomes a type of this name.
    pub(crate) alias: Option<String>,
    pub(crate) payload: Payload,
    pub(crate) docs: Vec<Attribute>,
}

/// What a variant carries.
pub(crate) enum Payload {
    Void,
    /// One unnamed field: that type.
    Single(Box<Field>),
    /// Several or named fields: an anonymous struct.
    Struct(Fields),
}
