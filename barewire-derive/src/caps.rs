//! Caps: which the attributes give to a type, and to what is inside it.

use proc_macro2::Span;
use quote::{format_ident, quote};
use syn::Type;
use syn::spanned::Spanned as _;

use crate::attributes::CapAttributes;
use crate::check::{Context, SCALARS, error_at, is_octet, named, peel};
use crate::model::{Caps, Field, Fields, Tuple};

/// The kinds of type that caps know.
enum Capped<'t> {
    Scalar(String),
    Bytes,
    List(&'t Type),
    Map(&'t Type, &'t Type),
    Tuple(&'t syn::TypeTuple),
    Other,
}

fn capped(ty: &Type) -> Capped<'_> {
    match peel(ty) {
        Type::Array(array) if is_octet(&array.elem) => Capped::Scalar("an array".to_owned()),
        Type::Array(array) => match capped(&array.elem) {
            Capped::Scalar(_) => Capped::Scalar("an array".to_owned()),
            other => other,
        },
        Type::Reference(_) => Capped::Bytes,
        Type::Tuple(tuple) => Capped::Tuple(tuple),
        _ => match named(ty) {
            Some((name, arguments)) => match (name.as_str(), arguments.as_slice()) {
                ("Option" | "Box", [inner]) => capped(inner),
                ("Vec", [item]) if is_octet(item) => Capped::Bytes,
                ("Vec", [item]) => Capped::List(item),
                ("BTreeMap" | "HashMap", [key, value, ..]) => Capped::Map(key, value),
                ("Uuid" | "Duration" | "SystemTime", []) => Capped::Scalar(name),
                (scalar, []) if SCALARS.contains(&scalar) => Capped::Scalar(name),
                ("String", []) | ("Cow", [_]) => Capped::Bytes,
                _ => Capped::Other,
            },
            None => Capped::Other,
        },
    }
}

/// The caps that the attributes give to a type.
pub(crate) fn caps(
    ty: &Type,
    attributes: &CapAttributes,
    context: &Context<'_>,
) -> syn::Result<Caps> {
    let kind = capped(ty);
    if let Capped::Tuple(found) = kind {
        return tuple(found, attributes, context);
    }
    if let Some((span, _)) = attributes.parts.values().next() {
        let help = "`field0(..)` and so on are for the parts of a tuple";
        return Err(error_at(*span, "this type has no parts of that name", help));
    }
    if attributes.is_empty() {
        return Ok(Caps::None);
    }
    let first = [&attributes.item, &attributes.key, &attributes.value];
    let Some((span, max)) = &attributes.max else {
        let span = first.iter().find_map(|inner| inner.as_ref().map(|(span, _)| *span));
        return Err(error_at(
            span.unwrap_or_else(|| ty.span()),
            "what is inside is capped but the whole is not",
            "add `max = N` before it: the largest number of items",
        ));
    };
    if let Capped::Scalar(name) = &kind {
        return Err(error_at(
            *span,
            &format!("`max` says nothing on {name}, whose size is fixed"),
            "remove it: `max` is for String, Vec<T>, Vec<u8> and maps",
        ));
    }
    let misplaced = |found: &Option<(Span, Box<CapAttributes>)>, key: &str, place: &str| {
        found.as_ref().map_or(Ok(()), |(span, _)| {
            Err(error_at(*span, &format!("`{key}` says nothing here"), place))
        })
    };
    let pair = "a list has `item(..)`; `key(..)` and `value(..)` are for a map";
    match &kind {
        Capped::List(_) => {
            misplaced(&attributes.key, "key", pair)?;
            misplaced(&attributes.value, "value", pair)?;
        }
        Capped::Map(..) => {
            misplaced(&attributes.item, "item", "a map has `key(..)` and `value(..)`")?;
        }
        Capped::Bytes => {
            let help = "text and bytes have nothing inside to cap: write `max = N` alone";
            misplaced(&attributes.item, "item", help)?;
            misplaced(&attributes.key, "key", help)?;
            misplaced(&attributes.value, "value", help)?;
        }
        Capped::Scalar(_) | Capped::Tuple(_) | Capped::Other => {}
    }
    let nothing = CapAttributes::default();
    let inside = |ty: Option<&Type>, found: &Option<(Span, Box<CapAttributes>)>| {
        let found = found.as_ref().map_or(&nothing, |(_, found)| &**found);
        match ty {
            Some(ty) => caps(ty, found, context),
            None => unknown_caps(found, context),
        }
    };
    let inner = match kind {
        Capped::Map(key, value) => {
            let key = inside(Some(key), &attributes.key)?;
            Caps::Pair(Box::new(key), Box::new(inside(Some(value), &attributes.value)?))
        }
        Capped::List(item) => inside(Some(item), &attributes.item)?,
        _ if attributes.key.is_some() || attributes.value.is_some() => {
            let key = inside(None, &attributes.key)?;
            Caps::Pair(Box::new(key), Box::new(inside(None, &attributes.value)?))
        }
        _ => inside(None, &attributes.item)?,
    };
    Ok(Caps::Max(quote!({ #max }), Box::new(inner)))
}

/// The caps of a type known by an alias only: taken as they are written.
fn unknown_caps(attributes: &CapAttributes, context: &Context<'_>) -> syn::Result<Caps> {
    let placeholder: Type = syn::parse_quote!(__Unknown);
    caps(&placeholder, attributes, context)
}

/// The parts of a tuple, with their caps.
fn tuple(
    found: &syn::TypeTuple,
    attributes: &CapAttributes,
    context: &Context<'_>,
) -> syn::Result<Caps> {
    let said = [&attributes.item, &attributes.key, &attributes.value];
    let span = attributes.max.as_ref().map(|(span, _)| *span);
    if let Some(span) = span.or(said.iter().find_map(|said| said.as_ref().map(|said| said.0))) {
        return Err(error_at(
            span,
            "a tuple itself has no cap",
            "name the part: `field0(max = 64)` is for the first, `field1(..)` for the second",
        ));
    }
    if let Some((index, (span, _))) = attributes.parts.range(found.elems.len()..).next() {
        let message = format!("this tuple has no `field{index}`");
        let help = format!("its parts are field0 to field{}", found.elems.len().saturating_sub(1));
        return Err(error_at(*span, &message, &help));
    }
    // A type that borrows has no layout, and so no need of caps.
    if let Some((_, (span, _))) = attributes.parts.iter().next().filter(|_| context.borrows()) {
        let help = "remove it: only a type that owns its fields has a fixed layout";
        return Err(error_at(*span, "a tuple in a type that borrows has no caps", help));
    }
    if context.borrows() {
        return Ok(Caps::None);
    }
    let nothing = CapAttributes::default();
    let mut fields = Vec::new();
    for (index, ty) in found.elems.iter().enumerate() {
        let own = attributes.parts.get(&index).map_or(&nothing, |(_, own)| &**own);
        let ident = format_ident!("field{index}", span = ty.span());
        fields.push(Field {
            visibility: context.visibility.clone(),
            member: syn::Member::Unnamed(syn::Index {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                span: ty.span(),
            }),
            name: ident.to_string(),
            ident,
            ty: ty.clone(),
            caps: caps(ty, own, context)?,
            varint: None,
            align: None,
            range: None,
            validate: None,
            rule: None,
            docs: Vec::new(),
        });
    }
    let marker = format_ident!("__{}Tuple{}", context.owner, context.number());
    let fields = Fields { fields, skipped: Vec::new(), tuple: true };
    Ok(Caps::Tuple(Box::new(Tuple { marker, fields })))
}
