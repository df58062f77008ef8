//! From definitions to Rust items with `#[bare]` attributes, which the derive then reads.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::grammar::{Any, Definition, Document, EnumMember, Field, Kind, Length, UnionMember};
use crate::names;

/// The items of one definition: the type, and those that are anonymous in it.
pub(super) fn definition(definition: &Definition, document: &Document) -> TokenStream {
    let crate_path = &document.crate_path;
    let mut render =
        Render { document, private: quote!(#crate_path::__private), items: Vec::new() };
    let docs = &definition.docs;
    let name = names::plain(&definition.name);
    let doc = if docs.is_empty() {
        let text = format!("`{name}` of the schema.");
        quote!(#[doc = #text])
    } else {
        quote!(#(#docs)*)
    };
    // A void has no values: it is a variant without data in the unions that it is a member of.
    if !document.is_void(&definition.ty) {
        render.item(&doc, &definition.name, &definition.ty);
    }
    render.items.into_iter().collect()
}

impl Document {
    /// Whether it is void, by whatever name.
    fn is_void(&self, ty: &Any) -> bool {
        match &ty.kind {
            Kind::Void => true,
            Kind::User(name) => {
                let text = names::plain(name);
                let found = self.definitions.iter().find(|def| names::plain(&def.name) == text);
                found.is_some_and(|found| self.is_void(&found.ty))
            }
            _ => false,
        }
    }
}

struct Render<'d> {
    document: &'d Document,
    private: TokenStream,
    items: Vec<TokenStream>,
}

/// A Rust type, and what `#[bare(...)]` says of it.
struct Rust {
    ty: TokenStream,
    attribute: TokenStream,
}

impl Rust {
    fn plain(ty: TokenStream) -> Self {
        Rust { ty, attribute: TokenStream::new() }
    }

    fn attribute(&self) -> TokenStream {
        let attribute = &self.attribute;
        if attribute.is_empty() { TokenStream::new() } else { quote!(#[bare(#attribute)]) }
    }
}

/// A name as a Rust identifier; the few that cannot be raw get an underscore.
fn identifier(name: &str, span: Span) -> Ident {
    if matches!(name, "self" | "super" | "crate" | "Self" | "_") {
        return Ident::new(&format!("{name}_"), span);
    }
    match syn::parse_str::<Ident>(name) {
        Ok(_) => Ident::new(name, span),
        Err(_) => Ident::new_raw(name, span),
    }
}

impl Render<'_> {
    fn item(&mut self, doc: &TokenStream, name: &Ident, ty: &Any) {
        let derives = self.derives(ty);
        let crate_path = &self.document.crate_path;
        let path = quote!(#crate_path).to_string().replace(' ', "");
        let named = names::plain(name);
        let crate_attribute = (path != "::barewire").then(|| quote!(#[bare(crate = #path)]));
        let rust = identifier(&named, name.span());
        let rename = (names::plain(&rust) != named).then(|| quote!(#[bare(rename = #named)]));
        let head = quote!(#doc #derives #crate_attribute #rename);
        let item = match &ty.kind {
            Kind::Struct(fields) => {
                let fields: Vec<_> = fields.iter().map(|field| self.field(&named, field)).collect();
                quote!(#head pub struct #rust { #(#fields),* })
            }
            Kind::Enum(members) => {
                let members = members.iter().map(enum_member);
                quote!(#head pub enum #rust { #(#members),* })
            }
            Kind::Union(members) => {
                let members = self.union_members(&named, members);
                quote!(#head pub enum #rust { #(#members),* })
            }
            _ => {
                let inner = self.top(ty, &format!("{named}Item"));
                let (attribute, ty) = (inner.attribute(), inner.ty);
                quote!(#head pub struct #rust(#attribute pub #ty);)
            }
        };
        self.items.push(item);
    }

    fn derives(&self, ty: &Any) -> TokenStream {
        let (private, crate_path) = (&self.private, &self.document.crate_path);
        let core = quote!(#private::core);
        let float = self.any(ty, &|kind| matches!(kind, Kind::Primitive("f32" | "f64")));
        let flat = !matches!(&ty.kind, Kind::Struct(_) | Kind::Union(_) | Kind::Map(..));
        let equal = (!float).then(|| quote!(#core::cmp::Eq,));
        let ordered = (!float && flat)
            .then(|| quote!(#core::cmp::PartialOrd, #core::cmp::Ord, #core::hash::Hash,));
        let ordered = if self
            .any(ty, &|kind| matches!(kind, Kind::Map(..) | Kind::Struct(_) | Kind::Union(_)))
        {
            None
        } else {
            ordered
        };
        let copy = matches!(&ty.kind, Kind::Enum(_)).then(|| quote!(#core::marker::Copy,));
        quote! {
            #[derive(
                #crate_path::BareSchema,
                #core::fmt::Debug,
                #core::clone::Clone,
                #core::cmp::PartialEq,
                #equal #ordered #copy
            )]
        }
    }

    /// Whether a kind occurs in the type, through names too.
    fn any(&self, ty: &Any, is: &dyn Fn(&Kind) -> bool) -> bool {
        is(&ty.kind)
            || match &ty.kind {
                Kind::Optional(item) | Kind::List(item, _) => self.any(item, is),
                Kind::Map(key, value, _) => self.any(key, is) || self.any(value, is),
                Kind::Struct(fields) => fields.iter().any(|field| self.any(&field.ty, is)),
                Kind::Union(members) => members.iter().any(|member| self.any(&member.ty, is)),
                Kind::User(name) => {
                    let text = names::plain(name);
                    let mut definitions = self.document.definitions.iter();
                    let found = definitions.find(|other| names::plain(&other.name) == text);
                    // A failed one is assumed to hold anything.
                    found.is_none_or(|found| self.any(&found.ty, is))
                }
                _ => false,
            }
    }

    fn field(&mut self, parent: &str, field: &Field) -> TokenStream {
        let name = names::plain(&field.name);
        let ident = identifier(&name, field.name.span());
        let rename = (names::plain(&ident) != name).then(|| quote!(#[bare(rename = #name)]));
        let rust = self.top(&field.ty, &format!("{parent}{}", names::camel(&name)));
        let (attribute, ty, docs) = (rust.attribute(), rust.ty, &field.docs);
        let align = field.align.as_ref().map(|align| quote!(#[bare(align = #align)]));
        let doc = if docs.is_empty() {
            let text = format!("`{name}` of the schema.");
            quote!(#[doc = #text])
        } else {
            quote!(#(#docs)*)
        };
        quote!(#doc #attribute #align #rename pub #ident: #ty)
    }

    fn union_members(&mut self, parent: &str, members: &[UnionMember]) -> Vec<TokenStream> {
        let mut taken: Vec<String> = Vec::new();
        let mut out = Vec::new();
        for (index, member) in members.iter().enumerate() {
            let mut name = variant_name(&member.ty, index);
            while taken.contains(&name) {
                name = format!("{name}{index}");
            }
            taken.push(name.clone());
            let ident = identifier(&name, member.ty.span);
            let tag = member.tag.as_ref().map(|tag| quote!(#[bare(tag = #tag)]));
            let doc = format!("`{}` of the schema.", written(&member.ty));
            if let (Kind::User(alias), true) = (&member.ty.kind, self.document.is_void(&member.ty))
            {
                let alias = names::plain(alias);
                out.push(quote!(#[doc = #doc] #tag #[bare(rename = #alias)] #ident));
                continue;
            }
            if let Kind::Void = member.ty.kind {
                out.push(quote!(#[doc = #doc] #tag #ident));
                continue;
            }
            let rust = self.top(&member.ty, &format!("{parent}{name}"));
            let (attribute, ty) = (rust.attribute(), rust.ty);
            out.push(quote!(#[doc = #doc] #tag #ident(#attribute #ty)));
        }
        out
    }

    /// A type where `varint` may stand: directly in a field.
    fn top(&mut self, ty: &Any, hint: &str) -> Rust {
        let private = &self.private;
        match &ty.kind {
            Kind::Primitive("uint") => Rust {
                ty: quote_spanned!(ty.span=> #private::core::primitive::u64),
                attribute: quote!(varint),
            },
            Kind::Primitive("int") => Rust {
                ty: quote_spanned!(ty.span=> #private::core::primitive::i64),
                attribute: quote!(varint),
            },
            _ => self.rust(ty, hint),
        }
    }

    fn rust(&mut self, ty: &Any, hint: &str) -> Rust {
        let (private, span) = (self.private.clone(), ty.span);
        let max =
            |number: &syn::LitInt, inner: TokenStream| quote_spanned!(span=> max = #number #inner);
        match &ty.kind {
            Kind::Primitive("uint") => Rust::plain(quote_spanned!(span=> #private::UInt)),
            Kind::Primitive("int") => Rust::plain(quote_spanned!(span=> #private::Int)),
            Kind::Primitive(name) => {
                let name = Ident::new(name, span);
                Rust::plain(quote_spanned!(span=> #private::core::primitive::#name))
            }
            // Void stands only in unions, which do not ask.
            Kind::Void => Rust::plain(quote_spanned!(span=> ())),
            Kind::Str(cap) => Rust {
                ty: quote_spanned!(span=> #private::std::string::String),
                attribute: cap.iter().map(|cap| max(cap, TokenStream::new())).collect(),
            },
            Kind::Data(length) => {
                let octet = quote_spanned!(span=> #private::core::primitive::u8);
                sequence(&Rust::plain(octet), length, &private, span)
            }
            Kind::Optional(item) => {
                let Rust { ty, attribute } = self.rust(item, hint);
                Rust { ty: quote_spanned!(span=> #private::std::option::Option<#ty>), attribute }
            }
            Kind::List(item, length) => {
                let item = self.rust(item, hint);
                sequence(&item, length, &private, span)
            }
            Kind::Map(key, value, cap) => {
                let key = self.rust(key, &format!("{hint}Key"));
                let value = self.rust(value, hint);
                let (key_ty, value_ty) = (&key.ty, &value.ty);
                let inner = [inside("key", &key), inside("value", &value)];
                let inner: TokenStream = inner.into_iter().collect();
                let attribute = match cap {
                    Some(cap) => max(cap, inner),
                    None => without_comma(inner),
                };
                let map = quote!(#private::std::collections::BTreeMap);
                Rust { ty: quote_spanned!(span=> #map<#key_ty, #value_ty>), attribute }
            }
            Kind::User(name) => {
                let name = identifier(&names::plain(name), name.span());
                Rust::plain(quote!(#name))
            }
            Kind::Struct(_) | Kind::Enum(_) | Kind::Union(_) => {
                let name = Ident::new(hint, span);
                let text = format!("Anonymous in the schema; `{hint}` in Rust.");
                self.item(&quote!(#[doc = #text]), &name, ty);
                Rust::plain(quote!(#name))
            }
        }
    }
}

/// A list of items, or of octets.
fn sequence(item: &Rust, length: &Length, private: &TokenStream, span: Span) -> Rust {
    let ty = &item.ty;
    match length {
        Length::Exactly(number) => {
            Rust { ty: quote_spanned!(span=> [#ty; #number]), attribute: item.attribute.clone() }
        }
        Length::Max(number) => {
            let inner = inside("item", item);
            Rust {
                ty: quote_spanned!(span=> #private::std::vec::Vec<#ty>),
                attribute: quote_spanned!(span=> max = #number #inner),
            }
        }
        Length::Free => Rust {
            ty: quote_spanned!(span=> #private::std::vec::Vec<#ty>),
            attribute: without_comma(inside("item", item)),
        },
    }
}

fn inside(key: &str, inner: &Rust) -> TokenStream {
    if inner.attribute.is_empty() {
        return TokenStream::new();
    }
    let (key, attribute) = (format_ident!("{key}"), &inner.attribute);
    quote!(, #key(#attribute))
}

fn without_comma(tokens: TokenStream) -> TokenStream {
    tokens.into_iter().skip(1).collect()
}

fn enum_member(member: &EnumMember) -> TokenStream {
    let name = names::plain(&member.name);
    let variant = names::camel(&name);
    let ident = identifier(&variant, member.name.span());
    let rename = (names::shouting(&variant) != name).then(|| quote!(#[bare(rename = #name)]));
    let value = member.value.as_ref().map(|value| quote!(= #value));
    let docs = &member.docs;
    let doc = if docs.is_empty() {
        let text = format!("`{name}` of the schema.");
        quote!(#[doc = #text])
    } else {
        quote!(#(#docs)*)
    };
    quote!(#doc #rename #ident #value)
}

/// The variant that stands for a member: the type's name in Rust's form.
fn variant_name(ty: &Any, index: usize) -> String {
    match &ty.kind {
        Kind::Primitive("uint") => "UInt".to_owned(),
        Kind::Primitive(name) => names::camel(name),
        Kind::Str(_) => "Str".to_owned(),
        Kind::Data(_) => "Data".to_owned(),
        Kind::Void => "Void".to_owned(),
        Kind::Optional(item) => format!("Optional{}", variant_name(item, index)),
        Kind::List(item, _) => format!("List{}", variant_name(item, index)),
        Kind::Map(key, value, _) => {
            format!("Map{}{}", variant_name(key, index), variant_name(value, index))
        }
        Kind::User(name) => names::plain(name),
        Kind::Struct(_) | Kind::Enum(_) | Kind::Union(_) => format!("Member{index}"),
    }
}

/// The type as BARE writes it, on one line and without caps.
pub(super) fn written(ty: &Any) -> String {
    let list = |parts: Vec<String>, by: &str| parts.join(by);
    match &ty.kind {
        Kind::Primitive(name) => (*name).to_owned(),
        Kind::Str(_) => "str".to_owned(),
        Kind::Void => "void".to_owned(),
        Kind::Data(length) => format!("data{}", exactly(length)),
        Kind::Optional(item) => format!("optional<{}>", written(item)),
        Kind::List(item, length) => format!("list<{}>{}", written(item), exactly(length)),
        Kind::Map(key, value, _) => format!("map<{}><{}>", written(key), written(value)),
        Kind::User(name) => names::plain(name),
        Kind::Enum(members) => {
            let members = members.iter().map(|member| names::plain(&member.name)).collect();
            format!("enum {{ {} }}", list(members, " "))
        }
        Kind::Union(members) => {
            let members = members.iter().map(|member| written(&member.ty)).collect();
            format!("union {{ {} }}", list(members, " | "))
        }
        Kind::Struct(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|f| format!("{}: {}", names::plain(&f.name), written(&f.ty)));
            format!("struct {{ {} }}", list(fields.collect(), " "))
        }
    }
}

fn exactly(length: &Length) -> String {
    match length {
        Length::Exactly(number) => format!("[{number}]"),
        Length::Free | Length::Max(_) => String::new(),
    }
}
