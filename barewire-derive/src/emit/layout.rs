//! The fixed layout of a struct: a sibling in `repr(C)` with its padding written out.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Ident, Visibility};

use super::{Paths, fields::construct, layout_name};
use crate::model::{Field, Fields, Item};

/// A layout struct, apart from the type that it is the layout of.
pub(super) struct Sibling<'s> {
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

    /// The struct, its accessors and its traits.
    pub(super) fn emit(&self, paths: &Paths) -> TokenStream {
        let Paths { private, core, .. } = paths;
        let Sibling { ident, visibility, fields, .. } = self;
        let (derives, traits, pads) =
            (paths.layout_derives(), paths.layout_traits(ident), self.pads_name());
        let layouts: Vec<_> = fields.fields.iter().map(|field| paths.layout_of(field)).collect();
        let count = layouts.len();
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
        quote! {
            #[doc(hidden)]
            #[allow(non_upper_case_globals)]
            const #pads: [#core::primitive::usize; #count] = #private::pads([
                #((#core::mem::size_of::<#layouts>(), #core::mem::align_of::<#layouts>())),*
            ]);
            #[doc = #doc]
            #derives
            #[allow(dead_code, non_camel_case_types)]
            #visibility struct #ident {
                #(#members)*
            }
            #[allow(dead_code, non_camel_case_types)]
            impl #ident {
                #(#accessors)*
            }
            #traits
            #[automatically_derived]
            impl #private::Access for #ident {
                type Ref<'__a> = &'__a #ident where Self: '__a;
                fn get(
                    &self,
                ) -> #core::result::Result<Self::Ref<'_>, #private::LayoutError> {
                    #core::result::Result::Ok(self)
                }
            }
        }
    }

    fn accessors(&self, field: &Field, ty: &TokenStream, paths: &Paths) -> TokenStream {
        let Paths { private, core, .. } = paths;
        let (name, visible) = (&field.ident, self.visibility_of(field));
        let set = format_ident!("set_{}", name);
        let error = quote!(#private::LayoutError);
        let read = format!("Reads `{}`, checked.", field.name);
        let write = format!("Writes `{}`, checked.", field.name);
        let taken = self.fields.fields.iter().any(|other| other.ident == set);
        let setter = (!taken).then(|| {
            quote! {
                #[doc = #write]
                #[inline]
                #visible fn #set<__Value>(
                    &mut self,
                    value: __Value,
                ) -> #core::result::Result<(), #error>
                where
                    #ty: #private::Assign<__Value>,
                {
                    #private::Assign::assign(&mut self.#name, value)
                }
            }
        });
        quote! {
            #[doc = #read]
            #[inline]
            #visible fn #name(
                &self,
            ) -> #core::result::Result<<#ty as #private::Access>::Ref<'_>, #error> {
                #private::Access::get(&self.#name)
            }
            #setter
        }
    }

    /// Statements that zero the padding of the layout at `place`.
    pub(super) fn zero_pads(&self, place: &TokenStream) -> TokenStream {
        let pads = self.pads_name();
        let each = (0..self.fields.fields.len()).map(|index| {
            let pad = pad(index);
            quote!(#place.#pad = [0; #pads[#index]];)
        });
        quote!(#(#each)*)
    }
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

pub(super) fn structure(item: &Item, fields: &Fields, paths: &Paths) -> TokenStream {
    let core = &paths.core;
    let layout = layout_name(&item.ident);
    let sibling = Sibling {
        ident: layout.clone(),
        of: item.ident.to_string(),
        visibility: &item.visibility,
        all_visible: false,
        fields,
    };
    let declaration = sibling.emit(paths);
    let zero_pads = sibling.zero_pads(&quote!(__layout));
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
    let encode = all(&|field, place| paths.encode_layout(field, &place));
    let decode = all(&|field, place| paths.decode_layout(field, &place));
    let ok = quote!(#core::result::Result::Ok);
    let implementation = fixed_layout(
        item,
        &quote!(#layout),
        paths,
        &Bodies {
            store: quote!(#(#store)* #zero_pads #ok(())),
            load: quote!(#ok(Self #load)),
            encode: quote!(#(#encode)* #ok(())),
            decode: quote!(#(#decode)* #zero_pads #ok(())),
        },
    );
    let assign = assign_reference(item, &layout, paths);
    quote!(#declaration #implementation #assign)
}

pub(super) fn newtype(item: &Item, field: &Field, paths: &Paths) -> TokenStream {
    let core = &paths.core;
    let (name, ty, fixed) = (layout_name(&item.ident), paths.layout_of(field), paths.fixed(field));
    let visibility = &item.visibility;
    let doc = format!("The fixed layout of `{}`: that of the type inside.", item.ident);
    let ok = quote!(#core::result::Result::Ok);
    let (place, member) = (quote!(*__layout), &field.member);
    let store = paths.store(field, &quote!(&self.#member), &place, true);
    let load = paths.load(field, &place, true);
    let implementation = fixed_layout(
        item,
        &ty,
        paths,
        &Bodies {
            store: quote!(#store #ok(())),
            load: quote!(#ok(Self(#load))),
            encode: quote!(#fixed::encode_layout(__layout, __out)),
            decode: quote!(#fixed::decode_layout(__input, __layout)),
        },
    );
    quote! {
        #[doc = #doc]
        #[allow(dead_code, non_camel_case_types)]
        #visibility type #name = #ty;
        #implementation
    }
}

/// The bodies of the four functions of `FixedLayout`.
pub(super) struct Bodies {
    pub(super) store: TokenStream,
    pub(super) load: TokenStream,
    pub(super) encode: TokenStream,
    pub(super) decode: TokenStream,
}

pub(super) fn fixed_layout(
    item: &Item,
    layout: &TokenStream,
    paths: &Paths,
    bodies: &Bodies,
) -> TokenStream {
    let Paths { private, core, .. } = paths;
    let (ident, result) = (&item.ident, quote!(#core::result::Result));
    let Bodies { store, load, encode, decode } = bodies;
    quote! {
        #[automatically_derived]
        impl #private::FixedLayout<()> for #ident {
            type Layout = #layout;
            #[inline]
            fn store(&self, __layout: &mut #layout) -> #result<(), #private::LayoutError> {
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

/// `layout.set_field(&value)` for a field of a derived type.
pub(super) fn assign_reference(item: &Item, layout: &Ident, paths: &Paths) -> TokenStream {
    let (Paths { private, core, .. }, ident) = (paths, &item.ident);
    quote! {
        #[automatically_derived]
        impl<'__a> #private::Assign<&'__a #ident> for #layout {
            fn assign(
                &mut self,
                value: &'__a #ident,
            ) -> #core::result::Result<(), #private::LayoutError> {
                <#ident as #private::FixedLayout<()>>::store(value, self)
            }
        }
    }
}
