//! The fixed layout of an enum without data: an integer, checked when read.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::layout::{Bodies, assign_reference, fixed_layout};
use super::{Paths, layout_name, number};
use crate::model::{Item, Member};

/// The integer that holds the largest of the values.
pub(super) fn integer(largest: Option<u64>) -> syn::Ident {
    let wide = largest.is_some_and(|value| u32::try_from(value).is_err());
    format_ident!("{}", if wide { "u64" } else { "u32" })
}

pub(super) fn emit(item: &Item, members: &[Member], paths: &Paths) -> TokenStream {
    let Paths { private, core, .. } = paths;
    let (ident, visibility, name) = (&item.ident, &item.visibility, &item.name);
    let layout = layout_name(ident);
    let integer = integer(members.iter().map(|member| member.value).max());
    let (derives, traits) = (paths.layout_derives(), paths.layout_traits(&layout));
    let idents: Vec<_> = members.iter().map(|member| &member.ident).collect();
    let values: Vec<_> = members.iter().map(|member| number(member.value)).collect();
    let (ok, err) = (quote!(#core::result::Result::Ok), quote!(#core::result::Result::Err));
    let value = quote!(match self { #(Self::#idents => #values),* });
    let fixed = quote!(<#ident as #private::FixedLayout<()>>);
    let implementation = fixed_layout(
        item,
        &quote!(#layout),
        paths,
        &Bodies {
            store: quote! {
                __layout.0 = #value;
                #ok(())
            },
            load: quote! {
                match __layout.0 {
                    #(#values => #ok(Self::#idents),)*
                    __value => #err(#private::LayoutError::unknown_value(
                        #name,
                        __value as #core::primitive::u64,
                    )),
                }
            },
            encode: quote! {
                <Self as #private::Encode>::encode(&#fixed::load(__layout)?, __out);
                #ok(())
            },
            decode: quote! {
                let __value = <Self as #private::Decode<'_>>::decode(__input)?;
                __layout.0 = match __value { #(Self::#idents => #values),* };
                #ok(())
            },
        },
    );
    let assign = assign_reference(item, &layout, paths);
    let doc = format!("The fixed layout of `{ident}`.");
    quote! {
        #[doc = #doc]
        #derives
        #[allow(dead_code, non_camel_case_types)]
        #visibility struct #layout(#core::primitive::#integer);
        #traits
        #implementation
        #assign
        #[automatically_derived]
        impl #private::Access for #layout {
            type Ref<'__a> = #ident where Self: '__a;
            fn get(&self) -> #core::result::Result<Self::Ref<'_>, #private::LayoutError> {
                #fixed::load(self)
            }
        }
        #[automatically_derived]
        impl #private::Assign<#ident> for #layout {
            fn assign(
                &mut self,
                value: #ident,
            ) -> #core::result::Result<(), #private::LayoutError> {
                #fixed::store(&value, self)
            }
        }
    }
}
