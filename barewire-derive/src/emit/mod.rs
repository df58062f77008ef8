//! From the model to code. Absolute paths only, trait calls fully qualified.

mod codec;
mod enumeration;
mod fields;
mod layout;
mod older;
mod reuse;
mod tuples;
mod union;

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, GenericParam, Ident, Lifetime, LitInt, Visibility};

use crate::check;
use crate::model::{Caps, Field, Item, Payload, Shape, Varint};

/// The paths that emitted code is written with.
pub(crate) struct Paths {
    /// `::barewire::__private`
    pub(crate) private: TokenStream,
    /// The core crate, through it.
    pub(crate) core: TokenStream,
    /// The lifetime of the input in `Decode`: the type's own, or `'__de`.
    pub(crate) input: TokenStream,
    /// Whether the type borrows from it.
    borrows: bool,
}

impl Paths {
    fn new(crate_path: &syn::Path, lifetime: Option<&Lifetime>) -> Self {
        let private = quote!(#crate_path::__private);
        let core = quote!(#private::core);
        let input = lifetime.map_or_else(|| quote!('__de), |lifetime| quote!(#lifetime));
        Paths { private, core, input, borrows: lifetime.is_some() }
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
            Caps::Tuple(tuple) => {
                let marker = &tuple.marker;
                quote!(#marker)
            }
        }
    }

    /// The type that carries the field: its own, or the wrapper of a `varint`.
    fn carrier(&self, field: &Field) -> TokenStream {
        let private = &self.private;
        match field.varint {
            Some(Varint::UInt) => quote!(#private::UInt),
            Some(Varint::Int) => quote!(#private::Int),
            None => tuples::known(field, self),
        }
    }

    /// `<T as Trait<..>>::item` of a field. Of a type that may not be derived
    /// everything is asked of one trait, and at one place, so that there is one error.
    fn as_trait(&self, field: &Field, known: TokenStream, item: &str) -> TokenStream {
        self.as_either(field, (known, item), item)
    }

    /// The promise that a field's octets in memory are those of its encoding.
    fn plain_of(&self, field: &Field, decoding: bool) -> TokenStream {
        let input = &self.input;
        match decoding {
            true => self.as_either(field, (quote!(Decode<#input>), "PLAIN"), "DECODES_PLAIN"),
            false => self.as_either(field, (quote!(Encode), "PLAIN"), "ENCODES_PLAIN"),
        }
    }

    /// The item of a known trait, or what it is called in the trait for everything.
    fn as_either(
        &self,
        field: &Field,
        (known, item): (TokenStream, &str),
        of_piece: &str,
    ) -> TokenStream {
        let (private, carrier) = (&self.private, self.carrier(field));
        let span = fields::place(field);
        let Some((carrier, caps)) = self.of_piece(field) else {
            let item = Ident::new(item, span);
            return quote_spanned!(span=> <#carrier as #private::#known>::#item);
        };
        let item = Ident::new(of_piece, span);
        quote_spanned!(span=> <#carrier as #private::Piece<#caps>>::#item)
    }

    /// The type and the caps of a field of which everything is asked of one trait. The tokens of
    /// the type stand at one place too: the compiler would tell its mistake over all of them
    /// there, and over the first one elsewhere.
    fn of_piece(&self, field: &Field) -> Option<(TokenStream, TokenStream)> {
        let known = self.borrows || field.varint.is_some() || check::is_plain(&field.ty);
        let at_place = || fields::respan(self.carrier(field), fields::place(field));
        (!known).then(|| (at_place(), self.caps(&field.caps)))
    }

    fn schema_of(&self, field: &Field) -> TokenStream {
        let caps = self.caps(&field.caps);
        self.as_trait(field, quote!(BareSchema<#caps>), "TYPE")
    }

    /// `<T as FixedLayout<C>>::item`
    fn fixed(&self, field: &Field, item: &str) -> TokenStream {
        let caps = self.caps(&field.caps);
        self.as_trait(field, quote!(FixedLayout<#caps>), item)
    }

    /// The octets of the smallest value of a field.
    fn least_of(&self, field: &Field) -> TokenStream {
        let input = &self.input;
        self.as_trait(field, quote!(Decode<#input>), "LEAST")
    }

    fn layout_of(&self, field: &Field) -> TokenStream {
        self.fixed(field, "Layout")
    }

    /// A reference to the layout of a field of which everything is asked of one trait.
    fn place_of(&self, field: &Field) -> Option<TokenStream> {
        let ((ty, caps), private) = (self.of_piece(field)?, &self.private);
        let span = fields::place(field);
        Some(quote_spanned!(span=> <#ty as #private::Piece<#caps>>::Place<'__a>))
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

    /// The promise that the fields are what a layout may be made of.
    fn parts(&self, parts: &Parts<'_>) -> TokenStream {
        let Paths { private, core, .. } = self;
        let Parts { ident, subject, reference, read } = parts;
        let whole = subject.map(|Subject { ty, caps, .. }| {
            quote! {
                #[automatically_derived]
                impl #private::Whole for #ident {
                    type Owned = #ty;
                    type Caps = #caps;
                }
            }
        });
        quote! {
            #whole
            // SAFETY: `repr(C)`; every field is the layout of a type or an array of octets, and
            // the padding is written out: the size, asserted below, is that of the schema.
            #[automatically_derived]
            unsafe impl #private::Parts for #ident {
                type Bytes = [
                    <#private::Aligned<{ #core::mem::align_of::<#ident>() }>
                        as #private::AlignedWord>::Word;
                    #core::mem::size_of::<#ident>() / #core::mem::align_of::<#ident>()
                ];
                type Ref<'__a> = #reference;
                fn read(
                    __layout: &#private::Placed<Self>,
                ) -> #core::result::Result<Self::Ref<'_>, #private::LayoutError> {
                    #read
                }
            }
        }
    }
}

/// What [`Paths::parts`] needs to know.
struct Parts<'p> {
    ident: Ident,
    /// Whose layout it is; the fields of a variant are no type's.
    subject: Option<&'p Subject>,
    reference: TokenStream,
    read: TokenStream,
}

/// A type that gets a layout: the item itself, an instance of it, or a tuple.
struct Subject {
    /// The type, as in `Message<16>`.
    ty: TokenStream,
    /// The same as people write it.
    written: String,
    /// The parameters of its implementations, as in `<const N: usize>`.
    generics: TokenStream,
    /// The caps that its layout is for.
    caps: TokenStream,
    /// What its layouts are named after.
    stem: Ident,
    /// The name in the schema.
    name: String,
    visibility: Visibility,
    /// The function that checks the rule of the whole value.
    rule: Option<Ident>,
}

impl Subject {
    fn layout(&self) -> Ident {
        layout_name(&self.stem)
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
    let older = item.compatible_with.as_ref().map(|older| older::emit(item, older, &paths));
    let layouts: Vec<_> = match &item.lifetime {
        Some(_) => Vec::new(),
        None => subjects(item).iter().map(|(s, shape)| layout(s, shape, &paths)).collect(),
    };
    let tuples = match &item.lifetime {
        Some(_) => TokenStream::new(),
        None => tuples::emit(item, &paths),
    };
    let rules = paths.rules(item);
    quote!(#schema #codec #(#layouts)* #tuples #rules #older)
}

/// The types that get a layout. One with capacities as parameters gets one for each that is
/// listed, as its padding depends on them; a newtype has none, and so one serves for all.
fn subjects(item: &Item) -> Vec<(Subject, Shape)> {
    let subject = |ty: TokenStream, generics: TokenStream, stem: Ident| Subject {
        written: ty.to_string(),
        ty,
        generics,
        caps: quote!(()),
        stem,
        name: item.name.clone(),
        visibility: item.visibility.clone(),
        rule: item.validate.is_some().then(|| fields::rule_of(&item.ident)),
    };
    let ident = &item.ident;
    if item.consts.is_empty() || matches!(item.shape, Shape::Newtype(_)) {
        let ty = item.self_type();
        return vec![(subject(ty, item.generics(), ident.clone()), item.shape.clone())];
    }
    let instance = |numbers: &Vec<LitInt>| {
        let digits: Vec<&str> = numbers.iter().map(LitInt::base10_digits).collect();
        let stem = format_ident!("{ident}{}", digits.join("x"));
        let shape = crate::instance::shape(&item.shape, &item.consts, numbers);
        (subject(quote!(#ident<#(#numbers),*>), TokenStream::new(), stem), shape)
    };
    item.capacities.iter().map(instance).collect()
}

fn layout(subject: &Subject, shape: &Shape, paths: &Paths) -> TokenStream {
    let layout = match shape {
        Shape::Struct(fields) => layout::structure(subject, fields, paths),
        Shape::Newtype(field) => return layout::newtype(subject, field, paths),
        Shape::Enum(members) => enumeration::emit(subject, members, paths),
        Shape::Union(variants) => union::emit(subject, variants, paths),
    };
    let agreement = agreement(subject, paths);
    quote!(#layout #agreement)
}

fn schema(item: &Item, paths: &Paths) -> TokenStream {
    let private = &paths.private;
    let name = &item.name;
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
    let (generics, itself) = (item.generics(), item.self_type());
    quote! {
        #[automatically_derived]
        impl #generics #private::BareSchema<()> for #itself {
            const TYPE: &'static #private::Type = #ty;
        }
    }
}

fn structure_type(fields: &[Field], paths: &Paths) -> TokenStream {
    let (private, cow) = (&paths.private, paths.cow());
    let fields = fields.iter().map(|field| {
        let (core, name, ty) = (&paths.core, &field.name, paths.schema_of(field));
        let align = match &field.align {
            Some(align) => quote!(#core::option::Option::Some(#align)),
            None => quote!(#core::option::Option::None),
        };
        let ty = quote!(#private::Link::Static(#ty));
        quote!(#private::Field { name: #cow(#name), ty: #ty, align: #align })
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
fn agreement(subject: &Subject, paths: &Paths) -> TokenStream {
    let (Paths { private, core, .. }, Subject { ty, caps, .. }) = (paths, subject);
    let layout = quote!(<#ty as #private::FixedLayout<#caps>>::Layout);
    quote! {
        const _: () = #private::assert_layout(
            <#ty as #private::BareSchema<#caps>>::TYPE,
            #core::mem::size_of::<#layout>(),
            #core::mem::align_of::<#layout>(),
        );
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
            // SAFETY: it has nothing of its own.
            unsafe impl #head #private::Piece<()> for #ident #tail #clause {
                type Itself = Self;
                type Layout = #private::Unbounded;
                type Place<'__a> = &'__a #private::Unbounded;
            }
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
