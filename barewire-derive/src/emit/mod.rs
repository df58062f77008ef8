//! From the model to code. Absolute paths only, trait calls fully qualified.

mod codec;
mod enumeration;
mod fields;
mod layout;
mod reuse;
mod union;

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, GenericParam, Ident, Lifetime};

use crate::model::{Caps, Field, Item, Payload, Shape, Varint};

/// The paths that emitted code is written with.
pub(crate) struct Paths {
    /// `::barewire::__private`
    pub(crate) private: TokenStream,
    /// The core crate, through it.
    pub(crate) core: TokenStream,
    /// The lifetime of the input in `Decode`: the type's own, or `'__de`.
    pub(crate) input: TokenStream,
}

impl Paths {
    fn new(crate_path: &syn::Path, lifetime: Option<&Lifetime>) -> Self {
        let private = quote!(#crate_path::__private);
        let core = quote!(#private::core);
        let input = lifetime.map_or_else(|| quote!('__de), |lifetime| quote!(#lifetime));
        Paths { private, core, input }
    }

    fn caps(&self, caps: &Caps) -> TokenStream {
        let private = &self.private;
        match caps {
            Caps::None => quote!(()),
            Caps::Max(max, inner) => {
                let inner = self.caps(inner);
                quote!(#private::Max<#max, #inner>)
            }
            Caps::Pair(key, value) => {
                if matches!((&**key, &**value), (Caps::None, Caps::None)) {
                    return quote!(());
                }
                let (key, value) = (self.caps(key), self.caps(value));
                quote!((#key, #value))
            }
        }
    }

    /// The type that carries the field: its own, or the wrapper of a `varint`.
    fn carrier(&self, field: &Field) -> TokenStream {
        let private = &self.private;
        match field.varint {
            Some(Varint::UInt) => quote!(#private::UInt),
            Some(Varint::Int) => quote!(#private::Int),
            None => {
                let ty = &field.ty;
                quote!(#ty)
            }
        }
    }

    fn schema_of(&self, field: &Field) -> TokenStream {
        let (private, carrier) = (&self.private, self.carrier(field));
        let caps = self.caps(&field.caps);
        quote!(<#carrier as #private::BareSchema<#caps>>::TYPE)
    }

    /// `<T as FixedLayout<C>>`, to which an item is added.
    fn fixed(&self, field: &Field) -> TokenStream {
        let (private, carrier) = (&self.private, self.carrier(field));
        let caps = self.caps(&field.caps);
        quote!(<#carrier as #private::FixedLayout<#caps>>)
    }

    fn layout_of(&self, field: &Field) -> TokenStream {
        let fixed = self.fixed(field);
        quote!(#fixed::Layout)
    }

    /// A `&carrier` made of a `&field`.
    fn carried(&self, field: &Field, reference: &TokenStream) -> TokenStream {
        let carrier = self.carrier(field);
        match field.varint {
            Some(_) => quote!(&#carrier(*#reference)),
            None => quote!(#reference),
        }
    }

    /// The field's value out of its carrier.
    fn uncarried(field: &Field, value: &TokenStream) -> TokenStream {
        match field.varint {
            Some(_) => quote!(#value.0),
            None => quote!(#value),
        }
    }

    fn cow(&self) -> TokenStream {
        let private = &self.private;
        quote!(#private::std::borrow::Cow::Borrowed)
    }

    /// The derives of every layout struct.
    fn layout_derives(&self) -> TokenStream {
        let (private, core) = (&self.private, &self.core);
        let zerocopy = quote!(#private::zerocopy).to_string().replace(' ', "");
        quote! {
            #[derive(
                #core::clone::Clone,
                #core::marker::Copy,
                #private::zerocopy::FromBytes,
                #private::zerocopy::IntoBytes,
                #private::zerocopy::Immutable,
                #private::zerocopy::KnownLayout,
            )]
            #[zerocopy(crate = #zerocopy)]
            #[repr(C)]
        }
    }

    /// The layout trait and the reading of a struct's or a union's layout.
    fn layout_traits(&self, layout: &Ident) -> TokenStream {
        let (private, core) = (&self.private, &self.core);
        quote! {
            #[automatically_derived]
            impl #private::Layout for #layout {
                type Word = <#private::Aligned<{ #core::mem::align_of::<#layout>() }>
                    as #private::AlignedWord>::Word;
            }
        }
    }
}

/// A number without a suffix.
fn number(value: u64) -> Literal {
    Literal::u64_unsuffixed(value)
}

fn layout_name(ident: &Ident) -> Ident {
    format_ident!("{}Layout", ident)
}

/// All the code of an item.
pub(crate) fn item(item: &Item) -> TokenStream {
    let paths = Paths::new(&item.crate_path, item.lifetime.as_ref());
    let schema = schema(item, &paths);
    let codec = codec::emit(item, &paths);
    let layout = match (&item.lifetime, &item.shape) {
        (Some(_), _) => TokenStream::new(),
        (None, Shape::Struct(fields)) => layout::structure(item, fields, &paths),
        (None, Shape::Newtype(field)) => layout::newtype(item, field, &paths),
        (None, Shape::Enum(members)) => enumeration::emit(item, members, &paths),
        (None, Shape::Union(variants)) => union::emit(item, variants, &paths),
    };
    let agreement = item.lifetime.is_none().then(|| agreement(item, &paths));
    quote!(#schema #codec #layout #agreement)
}

fn schema(item: &Item, paths: &Paths) -> TokenStream {
    let private = &paths.private;
    let Item { ident, name, lifetime, .. } = item;
    let cow = paths.cow();
    let definition = match &item.shape {
        Shape::Newtype(field) => paths.schema_of(field),
        Shape::Struct(fields) => structure_type(&fields.fields, paths),
        Shape::Enum(members) => {
            let members = members.iter().map(|member| {
                let (name, value) = (&member.name, number(member.value));
                quote!(#private::EnumMember { name: #cow(#name), value: #value })
            });
            quote!(&#private::Type::Enum(#cow(&[#(#members),*])))
        }
        Shape::Union(variants) => {
            let members = variants.iter().map(|variant| {
                let tag = number(variant.tag);
                let ty = match &variant.payload {
                    Payload::Void => quote!(&#private::Type::Void),
                    Payload::Single(field) => paths.schema_of(field),
                    Payload::Struct(fields) => structure_type(&fields.fields, paths),
                };
                let ty = match &variant.alias {
                    Some(alias) => user_type(alias, &ty, paths),
                    None => ty,
                };
                quote!(#private::UnionMember { tag: #tag, ty: #private::Link::Static(#ty) })
            });
            quote!(&#private::Type::Union(#cow(&[#(#members),*])))
        }
    };
    let ty = user_type(name, &definition, paths);
    let generics = lifetime.as_ref().map(|lifetime| quote!(<#lifetime>));
    quote! {
        #[automatically_derived]
        impl #generics #private::BareSchema<()> for #ident #generics {
            const TYPE: &'static #private::Type = #ty;
        }
    }
}

fn structure_type(fields: &[Field], paths: &Paths) -> TokenStream {
    let (private, cow) = (&paths.private, paths.cow());
    let fields = fields.iter().map(|field| {
        let (name, ty) = (&field.name, paths.schema_of(field));
        quote!(#private::Field { name: #cow(#name), ty: #private::Link::Static(#ty) })
    });
    quote!(&#private::Type::Struct(#cow(&[#(#fields),*])))
}

fn user_type(name: &str, definition: &TokenStream, paths: &Paths) -> TokenStream {
    let (Paths { private, core, .. }, cow) = (paths, paths.cow());
    quote! {
        &#private::Type::User {
            name: #cow(#name),
            definition: #core::option::Option::Some(#private::Link::Static(#definition)),
        }
    }
}

/// The Rust layout and the schema's layout are the same, or the program does not compile.
fn agreement(item: &Item, paths: &Paths) -> TokenStream {
    let (Paths { private, core, .. }, ident) = (paths, &item.ident);
    let layout = quote!(<#ident as #private::FixedLayout<()>>::Layout);
    let message = format!("the layout of `{}` is not the one of its schema", item.name);
    quote! {
        const _: () = {
            if let #core::option::Option::Some(__layout) =
                <#ident as #private::BareSchema<()>>::TYPE.layout()
            {
                #core::assert!(
                    __layout.size == #core::mem::size_of::<#layout>() as #core::primitive::u64
                        && __layout.align
                            == #core::mem::align_of::<#layout>() as #core::primitive::u64,
                    #message
                );
            }
        };
    }
}

/// What stands in for the code of an item that has an error, so that its uses compile.
pub(crate) fn stub(input: &DeriveInput, crate_path: &syn::Path) -> TokenStream {
    let Paths { private, core, .. } = &Paths::new(crate_path, None);
    let DeriveInput { ident, vis, generics, .. } = input;
    let mut generics = generics.clone();
    for parameter in &mut generics.params {
        match parameter {
            GenericParam::Type(parameter) => parameter.default = None,
            GenericParam::Const(parameter) => parameter.default = None,
            GenericParam::Lifetime(_) => {}
        }
    }
    let mut decode = generics.clone();
    decode.params.insert(0, syn::parse_quote!('__de));
    let (head, tail, clause) = generics.split_for_impl();
    let (decode_head, _, _) = decode.split_for_impl();
    let never = quote_spanned!(ident.span()=> #core::unreachable!());
    let layout = generics.lifetimes().next().is_none().then(|| {
        let name = layout_name(ident);
        let result = quote!(#core::result::Result);
        quote! {
            #[allow(dead_code, missing_docs, non_camel_case_types)]
            #vis type #name = #private::Unbounded;
            impl #head #private::FixedLayout<()> for #ident #tail #clause {
                type Layout = #private::Unbounded;
                fn store(&self, _: &mut Self::Layout) -> #result<(), #private::LayoutError> {
                    #never
                }
                fn load(_: &Self::Layout) -> #result<Self, #private::LayoutError> {
                    #never
                }
                fn encode_layout(
                    _: &Self::Layout,
                    _: &mut #private::Encoder<'_>,
                ) -> #result<(), #private::LayoutError> {
                    #never
                }
                fn decode_layout(
                    _: &mut #private::Decoder<'_>,
                    _: &mut Self::Layout,
                ) -> #result<(), #private::DecodeError> {
                    #never
                }
            }
        }
    });
    quote! {
        impl #head #private::BareSchema<()> for #ident #tail #clause {
            // Without a cap, so that nothing asks for the layout.
            const TYPE: &'static #private::Type =
                &#private::Type::Str { cap: #core::option::Option::None };
        }
        impl #head #private::Encode for #ident #tail #clause {
            fn encode<__Sink: #private::Sink>(&self, _: &mut __Sink) {
                #never
            }
        }
        impl #decode_head #private::Decode<'__de> for #ident #tail #clause {
            fn decode(
                _: &mut #private::Decoder<'__de>,
            ) -> #core::result::Result<Self, #private::DecodeError> {
                #never
            }
        }
        #layout
    }
}
