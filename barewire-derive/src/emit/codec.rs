//! `Encode` and `Decode`: the BARE encoding of a value.

use proc_macro2::TokenStream;
use quote::quote;

use super::fields::{at_type, binding, construct, pattern, rule_of};
use super::{Paths, number, reuse};
use crate::check::peel;
use crate::model::{Field, Fields, Item, Payload, Shape, Variant};

pub(super) fn emit(item: &Item, paths: &Paths) -> TokenStream {
    let Paths { private, core, input, .. } = paths;
    let itself = item.self_type();
    let (encode, steady) = (encode(item, paths), steady(item, paths));
    let decode = paths.decoded(
        item.validate.is_some().then(|| rule_of(&item.ident)).as_ref(),
        decode(item, paths),
    );
    let least = least(item, paths);
    let (plain_encode, plain_decode) = (plain(item, paths, false), plain(item, paths, true));
    // What a rule of the whole value judges has to be whole: it is decoded, and nothing else.
    let others = item.validate.is_none().then(|| {
        let may_be_plain = plain_decode.is_some();
        let decode_at = decode_at(item, paths, may_be_plain);
        let decode_into = reuse::decode_into(item, paths, may_be_plain);
        let verify = reuse::verify(item, paths, may_be_plain);
        quote!(#decode_at #decode_into #verify)
    });
    let at_once = plain_decode.is_some().then(|| {
        quote! {
            if let #core::option::Option::Some(__value) = #private::plain_value(__input) {
                return __value;
            }
        }
    });
    let (generics, decode_generics) = (item.generics(), item.decode_generics());
    quote! {
        #[automatically_derived]
        impl #generics #private::Encode for #itself {
            #steady
            #plain_encode
            #[inline]
            fn encode<__Sink: #private::Sink>(&self, __out: &mut __Sink) {
                #encode
            }
        }
        #[automatically_derived]
        impl #decode_generics #private::Decode<#input> for #itself {
            #least
            #plain_decode
            #[inline]
            fn decode(
                __input: &mut #private::Decoder<#input>,
            ) -> #core::result::Result<Self, #private::DecodeError> {
                #at_once
                #decode
            }
            #others
        }
    }
}

/// The promise that encoding gives the same parts each time: as far as the fields promise.
fn steady(item: &Item, paths: &Paths) -> TokenStream {
    let private = &paths.private;
    let fields = item.fields().into_iter();
    let promises = fields.map(|field| paths.as_trait(field, quote!(Encode), "STEADY"));
    quote! {
        // SAFETY: encoding encodes numbers that the value alone says and these fields, once each.
        const STEADY: #private::Steady<Self> = unsafe {
            #private::Steady::of_parts(&[#(#promises.level()),*])
        };
    }
}

/// The promise that a struct's octets in memory are those of its encoding, where the types of its
/// fields do not rule it out at sight. What a rule has to judge is not copied unseen, and what is
/// skipped is not in the encoding.
fn plain(item: &Item, paths: &Paths, decoding: bool) -> Option<TokenStream> {
    let Paths { private, core, .. } = paths;
    let (fields, skipped) = match &item.shape {
        Shape::Struct(fields) => (fields.fields.as_slice(), !fields.skipped.is_empty()),
        Shape::Newtype(field) => (std::slice::from_ref(&**field), false),
        Shape::Enum(_) | Shape::Union(_) => return None,
    };
    if skipped || item.validate.is_some() || !fields.iter().all(may_be_plain) {
        return None;
    }
    let fields = fields.iter().map(|field| {
        let (member, ty, promise) = (&field.member, &field.ty, paths.plain_of(field, decoding));
        quote!((
            #core::mem::offset_of!(Self, #member),
            #core::mem::size_of::<#ty>(),
            #promise.alike(),
        ))
    });
    Some(quote! {
        // SAFETY: these are all fields, in order; what they may hold is not limited further.
        const PLAIN: #private::Plain<Self> =
            unsafe { #private::Plain::of_fields(&[#(#fields),*]) };
    })
}

/// Whether a field may be plain: a number, an array, or a type of the user's, without a rule.
fn may_be_plain(field: &Field) -> bool {
    const NEVER: [&str; 11] = [
        "String",
        "Vec",
        "Option",
        "Box",
        "Cow",
        "BTreeMap",
        "HashMap",
        "UInt",
        "Int",
        "Duration",
        "SystemTime",
    ];
    let mut ty = peel(&field.ty);
    while let syn::Type::Array(array) = ty {
        ty = peel(&array.elem);
    }
    let syn::Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    let known = |name: &&str| last.is_some_and(|segment| segment.ident == name);
    field.varint.is_none() && field.rule.is_none() && !NEVER.iter().any(known)
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
    let Paths { private, core, input, .. } = paths;
    let (ok, err) = (quote!(#core::result::Result::Ok), quote!(#core::result::Result::Err));
    let all = |fields: &Fields| {
        construct(fields, fields.fields.iter().map(|field| paths.decode(field, false)).collect())
    };
    let name = &item.name;
    match &item.shape {
        // By itself, where `decode_at` decodes by this.
        Shape::Struct(fields) if item.validate.is_some() => {
            let fields = all(fields);
            quote!(#ok(Self #fields))
        }
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
    let Paths { private, core, input, .. } = paths;
    let Shape::Struct(fields) = &item.shape else { return None };
    let made: Vec<_> = (0..fields.fields.len() + fields.skipped.len()).map(binding).collect();
    let (known, skipped) = made.split_at(fields.fields.len());
    // SAFETY: of what is emitted: `__at` is where the whole value is to stand, and each field of it
    // is made once.
    let part =
        |member: &syn::Member| quote!(unsafe { #private::Place::part(&raw mut (*__at).#member) });
    let each = fields.fields.iter().zip(known).map(|(field, binding)| {
        let place = part(&field.member);
        if field.varint.is_some() || field.rule.is_some() {
            let value = paths.decode(field, false);
            return quote!(let #binding = #private::Place::write(#place, #value););
        }
        let decode = paths.as_trait(field, quote!(Decode<#input>), "decode_at");
        let decoded = paths.named(field, quote!(#decode(#place, __input)), false);
        at_type(field, quote!(let #binding = #decoded;))
    });
    let skipped = fields.skipped.iter().zip(skipped).map(|((member, value), binding)| {
        let place = part(member);
        quote!(let #binding = #private::Place::write(#place, #value);)
    });
    let at_once = may_be_plain.then(|| {
        quote! {
            if const { <Self as #private::Decode<#input>>::PLAIN.holds() } {
                return #private::plain_at(__place, __input);
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
            #(#skipped)*
            #core::mem::forget((#(#made,)*));
            // SAFETY: all fields were made, and are no longer dropped each for itself.
            #core::result::Result::Ok(unsafe { #private::Place::assume_made(__place) })
        }
    })
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
