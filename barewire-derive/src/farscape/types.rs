//! Rust types for those of C.

use std::collections::BTreeSet;
use std::sync::Arc;

use barewire_schema::c::{
    CError, CField, CType, Document, EnumDefinition, Integer, Item, Pass, Returns, StructDefinition,
};
use barewire_schema::{Type, is_member_name};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};

use super::ident;

fn of_integer(integer: Integer) -> TokenStream {
    match integer.shape() {
        (1, true) => quote!(i8),
        (1, false) => quote!(u8),
        (2, true) => quote!(i16),
        (2, false) => quote!(u16),
        (4, true) => quote!(i32),
        (4, false) => quote!(u32),
        (_, true) => quote!(i64),
        (_, false) => quote!(u64),
    }
}

/// The Rust type of a number that is passed by value.
pub(super) fn number(ty: &CType, core: &TokenStream) -> TokenStream {
    match ty {
        CType::Bool => quote!(bool),
        CType::Char => quote!(#core::ffi::c_char),
        CType::Integer(integer) => of_integer(*integer),
        CType::Enum(made) => of_integer(made.integer()),
        CType::Float => quote!(f32),
        CType::Double => quote!(f64),
        _ => quote!(()),
    }
}

/// The Rust type of an item of an array that is passed; bytes for what has no type.
pub(super) fn item(ty: &CType, core: &TokenStream) -> TokenStream {
    match ty {
        CType::Bool | CType::Void => quote!(u8),
        ty => number(ty, core),
    }
}

/// The Rust type of a single value behind a pointer.
pub(super) fn single(ty: &CType, core: &TokenStream) -> TokenStream {
    match ty {
        CType::Struct(made) => {
            let name = ident(made.name(), Span::call_site());
            quote!(#name)
        }
        // As it is: what is no member of the enum is the caller's to judge.
        ty => number(ty, core),
    }
}

/// The Rust type of a field.
fn field(ty: &CType, core: &TokenStream) -> TokenStream {
    match ty {
        CType::Array { item, len } => {
            let item = field(item, core);
            let len = proc_macro2::Literal::usize_unsuffixed(*len as usize);
            quote!([#item; #len])
        }
        CType::Enum(made) if matches!(ty.bare(), Ok(Type::Enum(_))) && !made.name().is_empty() => {
            let name = ident(made.name(), Span::call_site());
            quote!(#name)
        }
        CType::Struct(made) => {
            let name = ident(made.name(), Span::call_site());
            quote!(#name)
        }
        ty => number(ty, core),
    }
}

/// `enum Kind`, if BARE has it; otherwise constants.
pub(super) fn enumeration(made: &Arc<EnumDefinition>, path: &TokenStream) -> TokenStream {
    let (core, text) = (quote!(#path::farscape::parts::core), path.to_string());
    if made.name().is_empty() {
        return TokenStream::new();
    }
    let name = ident(made.name(), Span::call_site());
    let doc = format!("`enum {}` of C.", made.name());
    let ty = CType::Enum(made.clone());
    if !matches!(ty.bare(), Ok(Type::Enum(_))) {
        let integer = number(&ty, &core);
        let constants = made.members().iter().map(|(member, value)| {
            let doc = format!("`{member}` of `enum {}`.", made.name());
            let (member, value) =
                (ident(member, Span::call_site()), proc_macro2::Literal::i128_unsuffixed(*value));
            quote! {
                #[doc = #doc]
                #[allow(non_upper_case_globals)]
                pub const #member: #integer = #value;
            }
        });
        return quote! {
            #[doc = #doc]
            #[allow(non_camel_case_types)]
            pub type #name = #integer;
            #(#constants)*
        };
    }
    let mut members = made.members().to_vec();
    members.sort_by_key(|member| member.1);
    members.dedup_by_key(|member| member.1);
    let variants = members.iter().map(|(member, value)| {
        let doc = format!("`{member}` of C.");
        let upper = member.trim_start_matches('_').to_ascii_uppercase();
        let rename = is_member_name(&upper).then(|| quote!(#[bare(rename = #upper)]));
        let value = proc_macro2::Literal::i128_unsuffixed(*value);
        let member = ident(member, Span::call_site());
        quote!(#[doc = #doc] #rename #member = #value)
    });
    let member_type = match made.integer().shape().0 {
        8 => quote!(#[repr(u64)]),
        _ => quote!(#[repr(u32)]),
    };
    quote! {
        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #[derive(#path::BareSchema, Debug, Clone, Copy, PartialEq, Eq)]
        #[bare(crate = #text)]
        #member_type
        pub enum #name { #(#variants,)* }
    }
}

/// A struct that derives `BareSchema`, with C's layout.
pub(super) fn structure(
    made: &Arc<StructDefinition>,
    item: &Item,
    path: &TokenStream,
    span: Span,
) -> Result<TokenStream, CError> {
    let (core, text) = (quote!(#path::farscape::parts::core), path.to_string());
    let schema = made.schema()?;
    let names = made.field_names();
    let name = ident(made.name(), span);
    let mut fields: Vec<TokenStream> = Vec::new();
    let mut others = Vec::new();
    for (at, (one, own)) in made.fields().iter().zip(&names).enumerate() {
        let field_name = ident(own, Span::call_site());
        let doc = format!("`{}` of C.", one.name);
        if one.tag.is_some() {
            let inner = format_ident!("{}_{}", made.name(), one.name);
            others.push(union(one, &inner, path, &core));
            // The tag has become a part of the union.
            fields.pop();
            fields.push(quote!(#[doc = #doc] pub #field_name: #inner));
            continue;
        }
        let ty = match &one.ty {
            CType::Struct(anonymous) if anonymous.name().is_empty() => {
                let inner = format_ident!("{}_part{}", made.name(), at);
                let mut named = StructDefinition::new(inner.to_string());
                for part in anonymous.fields() {
                    named = named.field(part.name.clone(), part.ty.clone());
                }
                others.push(structure(&Arc::new(named), item, path, span)?);
                quote!(#inner)
            }
            ty => field(ty, &core),
        };
        fields.push(quote!(#[doc = #doc] pub #field_name: #ty));
    }
    let layout = schema.root().layout();
    let size = layout.map_or(0, |layout| layout.size as usize);
    let docs = match item.docs.as_slice() {
        [] => vec![format!(" `struct {}` of C.", made.name())],
        docs => docs.to_vec(),
    };
    Ok(quote! {
        #(#others)*
        #(#[doc = #docs])*
        #[allow(non_camel_case_types, non_snake_case)]
        #[derive(#path::BareSchema, Debug, Clone, PartialEq)]
        #[bare(crate = #text)]
        pub struct #name { #(#fields,)* }
        const _: () = #core::assert!(
            #core::mem::size_of::<<#name as #path::layout::FixedLayout>::Layout>() == #size
        );
    })
}

fn union(one: &CField, name: &syn::Ident, path: &TokenStream, core: &TokenStream) -> TokenStream {
    let Some((_, members)) = &one.tag else { return TokenStream::new() };
    let mut members = members.clone();
    members.sort_by_key(|member| member.0);
    let CType::Struct(definition) = &one.ty else { return TokenStream::new() };
    let variants = members.iter().filter_map(|(number, member)| {
        let found = definition.fields().iter().find(|field| field.name == *member)?;
        let ty = field(&found.ty, core);
        let number = proc_macro2::Literal::u64_unsuffixed(*number);
        let doc = format!("`{member}` of C.");
        let member = ident(member, Span::call_site());
        Some(quote!(#[doc = #doc] #[bare(tag = #number)] #member(#ty)))
    });
    let doc = format!(" The union `{}` of C, with its tag.", one.name);
    let text = path.to_string();
    quote! {
        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #[derive(#path::BareSchema, Debug, Clone, PartialEq)]
        #[bare(crate = #text)]
        pub enum #name { #(#variants,)* }
    }
}

/// What a handle leads to, as a name; `None` for `void`.
pub(super) fn marker(ty: &CType) -> Option<String> {
    match ty {
        CType::Incomplete(name) => name.split(' ').next_back().map(str::to_owned),
        CType::Struct(made) => Some(made.name().to_owned()),
        _ => None,
    }
}

/// Types without values for what handles lead to.
pub(super) fn markers(document: &Document) -> TokenStream {
    let mut names = BTreeSet::new();
    for function in document.functions() {
        for parameter in function.parameters() {
            let inner = match parameter.pass {
                Pass::Opaque | Pass::Take => parameter.ty.pointee(),
                Pass::OutOpaque => parameter.ty.pointee().and_then(CType::pointee),
                _ => None,
            };
            if let Some(ty @ CType::Incomplete(_)) = inner {
                names.extend(marker(ty));
            }
        }
        if let (Returns::Opaque, Some(ty @ CType::Incomplete(_))) =
            (function.returned(), function.result().pointee())
        {
            names.extend(marker(ty));
        }
    }
    let items = names.iter().map(|name| {
        let doc = format!("What handles of the library lead to: `{name}`.");
        let name = ident(name, Span::call_site());
        quote!(#[doc = #doc] #[allow(non_camel_case_types)] #[derive(Debug)] pub enum #name {})
    });
    quote!(#(#items)*)
}
