//! The macros of barewire: `#[derive(BareSchema)]` and `schema!`, which share one model.
//!
//! Three steps, in this order: parse (attributes and item become one model), check (all errors
//! are collected, each at its own span), emit. On error a stub is emitted beside the error, so
//! that one mistake gives one message.

mod attributes;
mod caps;
mod check;
mod dsl;
mod emit;
mod files;
mod instance;
mod model;
mod names;
mod parse;
mod rules;
#[cfg(test)]
mod tests;
mod variants;

use proc_macro::TokenStream;

/// Gives a struct or an enum its BARE schema, its encoding and its fixed layout.
///
/// Attributes on fields: `#[bare(max = N)]` caps a string, list, map or data;
/// `item(max = N)`, `key(max = N)` and `value(max = N)` cap what a capped list or map holds;
/// `varint` makes a `u64` or `i64` a BARE `uint` or `int`; `rename = "name"` sets the name in
/// the schema. On a variant that carries data: `tag = N`. On the item: `rename`, and
/// `crate = "path"` when barewire is reached by another path.
#[proc_macro_derive(BareSchema, attributes(bare))]
pub fn derive_bare_schema(input: TokenStream) -> TokenStream {
    derive(input.into()).into()
}

/// Declares types in the BARE schema language.
///
/// The grammar is BARE's of today, `type Name any-type`, with caps as an addition: `str[..64]`,
/// `data[..64]`, `list<T>[..8]` and `map<K><V>[..8]`. Each type becomes a public Rust type that
/// derives `BareSchema`. Comments are Rust's (`//`), commas are optional.
#[proc_macro]
pub fn schema(input: TokenStream) -> TokenStream {
    dsl::expand(input.into()).into()
}

fn derive(input: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let input = match syn::parse2::<syn::DeriveInput>(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let (crate_path, result) = parse::item(&input);
    match result {
        Ok(item) => emit::item(&item),
        Err(error) => {
            let stub = emit::stub(&input, &crate_path);
            let error = error.into_compile_error();
            quote::quote!(#error #stub)
        }
    }
}
