//! Decoding into a value that is there already, and verifying without making one.

use proc_macro2::TokenStream;
use quote::quote;

use super::codec::inline;
use super::fields::{at_type, binding, pattern};
use super::{Paths, number};
use crate::model::{Field, Fields, Item, Payload, Shape, Variant};

/// The function `decode_into`, unless the trait's own does as well.
pub(super) fn decode_into(item: &Item, paths: &Paths, may_be_plain: bool) -> Option<TokenStream> {
    let Paths { private, core, input, .. } = paths;
    let ok = quote!(#core::result::Result::Ok(()));
    let body = match &item.shape {
        Shape::Struct(fields) => {
            let each = fields.fields.iter().map(|field| {
                let member = &field.member;
                paths.decode_into(field, &quote!(&mut __place.#member), false)
            });
            let skipped = fields.skipped.iter();
            let skipped = skipped.map(|(member, value)| quote!(__place.#member = #value;));
            quote!(#(#each)* #(#skipped)* #ok)
        }
        Shape::Newtype(field) => {
            let into = paths.decode_into(field, &quote!(&mut __place.0), true);
            quote!(#into #ok)
        }
        // There is no memory to use again.
        Shape::Enum(_) => return None,
        Shape::Union(variants) => {
            let arms = variants.iter().filter_map(|variant| decode_into_variant(variant, paths));
            quote! {
                let mut __ahead = #core::clone::Clone::clone(__input);
                let __tag = #private::Decoder::uint(&mut __ahead)?;
                match (__tag, &mut *__place) {
                    #(#arms)*
                    _ => {
                        *__place = <Self as #private::Decode<#input>>::decode(__input)?;
                    }
                }
                #ok
            }
        }
    };
    let inline = match &item.shape {
        Shape::Struct(fields) => inline(fields),
        _ => quote!(#[inline]),
    };
    let at_once = may_be_plain.then(|| {
        quote! {
            if let #core::option::Option::Some(__value) = #private::plain_value(__input) {
                *__place = __value?;
                return #ok;
            }
        }
    });
    Some(quote! {
        #inline
        fn decode_into(
            __place: &mut Self,
            __input: &mut #private::Decoder<#input>,
        ) -> #core::result::Result<(), #private::DecodeError> {
            #at_once
            #body
        }
    })
}

/// The arm for a value that is of the variant already.
fn decode_into_variant(variant: &Variant, paths: &Paths) -> Option<TokenStream> {
    let (ident, tag) = (&variant.ident, number(variant.tag));
    match &variant.payload {
        Payload::Void => None,
        // What is skipped gets a new value: the whole is made anew.
        Payload::Struct(fields) if !fields.skipped.is_empty() => None,
        Payload::Single(field) => {
            let value = binding(0);
            let into = paths.decode_into(field, &quote!(#value), true);
            Some(quote!((#tag, Self::#ident(#value)) => { *__input = __ahead; #into }))
        }
        Payload::Struct(fields) => {
            let pattern = pattern(fields);
            let each = fields.fields.iter().enumerate().map(|(index, field)| {
                let binding = binding(index);
                paths.decode_into(field, &quote!(#binding), false)
            });
            Some(quote!((#tag, Self::#ident #pattern) => { *__input = __ahead; #(#each)* }))
        }
    }
}

/// The function `verify`, unless the trait's own does as well.
pub(super) fn verify(item: &Item, paths: &Paths, may_be_plain: bool) -> Option<TokenStream> {
    let Paths { private, core, input, .. } = paths;
    let ok = quote!(#core::result::Result::Ok(()));
    let all = |fields: &Fields| {
        let each = fields.fields.iter().map(|field| paths.verify(field, false));
        quote!(#(#each)*)
    };
    let body = match &item.shape {
        Shape::Struct(fields) => all(fields),
        Shape::Newtype(field) => paths.verify(field, true),
        // Its decoding makes nothing that takes time.
        Shape::Enum(_) => return None,
        Shape::Union(variants) => {
            let name = &item.name;
            let arms = variants.iter().map(|variant| {
                let tag = number(variant.tag);
                let payload = match &variant.payload {
                    Payload::Void => TokenStream::new(),
                    Payload::Single(field) => paths.verify(field, true),
                    Payload::Struct(fields) => all(fields),
                };
                quote!(#tag => { #payload })
            });
            let error = quote!(#private::DecodeError::unknown_tag(__offset, #name, __tag));
            quote! {
                let __offset = #private::Decoder::offset(__input);
                match #private::Decoder::uint(__input)? {
                    #(#arms)*
                    __tag => return #core::result::Result::Err(#error),
                }
            }
        }
    };
    let inline = match &item.shape {
        Shape::Struct(fields) => inline(fields),
        _ => quote!(#[inline]),
    };
    let at_once = may_be_plain.then(|| {
        quote! {
            if let #core::option::Option::Some(__value) = #private::plain_value::<Self>(__input) {
                return __value.map(#core::mem::drop);
            }
        }
    });
    Some(quote! {
        #inline
        fn verify(
            __input: &mut #private::Decoder<#input>,
        ) -> #core::result::Result<(), #private::DecodeError> {
            #at_once
            #body
            #ok
        }
    })
}

impl Paths {
    /// Decodes a field into its place, given a mutable reference to it. A value that a rule has not
    /// judged yet never stands there.
    fn decode_into(&self, field: &Field, place: &TokenStream, nameless: bool) -> TokenStream {
        if field.varint.is_some() || field.rule.is_some() {
            let value = self.decode(field, nameless);
            return quote!(*#place = #value;);
        }
        let input = &self.input;
        let decode = self.as_trait(field, quote!(Decode<#input>), "decode_into");
        let decoded = self.named(field, quote!(#decode(#place, __input)), nameless);
        at_type(field, quote!(#decoded;))
    }

    /// Reads over a field; a rule judges values only.
    fn verify(&self, field: &Field, nameless: bool) -> TokenStream {
        if field.rule.is_some() {
            let (value, ty) = (self.decode(field, nameless), &field.ty);
            return quote!(let _: #ty = #value;);
        }
        let input = &self.input;
        let verify = self.as_trait(field, quote!(Decode<#input>), "verify");
        let verified = self.named(field, quote!(#verify(__input)), nameless);
        at_type(field, quote!(#verified;))
    }
}
