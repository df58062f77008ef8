//! Tuples in the types of fields: a layout for each, under a marker that stands for its caps.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{Paths, Subject, structure_type};
use crate::model::{Caps, Item, Tuple};

/// The code for all tuples of an item, those inside tuples too.
pub(super) fn emit(item: &Item, paths: &Paths) -> TokenStream {
    let mut found = Vec::new();
    item.fields().into_iter().for_each(|field| collect(&field.caps, &mut found));
    found.iter().map(|tuple| one(tuple, item, paths)).collect()
}

fn collect(caps: &Caps, found: &mut Vec<Tuple>) {
    match caps {
        Caps::None => {}
        Caps::Max(_, inner) => collect(inner, found),
        Caps::Pair(key, value) => {
            collect(key, found);
            collect(value, found);
        }
        Caps::Tuple(tuple) => {
            tuple.fields.fields.iter().for_each(|field| collect(&field.caps, found));
            found.push((**tuple).clone());
        }
    }
}

fn one(tuple: &Tuple, item: &Item, paths: &Paths) -> TokenStream {
    let (private, marker) = (&paths.private, &tuple.marker);
    let types = tuple.fields.fields.iter().map(|field| &field.ty);
    let subject = Subject {
        ty: quote!((#(#types,)*)),
        generics: TokenStream::new(),
        caps: quote!(#marker),
        stem: format_ident!("{marker}"),
        name: marker.to_string(),
        visibility: item.visibility.clone(),
        rule: None,
    };
    let ty = &subject.ty;
    let (visibility, definition) = (&item.visibility, structure_type(&tuple.fields.fields, paths));
    let layout = super::layout::structure(&subject, &tuple.fields, paths);
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
