//! `Encode` and `Decode`: the BARE encoding of a value.

use proc_macro2::TokenStream;
use quote::quote;

use super::fields::{binding, construct, pattern};
use super::{Paths, number, reuse};
use crate::model::{Field, Fields, Item, Payload, Shape, Variant};

pub(super) fn emit(item: &Item, paths: &Paths) -> TokenStream {
    let Paths { private, core, input } = paths;
    let ident = &item.ident;
    let (encode, steady) = (encode(item, paths), steady(item, paths));
    let (decode, least) = (decode(item, paths), least(item, paths));
    let (plain_encode, plain_decode) = (
        plain(item, paths, &quote!(#private::Encode)),
        plain(item, paths, &quote!(#private::Decode<#input>)),
    );
    let decode_at = decode_at(item, paths, plain_decode.is_some());
    let (decode_into, verify) = (
        reuse::decode_into(item, paths, plain_decode.is_some()),
        reuse::verify(item, paths, plain_decode.is_some()),
    );
    let at_once = plain_decode.is_some().then(|| {
        quote! {
            if let #core::option::Option::Some(__value) = #private::plain_value(__input) {
                return __value;
            }
        }
    });
    let (generics, decode_generics) = match &item.lifetime {
        Some(lifetime) => (quote!(<#lifetime>), quote!(<#lifetime>)),
        None => (TokenStream::new(), quote!(<'__de>)),
    };
    quote! {
        #[automatically_derived]
        impl #generics #private::Encode for #ident #generics {
            #steady
            #plain_encode
            #[inline]
            fn encode<__Sink: #private::Sink>(&self, __out: &mut __Sink) {
                #encode
            }
        }
        #[automatically_derived]
        impl #decode_generics #private::Decode<#input> for #ident #generics {
            #least
            #plain_decode
            #[inline]
            fn decode(
                __input: &mut #private::Decoder<#input>,
            ) -> #core::result::Result<Self, #private::DecodeError> {
                #at_once
                #decode
            }
            #decode_at
            #decode_into
            #verify
        }
    }
}

/// The promise that encoding gives the same parts each time: as far as the fields promise.
fn steady(item: &Item, paths: &Paths) -> TokenStream {
    let private = &paths.private;
    let carriers = all_fields(&item.shape).into_iter().map(|field| paths.carrier(field));
    quote! {
        // SAFETY: encoding encodes numbers that the value alone says and these fields, once each.
        const STEADY: #private::Steady<Self> = unsafe {
            #private::Steady::of_parts(&[
                #(<#carriers as #private::Encode>::STEADY.level()),*
            ])
        };
    }
}

/// The fields of a struct, or of all variants.
fn all_fields(shape: &Shape) -> Vec<&Field> {
    match shape {
        Shape::Struct(fields) => fields.fields.iter().collect(),
        Shape::Newtype(field) => vec![field],
        Shape::Enum(_) => Vec::new(),
        Shape::Union(variants) => variants
            .iter()
            .flat_map(|variant| match &variant.payload {
                Payload::Void => &[],
                Payload::Single(field) => std::slice::from_ref(&**field),
                Payload::Struct(fields) => fields.fields.as_slice(),
            })
            .collect(),
    }
}

