//! Tuples in the types of fields: a layout for each, under a marker that stands for its caps.

use std::borrow::Cow;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{GenericArgument, PathArguments, PathSegment, Type};

use super::fields::{place, respan};
use super::{Paths, Subject, structure_type};
use crate::check;
use crate::model::{Caps, Field, Item, Tuple};
use crate::names;

/// The code for all tuples of an item, those inside tuples too. Each stands where the type of its
/// field does, so that a mistake in a part is told there, and once.
pub(super) fn emit(item: &Item, paths: &Paths) -> TokenStream {
    let of_field = |field: &Field| -> TokenStream {
        let mut found = Vec::new();
        collect(&field.caps, &mut found);
        let all = found.iter().map(|tuple| one(tuple, item, paths)).collect();
        respan(all, place(field))
    };
    item.fields().into_iter().map(of_field).collect()
}

fn collect<'c>(caps: &'c Caps, found: &mut Vec<&'c Tuple>) {
    match caps {
        Caps::None => {}
        Caps::Max(_, inner) => collect(inner, found),
        Caps::Pair(key, value) => {
            collect(key, found);
            collect(value, found);
        }
        Caps::Tuple(tuple) => {
            tuple.fields.fields.iter().for_each(|field| collect(&field.caps, found));
            found.push(tuple);
        }
    }
}

fn one(tuple: &Tuple, item: &Item, paths: &Paths) -> TokenStream {
    let (private, marker) = (&paths.private, &tuple.marker);
    let written = tuple.fields.fields.iter().map(|field| &field.ty);
    let written = quote!((#(#written,)*)).to_string();
    let mut fields = tuple.fields.clone();
    for field in &mut fields.fields {
        replace(&mut field.ty, &field.caps, paths, true);
    }
    let types = fields.fields.iter().map(|field| &field.ty);
    let subject = Subject {
        ty: quote!((#(#types,)*)),
        written,
        generics: TokenStream::new(),
        caps: quote!(#marker),
        stem: format_ident!("{marker}"),
        name: marker.to_string(),
        visibility: item.visibility.clone(),
        rule: None,
    };
    let ty = &subject.ty;
    let (visibility, definition) = (&item.visibility, structure_type(&fields.fields, paths));
    let layout = super::layout::structure(&subject, &fields, paths);
    let agreement = super::agreement(&subject, paths);
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types, unreachable_pub)]
        #visibility struct #marker;
        #[automatically_derived]
        impl #private::BareSchema<#marker> for #ty {
            const TYPE: &'static #private::Type = #definition;
        }
        #layout
        #agreement
    }
}

fn holds_tuple(caps: &Caps) -> bool {
    match caps {
        Caps::None => false,
        Caps::Max(_, inner) => holds_tuple(inner),
        Caps::Pair(key, value) => holds_tuple(key) || holds_tuple(value),
        Caps::Tuple(_) => true,
    }
}

/// The type of a field, in which what a tuple holds is asked for as a piece: where it is none, that
/// is the one error, since the compiler tells nothing more of a type with a wrong part.
pub(super) fn known(field: &Field, paths: &Paths) -> TokenStream {
    let mut ty = Cow::Borrowed(&field.ty);
    if holds_tuple(&field.caps) {
        replace(ty.to_mut(), &field.caps, paths, false);
    }
    quote!(#ty)
}

/// Replaces what the tuples in a type hold; `held` says whether it is itself in one.
fn replace(ty: &mut Type, caps: &Caps, paths: &Paths, held: bool) {
    if check::is_plain(ty) {
        return;
    }
    match (&mut *ty, caps) {
        (Type::Group(group), _) => replace(&mut group.elem, caps, paths, held),
        (Type::Paren(paren), _) => replace(&mut paren.elem, caps, paths, held),
        (Type::Array(array), _) => replace(&mut array.elem, caps, paths, held),
        (Type::Tuple(parts), Caps::Tuple(tuple)) => {
            let parts = parts.elems.iter_mut().zip(&tuple.fields.fields);
            parts.for_each(|(part, field)| replace(part, &field.caps, paths, true));
        }
        (Type::Path(path), _) => {
            let last = path.path.segments.last_mut();
            if let Some(inside) = last.and_then(|last| arguments(last, caps)) {
                inside.into_iter().for_each(|(ty, caps)| replace(ty, caps, paths, held));
            } else if held {
                let (private, caps) = (&paths.private, paths.caps(caps));
                *ty = Type::Verbatim(quote!(<#ty as #private::Piece<#caps>>::Itself));
            }
        }
        _ => {}
    }
}

/// What a container holds, and the caps of that.
fn arguments<'t>(
    last: &'t mut PathSegment,
    caps: &'t Caps,
) -> Option<Vec<(&'t mut Type, &'t Caps)>> {
    let inner = if let Caps::Max(_, inner) = caps { &**inner } else { &Caps::None };
    let inside = match (names::plain(&last.ident).as_str(), inner) {
        ("Option" | "Box", _) => [caps, caps],
        ("BTreeMap" | "HashMap", Caps::Pair(key, value)) => [&**key, &**value],
        ("Vec" | "BTreeMap" | "HashMap", inner) => [inner, inner],
        _ => return None,
    };
    let PathArguments::AngleBracketed(arguments) = &mut last.arguments else { return None };
    let types = arguments.args.iter_mut().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some(types.zip(inside).collect())
}
