//! `farscape!`: prototypes of C with annotations, turned into typed calls.

mod calls;
mod functions;
mod tokens;
mod types;

use barewire_schema::c::{CError, Declaration, Dialect, Document};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use tokens::Spanned;

/// Errors so far, each at its token.
struct Errors<'t> {
    tokens: &'t Spanned,
    all: Option<syn::Error>,
}

impl Errors<'_> {
    fn push(&mut self, token: usize, error: &CError) {
        let text = match error.help() {
            "" => error.message().to_owned(),
            help => format!("{}\nhelp: {help}", error.message()),
        };
        let error = syn::Error::new(self.tokens.span(token), text);
        match &mut self.all {
            Some(all) => all.combine(error),
            None => self.all = Some(error),
        }
    }
}

/// An identifier, also if Rust has a keyword of that name.
fn ident(name: &str, span: Span) -> Ident {
    match syn::parse_str::<Ident>(name) {
        Ok(_) => Ident::new(name, span),
        Err(_) if matches!(name, "self" | "Self" | "super" | "crate" | "_") => {
            format_ident!("{}_", name, span = span)
        }
        Err(_) => Ident::new_raw(name, span),
    }
}

/// The items of all declarations; of those with errors, the errors alone.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let tokens = Spanned::of(input);
    let document = Document::read(&tokens.tokens, Dialect::Annotated);
    let mut errors = Errors { tokens: &tokens, all: None };
    for left in &document.left_out {
        errors.push(left.error.token(), &left.error);
    }
    let path = match document.crate_path {
        Some((from, to)) => tokens.path(from, to),
        None => quote!(::barewire),
    };
    let mut items = Vec::new();
    // What is wrong with a struct is told where it stands, and not again where it is used.
    let mut told = Vec::new();
    for item in &document.items {
        match &item.declaration {
            Declaration::Struct(made) if !made.is_union() => {
                match types::structure(made, item, &path, tokens.span(item.token)) {
                    Ok(tokens) => items.push(tokens),
                    Err(error) => {
                        errors.push(item.token, &error);
                        told.push(format!("`{}` cannot be shared", made.name()));
                    }
                }
            }
            Declaration::Enum(made) => items.push(types::enumeration(made, &path)),
            Declaration::Function(function) => {
                for error in function.check().err().unwrap_or_default() {
                    if !told.iter().any(|told| error.message().starts_with(told)) {
                        errors.push(error.token(), &error);
                    }
                }
            }
            _ => {}
        }
    }
    if let Some(error) = errors.all {
        return error.into_compile_error();
    }
    items.push(types::markers(&document));
    if document.functions().next().is_some() {
        items.push(match &document.source {
            Some(source) => functions::library(&document, source, &path, &tokens),
            None => {
                let text = "the library has no name\nhelp: begin with `library Zlib = \
                            \"libz.so.1\";` to load it, or `library Zlib = link \"z\";`";
                syn::Error::new(Span::call_site(), text).into_compile_error()
            }
        });
    }
    quote!(#(#items)*)
}