/// The promise that a struct's octets in memory are those of its encoding, where the types of its
/// fields do not rule it out at sight.
fn plain(item: &Item, paths: &Paths, of: &TokenStream) -> Option<TokenStream> {
    let Paths { private, core, .. } = paths;
    let fields = match &item.shape {
        Shape::Struct(fields) => fields.fields.as_slice(),
        Shape::Newtype(field) => std::slice::from_ref(&**field),
        Shape::Enum(_) | Shape::Union(_) => return None,
    };
    if !fields.iter().all(may_be_plain) {
        return None;
    }
    let fields = fields.iter().map(|field| {
        let (member, ty) = (&field.member, &field.ty);
        quote!((
            #core::mem::offset_of!(Self, #member),
            #core::mem::size_of::<#ty>(),
            <#ty as #of>::PLAIN.alike(),
        ))
    });
    Some(quote! {
        // SAFETY: these are all fields, in order; what they may hold is not limited further.
        const PLAIN: #private::Plain<Self> =
            unsafe { #private::Plain::of_fields(&[#(#fields),*]) };
    })
}

/// Whether a field may be plain: a number, an array, or a type of the user's.
fn may_be_plain(field: &Field) -> bool {
    const NEVER: [&str; 9] =
        ["String", "Vec", "Option", "Box", "Cow", "BTreeMap", "HashMap", "UInt", "Int"];
    let mut ty = &field.ty;
    while let syn::Type::Array(array) = ty {
        ty = &array.elem;
    }
    let syn::Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    let known = |name: &&str| last.is_some_and(|segment| segment.ident == name);
    field.varint.is_none() && !NEVER.iter().any(known)
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
            // What takes one octet in any case needs no question how many it takes.
            let short = members.iter().all(|member| member.value < 0x80);
            let one = if short { quote!(u8) } else { quote!(uint) };
            quote!(#private::Sink::#one(__out, match self { #(#arms),* });)
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
    let tag = quote!(#private::Sink::uint(__out, #tag););
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
    let Paths { private, core, input } = paths;
    let (ok, err) = (quote!(#core::result::Result::Ok), quote!(#core::result::Result::Err));
    let all = |fields: &Fields| {
        construct(fields, fields.fields.iter().map(|field| paths.decode(field, false)).collect())
    };
    let name = &item.name;
    match &item.shape {
        Shape::Struct(_) => quote! {
            #private::make(|__place| {
                <Self as #private::Decode<#input>>::decode_at(__place, __input)
            })
        },
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

/// A short struct is read and written where it stands in another: a call would take longer.
pub(super) fn inline(fields: &Fields) -> TokenStream {
    const SHORT: usize = 8;
    if fields.fields.len() > SHORT { quote!(#[inline]) } else { quote!(#[inline(always)]) }
}

/// The fields of a struct, each made in its place.
fn decode_at(item: &Item, paths: &Paths, may_be_plain: bool) -> Option<TokenStream> {
    let Paths { private, core, input } = paths;
    let Shape::Struct(fields) = &item.shape else { return None };
    let bindings: Vec<_> = (0..fields.fields.len()).map(binding).collect();
    let each = fields.fields.iter().zip(&bindings).map(|(field, binding)| {
        let (member, ty) = (&field.member, &field.ty);
        let place = quote!(unsafe { #private::Place::part(&raw mut (*__at).#member) });
        if field.varint.is_some() {
            let value = paths.decode(field, false);
            return quote!(let #binding = #private::Place::write(#place, #value););
        }
        let named = paths.at_field("DecodeError", &field.name);
        let decode = quote!(<#ty as #private::Decode<#input>>::decode_at(#place, __input));
        quote!(let #binding = #decode #named?;)
    });
    let at_once = may_be_plain.then(|| {
        quote! {
            if let #core::option::Option::Some(__value) = #private::plain_value(__input) {
                return __value.map(|__value| #private::Place::write(__place, __value));
            }
        }
    });
    let inline = inline(fields);
    Some(quote! {
        #inline
        fn decode_at<'__p>(
            __place: #private::Place<'__p, Self>,
            __input: &mut #private::Decoder<#input>,
        ) -> #core::result::Result<#private::Made<'__p, Self>, #private::DecodeError> {
            #at_once
            let __at = #private::Place::at(&__place);
            // SAFETY: each field is a part of the place, and is made once.
            #(#each)*
            #core::mem::forget((#(#bindings,)*));
            // SAFETY: all fields were made, and are no longer dropped each for itself.
            #core::result::Result::Ok(unsafe { #private::Place::assume_made(__place) })
        }
    })
}

/// The least size of a struct: the sum of its fields'. That of any other type is the default.
fn least(item: &Item, paths: &Paths) -> Option<TokenStream> {
    let Paths { private, core, input } = paths;
    let fields = match &item.shape {
        Shape::Struct(fields) => fields.fields.as_slice(),
        Shape::Newtype(field) => std::slice::from_ref(&**field),
        Shape::Enum(_) | Shape::Union(_) => return None,
    };
    let carriers = fields.iter().map(|field| paths.carrier(field));
    Some(quote! {
        const LEAST: #core::primitive::usize =
            #(<#carriers as #private::Decode<#input>>::LEAST)+*;
    })
}
