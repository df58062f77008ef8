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
#[cfg(feature = "farscape")]
mod farscape;
mod files;
mod instance;
mod model;
mod names;
mod parse;
mod rules;
#[cfg(test)]
mod tests;
mod variants;

extern crate proc_macro;

use proc_macro::TokenStream;

/// Gives a struct or an enum its BARE schema, its encoding and its fixed layout.
///
/// The attributes are described on the front page of `barewire`.
#[proc_macro_derive(BareSchema, attributes(bare))]
pub fn derive_bare_schema(input: TokenStream) -> TokenStream {
    derive(input.into()).into()
}

/// Declares types in the BARE schema language: in place, as text, or in a file.
///
/// `schema! { type Name str }` takes Rust tokens: comments are Rust's (`//`), commas are optional,
/// and caps are an addition: `str[..64]`, `data[..64]`, `list<T>[..8]` and `map<K><V>[..8]`.
/// `schema!("type Name str")` takes text as any BARE tool does, and `schema!(file = "chat.bare")`
/// a file, from the folder of the source file as `include_str!` does, or from that of Cargo.toml.
/// Caps stand in a comment there: `# barewire: max .name=64`.
///
/// Each type becomes a public Rust type that derives `BareSchema`; a `void` becomes a variant
/// without data in the unions that name it.
#[proc_macro]
pub fn schema(input: TokenStream) -> TokenStream {
    dsl::expand(input.into()).into()
}

/// Declares functions and structs of a C library, to be called in processes of their own.
///
/// The language is C's, with a word before each pointer that says what it means; the module
/// `barewire::farscape` describes it.
#[cfg(feature = "farscape")]
#[proc_macro]
pub fn farscape(input: TokenStream) -> TokenStream {
    farscape::expand(input.into()).into()
}

fn derive(input: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let input = match syn::parse2::<syn::DeriveInput>(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let (crate_path, result) = parse::item(&input);
    match result {
        Ok(item) if item.lacks_lifetime => emit::stub(&input, &crate_path),
        Ok(item) => emit::item(&item),
        Err(error) => {
            // Nothing can be said of a type without a size but that.
            let stub = (!check::is_unsized(&input)).then(|| emit::stub(&input, &crate_path));
            let error = error.into_compile_error();
            quote::quote!(#error #stub)
        }
    }
}
