//! `schema!`: BARE's schema language, in Rust tokens or as text, turned into types that derive.

mod grammar;
mod render;
mod rules;
mod text;

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser as _;

use grammar::Document;

/// The Rust types of a schema; a definition with an error becomes a stub beside the error.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut document = match Document::parse.parse2(input) {
        Ok(document) => document,
        Err(error) => return error.into_compile_error(),
    };
    rules::check(&mut document);
    let types =
        document.definitions.iter().map(|definition| render::definition(definition, &document));
    let failed = document.failed.iter().map(|ident| {
        let input: syn::DeriveInput = syn::parse_quote! {
            #[allow(dead_code)]
            pub struct #ident(());
        };
        let stub = crate::emit::stub(&input, &document.crate_path);
        quote! {
            #[derive(Debug, Clone, PartialEq)]
            #input
            #stub
        }
    });
    let crate_path = &document.crate_path;
    let core = quote!(#crate_path::__private::core);
    let tracked = document.file.as_ref().map(|file| file.tracked(&core));
    let types = quote!(#tracked #(#types)* #(#failed)*);
    match document.errors.finish(()) {
        Ok(()) => types,
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#error #types)
        }
    }
}
