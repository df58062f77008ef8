//! The fixed layout of an enum without data: an integer, checked when read.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::layout::{Bodies, fixed_layout, parts_name};
use super::{Parts, Paths, Subject, number};
use crate::model::Member;

/// The integer that holds the largest of the values.
pub(super) fn integer(largest: Option<u64>) -> syn::Ident {
    let wide = largest.is_some_and(|value| u32::try_from(value).is_err());
    format_ident!("{}", if wide { "u64" } else { "u32" })
}

pub(super) fn emit(subject: &Subject, members: &[Member], paths: &Paths) -> TokenStream {
    let Paths { private, core, .. } = paths;
    let Subject { ty, visibility, name, .. } = subject;
    let layout = subject.layout();
    let fields = parts_name(&layout);
    let integer = integer(members.iter().map(|member| member.value).max());
    let idents: Vec<_> = members.iter().map(|member| &member.ident).collect();
    let values: Vec<_> = members.iter().map(|member| number(member.value)).collect();
    let (ok, err) = (quote!(#core::result::Result::Ok), quote!(#core::result::Result::Err));
    let fixed = quote!(<#ty as #private::FixedLayout<()>>);
    let implementation = fixed_layout(
        subject,
        &quote!(#layout),
        paths,
        &Bodies {
            whole: TokenStream::new(),
            store: quote! {
                __layout.0 = match self { #(Self::#idents => #values),* };
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
    let doc = format!("The fixed layout of `{}`.", subject.stem);
    let parts = paths.parts(&Parts {
        ident: fields.clone(),
        subject: Some(subject),
        reference: ty.clone(),
        read: quote!(#fixed::load(__layout)),
    });
    quote! {
        #[doc = #doc]
        #[allow(dead_code, non_camel_case_types, unreachable_pub)]
        #visibility type #layout = #private::Placed<#fields>;
        #[doc = #doc]
        #[repr(C)]
        #[allow(dead_code, non_camel_case_types, unreachable_pub)]
        #visibility struct #fields(#core::primitive::#integer);
        #parts
        #implementation
        #[automatically_derived]
        impl #private::Assign<#ty> for #private::Placed<#fields> {
            fn assign(
                &mut self,
                value: #ty,
            ) -> #core::result::Result<(), #private::LayoutError> {
                #fixed::store(&value, self)
            }
        }
    }
}
