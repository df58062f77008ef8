//! The fixed layout of a struct: a sibling in `repr(C)` with its padding written out.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Ident, Visibility};

use super::fields::{at_type, construct, place, respan};
use super::{Parts, Paths, Subject};
use crate::check;
use crate::model::{Caps, Field, Fields};

/// A layout struct, apart from the type that it is the layout of.
pub(super) struct Sibling<'s> {
    /// What it is the layout of.
    pub(super) subject: &'s Subject,
    pub(super) ident: Ident,
    /// What it is the layout of, for the documentation.
    pub(super) of: String,
    pub(super) visibility: &'s Visibility,
    /// Set for a variant, whose fields have no visibility of their own.
    pub(super) all_visible: bool,
    pub(super) fields: &'s Fields,
}

impl Sibling<'_> {
    fn pads_name(&self) -> Ident {
        format_ident!("__BAREWIRE_PADS_OF_{}", self.ident)
    }

    fn visibility_of<'v>(&'v self, field: &'v Field) -> &'v Visibility {
        if self.all_visible { self.visibility } else { &field.visibility }
    }

    /// The struct, its accessors and its traits; `read` and `reference` are for its place.
    pub(super) fn emit(&self, paths: &Paths) -> TokenStream {
        let Paths { private, core, .. } = paths;
        let Sibling { ident: alias, visibility, fields, .. } = self;
        let (ident, pads) = (parts_name(alias), self.pads_name());
        let layouts: Vec<_> = fields.fields.iter().map(|field| paths.layout_of(field)).collect();
        let count = layouts.len();
        let sizes = fields.fields.iter().zip(&layouts).map(|(field, ty)| {
            let span = place(field);
            let own = quote_spanned!(span=> #core::mem::align_of::<#ty>());
            let align = match &field.align {
                Some(more) => quote!(if #own < #more { #more } else { #own }),
                None => own,
            };
            quote_spanned!(span=> (#core::mem::size_of::<#ty>(), #align))
        });
        let members = fields.fields.iter().zip(&layouts).enumerate().map(|(index, (field, ty))| {
            let (name, pad) = (&field.ident, pad(index));
            let (visible, docs) = (self.visibility_of(field), documentation(field));
            quote! {
                #docs
                #visible #name: #ty,
                #pad: [#core::primitive::u8; #pads[#index]],
            }
        });
        let accessors =
            fields.fields.iter().zip(&layouts).map(|(field, ty)| self.accessors(field, ty, paths));
        let doc = format!("The fixed layout of `{}`.", self.of);
        let parts_doc = format!("The fields of the fixed layout of `{}`.", self.of);
        let pad_names = (0..count).map(pad);
        let most = fields.fields.iter().filter_map(|field| field.align.as_ref());
        let most = most.max_by_key(|align| align.base10_parse::<u64>().unwrap_or(0));
        let most = most.map(|align| quote!(, align(#align)));
        let asked = self.asked(&layouts, paths);
        let whole = self.subject.rule.as_ref().filter(|_| !self.all_visible).map(|_| {
            let Subject { ty, caps, .. } = self.subject;
            quote!(<#ty as #private::Piece<#caps>>::check(__layout)?;)
        });
        let parts = self.traits(paths, &ident, quote!(#whole #core::result::Result::Ok(__layout)));
        quote! {
            #[doc(hidden)]
            #[allow(non_upper_case_globals)]
            const #pads: [#core::primitive::usize; #count] = #private::pads([
                #(#sizes),*
            ]);
            #[doc = #doc]
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            #visibility type #alias = #private::Placed<#ident>;
            #[doc = #parts_doc]
            #[repr(C #most)]
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            #visibility struct #ident {
                // Takes no room. If a field's type is a mistake, so is this, which the compiler has
                // told by then: without it, it would go on to tell that the next has no layout.
                #[doc(hidden)]
                __known: [#core::primitive::u8; #pads[0] - #pads[0]],
                #(#members)*
            }
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            impl #ident {
                #(#accessors)*
                fn __clear_pads(&mut self) {
                    #(self.#pad_names = [0; _];)*
                }
            }
            #asked
            #parts
        }
    }

    /// Stops compilation if a field asks for less alignment than its type has.
    fn asked(&self, layouts: &[TokenStream], paths: &Paths) -> TokenStream {
        let (Paths { private, core, .. }, of) = (paths, &self.of);
        let each = self.fields.fields.iter().zip(layouts).filter_map(|(field, ty)| {
            let (align, name) = (field.align.as_ref()?, &field.name);
            let assertion = quote! {
                const _: () = #private::assert_aligned(
                    #of,
                    #name,
                    #align,
                    #core::mem::align_of::<#ty>() as #core::primitive::u64,
                );
            };
            // All of it where the number stands, so that the error is shown there.
            Some(respan(assertion, align.span().resolved_at(Span::call_site())))
        });
        each.collect()
    }

    /// `Parts` for what a struct is laid out as; the fields of a variant have no type of their own.
    fn traits(&self, paths: &Paths, ident: &Ident, read: TokenStream) -> TokenStream {
        let private = &paths.private;
        let reference = quote!(&'__a #private::Placed<#ident>);
        let subject = (!self.all_visible).then_some(self.subject);
        paths.parts(&Parts { ident: ident.clone(), subject, reference, read })
    }

    fn accessors(&self, field: &Field, ty: &TokenStream, paths: &Paths) -> TokenStream {
        let Paths { private, core, .. } = paths;
        let (name, visible) = (&field.ident, self.visibility_of(field));
        let set = format_ident!("set_{}", name);
        let error = quote!(#private::LayoutError);
        let read = format!("Reads `{}`, checked.", field.name);
        let write = format!("Writes `{}`, checked.", field.name);
        let taken = self.fields.fields.iter().any(|other| other.ident == set);
        let check = paths.check_place(field, &quote!(self.#name));
        // What it is without a cap is known, whatever it holds.
        let uncapped = matches!(field.caps, Caps::None) && check::is_list(&field.ty);
        let ty = &if uncapped { quote!(#private::Unbounded) } else { ty.clone() };
        // A number is there in any case. Of another type it is known only where the accessor is
        // called whether it has a cap, which a condition with a lifetime leaves until then.
        let cap = (!check::is_scalar(&field.ty))
            .then(|| quote!(where for<'__unused> #ty: #private::Access));
        // Of a container it is asked of the type: of one that holds what is not derived no layout
        // is known.
        let contains = paths.of_piece(field).filter(|_| check::is_container(&field.ty));
        let (of, assign) = match contains {
            None => (ty.clone(), quote!(#private::Assign<__Value>)),
            Some((ty, caps)) => (ty, quote!(#private::AssignPiece<#caps, __Value>)),
        };
        let setter = (!taken).then(|| {
            quote! {
                #[doc = #write]
                #[inline]
                #visible fn #set<__Value>(
                    &mut self,
                    value: __Value,
                ) -> #core::result::Result<(), #error>
                where
                    #of: #assign,
                {
                    <#of as #assign>::assign(&mut self.#name, value)
                }
            }
        });
        let accessors = quote! {
            #[doc = #read]
            #[inline]
            #visible fn #name(
                &self,
            ) -> #core::result::Result<<#ty as #private::Access>::Ref<'_>, #error> #cap {
                #check
                #private::Access::get(&self.#name)
            }
            #setter
        };
        // A mistake in the type is told where the type stands.
        at_type(field, accessors)
    }
}

/// The fields behind a layout.
pub(super) fn parts_name(layout: &Ident) -> Ident {
    format_ident!("{layout}Fields")
}

fn pad(index: usize) -> Ident {
    format_ident!("__pad{index}")
}

fn documentation(field: &Field) -> TokenStream {
    if field.docs.is_empty() {
        let text = format!("`{}` in its fixed layout.", field.name);
        return quote!(#[doc = #text]);
    }
    let docs: &[Attribute] = &field.docs;
    quote!(#(#docs)*)
}

pub(super) fn structure(subject: &Subject, fields: &Fields, paths: &Paths) -> TokenStream {
    let core = &paths.core;
    let layout = subject.layout();
    let sibling = Sibling {
        subject,
        ident: layout.clone(),
        of: subject.written.replace(' ', ""),
        visibility: &subject.visibility,
        all_visible: false,
        fields,
    };
    let declaration = sibling.emit(paths);
    let all = |one: &dyn Fn(&Field, TokenStream) -> TokenStream| -> Vec<TokenStream> {
        let place = |field: &Field| {
            let name = &field.ident;
            quote!(__layout.#name)
        };
        fields.fields.iter().map(|field| one(field, place(field))).collect()
    };
    let store = all(&|field, place| {
        let member = &field.member;
        paths.store(field, &quote!(&self.#member), &place, false)
    });
    let load = construct(fields, all(&|field, place| paths.load(field, &place, false)));
    let head = (!fields.tuple).then(|| quote!(Self));
    let encode = all(&|field, place| paths.encode_layout(field, &place));
    let decode = all(&|field, place| paths.decode_layout(field, &place));
    let ok = quote!(#core::result::Result::Ok);
    let implementation = fixed_layout(
        subject,
        &quote!(#layout),
        paths,
        &Bodies {
            whole: TokenStream::new(),
            store: quote!(#(#store)* __layout.__clear_pads(); #ok(())),
            load: quote!(#ok(#head #load)),
            encode: quote!(#(#encode)* #ok(())),
            decode: quote!(#(#decode)* __layout.__clear_pads(); #ok(())),
        },
    );
    quote!(#declaration #implementation)
}

pub(super) fn newtype(subject: &Subject, field: &Field, paths: &Paths) -> TokenStream {
    let core = &paths.core;
    let (name, ty) = (subject.layout(), paths.layout_of(field));
    let fixed = |item: &str| paths.fixed(field, item);
    let (whole, encode, decode) = (fixed("WHOLE"), fixed("encode_layout"), fixed("decode_layout"));
    let (visibility, generics) = (&subject.visibility, &subject.generics);
    let doc = format!("The fixed layout of `{}`: that of the type inside.", subject.stem);
    let ok = quote!(#core::result::Result::Ok);
    let (place, member) = (quote!(*__layout), &field.member);
    let store = paths.store(field, &quote!(&self.#member), &place, true);
    let load = paths.load(field, &place, true);
    let own = field.rule.is_some();
    let (encode, decode) = if own {
        (paths.encode_layout(field, &place), paths.decode_layout(field, &place))
    } else {
        (quote!(#encode(__layout, __out)?;), quote!(#decode(__input, __layout)?;))
    };
    let implementation = fixed_layout(
        subject,
        &ty,
        paths,
        &Bodies {
            whole: quote!(|| #own || #whole),
            store: quote!(#store #ok(())),
            load: quote!(#ok(Self { #member: #load })),
            encode: quote!(#encode #ok(())),
            decode: quote!(#decode #ok(())),
        },
    );
    let implementation = at_type(field, implementation);
    quote! {
        #[doc = #doc]
        #[allow(dead_code, non_camel_case_types, unreachable_pub)]
        #visibility type #name #generics = #ty;
        #implementation
    }
}

/// The bodies of the four functions of `FixedLayout`.
pub(super) struct Bodies {
    /// `|| ..`: more reasons to look at the whole value.
    pub(super) whole: TokenStream,
    pub(super) store: TokenStream,
    pub(super) load: TokenStream,
    pub(super) encode: TokenStream,
    pub(super) decode: TokenStream,
}

pub(super) fn fixed_layout(
    subject: &Subject,
    layout: &TokenStream,
    paths: &Paths,
    bodies: &Bodies,
) -> TokenStream {
    let Paths { private, core, .. } = paths;
    let Subject { ty, generics, caps, .. } = subject;
    let (bool, result) = (quote!(#core::primitive::bool), quote!(#core::result::Result));
    let Bodies { whole, store, load, encode, decode } = bodies;
    let rule = subject.rule.as_ref();
    let (valid, storable) = (rule.is_some(), paths.storable(rule));
    let load = paths.loaded(rule, load.clone());
    let whole = (valid || !whole.is_empty()).then(|| quote!(const WHOLE: #bool = #valid #whole;));
    let before = valid.then(|| quote!(<Self as #private::Piece<#caps>>::check(__layout)?;));
    let decode = match valid {
        false => decode.clone(),
        true => quote! {
            let __start = #private::Decoder::offset(__input);
            let __decode = |
                __input: &mut #private::Decoder<'_>,
                __layout: &mut #layout,
            | -> #result<(), #private::DecodeError> { #decode };
            __decode(__input, __layout)?;
            <Self as #private::Piece<#caps>>::check(__layout)
                .map_err(|__error| #private::LayoutError::while_decoding(__error, __start))
        },
    };
    quote! {
        #[automatically_derived]
        // SAFETY: it has nothing of its own.
        unsafe impl #generics #private::Piece<#caps> for #ty {
            type Itself = Self;
            type Layout = #layout;
            type Place<'__a> = &'__a #layout;
        }
        #[automatically_derived]
        impl #generics #private::FixedLayout<#caps> for #ty {
            type Layout = #layout;
            #whole
            #[inline]
            fn store(&self, __layout: &mut #layout) -> #result<(), #private::LayoutError> {
                #storable
                #store
            }
            #[inline]
            fn load(__layout: &#layout) -> #result<Self, #private::LayoutError> {
                #load
            }
            fn encode_layout(
                __layout: &#layout,
                __out: &mut #private::Encoder<'_>,
            ) -> #result<(), #private::LayoutError> {
                #before
                #encode
            }
            fn decode_layout(
                __input: &mut #private::Decoder<'_>,
                __layout: &mut #layout,
            ) -> #result<(), #private::DecodeError> {
                #decode
            }
        }
    }
}
