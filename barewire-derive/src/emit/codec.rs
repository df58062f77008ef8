//! `Encode` and `Decode`: the BARE encoding of a value.

use proc_macro2::TokenStream;
use quote::quote;

use super::fields::{binding, construct, pattern, rule_of};
use super::{Paths, number};
use crate::model::{Fields, Item, Payload, Shape, Variant};

pub(super) fn emit(item: &Item, paths: &Paths) -> TokenStream {
    let Paths { private, core, input, .. } = paths;
    let itself = item.self_type();
    let encode = encode(item, paths);
    let decode = paths.decoded(
        item.validate.is_some().then(|| rule_of(&item.ident)).as_ref(),
        decode(item, paths),
    );
    let least = least(item, paths);
    let (generics, decode_generics) = (item.generics(), item.decode_generics());
    quote! {
        #[automatically_derived]
        impl #generics #private::Encode for #itself {
            fn encode(&self, __out: &mut #private::Encoder<'_>) {
                #encode
            }
        }
        #[automatically_derived]
        impl #decode_generics #private::Decode<#input> for #itself {
            #least
            fn decode(
                __input: &mut #private::Decoder<#input>,
            ) -> #core::result::Result<Self, #private::DecodeError> {
                #decode
            }
        }
    }
}

fn encode(item: &Item, paths: &Paths) -> TokenStream {
    let private = &paths.private;
    let of_self = |fields: &Fields| -> TokenStream {
        let each = fields.fields.iter().map(|field| {
            let member = &field.member;
            paths.encode(field, &quote!(&self.#member))
        });
        quote!(#(#each)*)
    };
    match &item.shape {
        Shape::Struct(fields) => of_self(fields),
        Shape::Newtype(field) => {
            let member = &field.member;
            paths.encode(field, &quote!(&self.#member))
        }
        Shape::Enum(members) => {
            let arms = members.iter().map(|member| {
                let (ident, value) = (&member.ident, number(member.value));
                quote!(Self::#ident => #value)
            });
            quote!(#private::Encoder::uint(__out, match self { #(#arms),* });)
        }
        Shape::Union(variants) => {
            let arms = variants.iter().map(|variant| encode_variant(variant, paths));
            quote!(match self { #(#arms)* })
        }
    }
}

fn encode_variant(variant: &Variant, paths: &Paths) -> TokenStream {
    let private = &paths.private;
    let (ident, tag) = (&variant.ident, number(variant.tag));
    let tag = quote!(#private::Encoder::uint(__out, #tag););
    match &variant.payload {
        Payload::Void => quote!(Self::#ident => { #tag }),
        Payload::Single(field) => {
            let (value, member) = (binding(0), &field.member);
            let encode = paths.encode(field, &quote!(#value));
            quote!(Self::#ident { #member: #value } => { #tag #encode })
        }
        Payload::Struct(fields) => {
            let pattern = pattern(fields);
            let each = fields.fields.iter().enumerate().map(|(index, field)| {
                let binding = binding(index);
                paths.encode(field, &quote!(#binding))
            });
            quote!(Self::#ident #pattern => { #tag #(#each)* })
        }
    }
}

fn decode(item: &Item, paths: &Paths) -> TokenStream {
    let Paths { private, core, .. } = paths;
    let (ok, err) = (quote!(#core::result::Result::Ok), quote!(#core::result::Result::Err));
    let all = |fields: &Fields| {
        construct(fields, fields.fields.iter().map(|field| paths.decode(field, false)).collect())
    };
    let name = &item.name;
    match &item.shape {
        Shape::Struct(fields) => {
            let fields = all(fields);
            quote!(#ok(Self #fields))
        }
        Shape::Newtype(field) => {
            let value = paths.decode(field, true);
            quote!(#ok(Self(#value)))
        }
        Shape::Enum(members) => {
            let arms = members.iter().map(|member| {
                let (ident, value) = (&member.ident, number(member.value));
                quote!(#value => #ok(Self::#ident),)
            });
            quote! {
                let __offset = #private::Decoder::offset(__input);
                match #private::Decoder::uint(__input)? {
                    #(#arms)*
                    __value => {
                        #err(#private::DecodeError::unknown_value(__offset, #name, __value))
                    }
                }
            }
        }
        Shape::Union(variants) => {
            let arms = variants.iter().map(|variant| {
                let (ident, tag) = (&variant.ident, number(variant.tag));
                let value = match &variant.payload {
                    Payload::Void => quote!(Self::#ident),
                    Payload::Single(field) => {
                        let value = paths.decode(field, true);
                        quote!(Self::#ident(#value))
                    }
                    Payload::Struct(fields) => {
                        let fields = all(fields);
                        quote!(Self::#ident #fields)
                    }
                };
                quote!(#tag => #ok(#value),)
            });
            quote! {
                let __offset = #private::Decoder::offset(__input);
                match #private::Decoder::uint(__input)? {
                    #(#arms)*
                    __tag => #err(#private::DecodeError::unknown_tag(__offset, #name, __tag)),
                }
            }
        }
    }
}

/// The least size of a struct: the sum of its fields'. That of any other type is the default.
fn least(item: &Item, paths: &Paths) -> Option<TokenStream> {
    let core = &paths.core;
    let fields = match &item.shape {
        Shape::Struct(fields) => fields.fields.as_slice(),
        Shape::Newtype(field) => std::slice::from_ref(&**field),
        Shape::Enum(_) | Shape::Union(_) => return None,
    };
    let each = fields.iter().map(|field| paths.least_of(field));
    Some(quote!(const LEAST: #core::primitive::usize = #(#each)+*;))
}
