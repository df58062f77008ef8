//! The one model that both macros are parsed into and code is emitted from.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Attribute, ExprPath, ExprRange, Ident, Lifetime, LitInt, Type, Visibility};

/// A checked item.
pub(crate) struct Item {
    pub(crate) crate_path: syn::Path,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    /// The name in the BARE schema.
    pub(crate) name: String,
    /// What it borrows with; there is no fixed layout then.
    pub(crate) lifetime: Option<Lifetime>,
    /// The capacities that are parameters.
    pub(crate) consts: Vec<Ident>,
    /// The capacities for which there is a fixed layout: one number for each parameter.
    pub(crate) capacities: Vec<Vec<LitInt>>,
    /// A rule of the whole value.
    pub(crate) validate: Option<ExprPath>,
    pub(crate) compatible_with: Option<Older>,
    /// Whether a lifetime is missing or not declared, which the compiler tells by itself.
    pub(crate) lacks_lifetime: bool,
    pub(crate) shape: Shape,
}

impl Item {
    /// The parameters of an implementation, as in `<'a, const N: usize>`.
    pub(crate) fn generics(&self) -> TokenStream {
        let (lifetime, consts) = (self.lifetime.iter(), &self.consts);
        if self.lifetime.is_none() && consts.is_empty() {
            return TokenStream::new();
        }
        quote!(<#(#lifetime,)* #(const #consts: usize),*>)
    }

    /// Those of the parameters that occur in `tokens`.
    pub(crate) fn generics_in(&self, tokens: &TokenStream) -> TokenStream {
        let consts = self.consts.iter().filter(|name| mentions(tokens, name));
        let lifetime = self.lifetime.iter();
        quote!(<#(#lifetime,)* #(const #consts: usize),*>)
    }

    /// All fields, those of variants too.
    pub(crate) fn fields(&self) -> Vec<&Field> {
        match &self.shape {
            Shape::Struct(fields) => fields.fields.iter().collect(),
            Shape::Newtype(field) => vec![field],
            Shape::Enum(_) => Vec::new(),
            Shape::Union(variants) => {
                let each = variants.iter().map(|variant| match &variant.payload {
                    Payload::Void => Vec::new(),
                    Payload::Single(field) => vec![&**field],
                    Payload::Struct(fields) => fields.fields.iter().collect(),
                });
                each.flatten().collect()
            }
        }
    }

    /// The same with the lifetime of the input.
    pub(crate) fn decode_generics(&self) -> TokenStream {
        if self.lifetime.is_some() {
            return self.generics();
        }
        let consts = &self.consts;
        quote!(<'__de, #(const #consts: usize),*>)
    }

    /// The type itself, as in `Message<'a, N>`.
    pub(crate) fn self_type(&self) -> TokenStream {
        let (ident, lifetime, consts) = (&self.ident, self.lifetime.iter(), &self.consts);
        if self.lifetime.is_none() && consts.is_empty() {
            return quote!(#ident);
        }
        quote!(#ident<#(#lifetime,)* #(#consts),*>)
    }
}

fn mentions(tokens: &TokenStream, name: &Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(&group.stream(), name),
        _ => false,
    })
}

/// A type of an older schema, which this one must be able to read.
pub(crate) struct Older {
    pub(crate) file: crate::files::File,
    pub(crate) ty: barewire_schema::Type,
}

/// What the item is in BARE.
#[derive(Clone)]
pub(crate) enum Shape {
    Struct(Fields),
    /// A struct of one unnamed field: the inner type under a new name.
    Newtype(Box<Field>),
    Enum(Vec<Member>),
    Union(Vec<Variant>),
}

/// The fields of a struct or of a variant.
#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) fields: Vec<Field>,
    /// Those that the schema does not know, and what they get.
    pub(crate) skipped: Vec<(syn::Member, TokenStream)>,
    /// A value without a name before it: `(a, b)`.
    pub(crate) tuple: bool,
}

/// One field with its type and caps.
#[derive(Clone)]
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
    /// What it is aligned to at least.
    pub(crate) align: Option<LitInt>,
    pub(crate) range: Option<ExprRange>,
    pub(crate) validate: Option<ExprPath>,
    /// The function that checks both.
    pub(crate) rule: Option<Ident>,
    pub(crate) docs: Vec<Attribute>,
}

/// Which of BARE's integers of variable length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Varint {
    UInt,
    Int,
}

/// The caps of a type, from the outside in.
#[derive(Clone)]
pub(crate) enum Caps {
    None,
    Max(TokenStream, Box<Caps>),
    /// Of a map: key and value.
    Pair(Box<Caps>, Box<Caps>),
    /// Of a tuple: a type of our own that stands for them.
    Tuple(Box<Tuple>),
}

/// A tuple in a field's type. Its marker stands where caps do: as it is a local type, the traits
/// can be implemented for the tuple, which is not.
#[derive(Clone)]
pub(crate) struct Tuple {
    pub(crate) marker: Ident,
    pub(crate) fields: Fields,
}

/// A member of a BARE enum.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// A member of a BARE union.
#[derive(Clone)]
pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) tag: u64,
    /// Set when another member would be written alike: the member becomes a type of this name.
    pub(crate) alias: Option<String>,
    pub(crate) payload: Payload,
    pub(crate) docs: Vec<Attribute>,
}

/// What a variant carries.
#[derive(Clone)]
pub(crate) enum Payload {
    Void,
    /// One unnamed field: that type.
    Single(Box<Field>),
    /// Several or named fields: an anonymous struct.
    Struct(Fields),
}
