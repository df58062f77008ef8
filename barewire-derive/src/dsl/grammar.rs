//! The grammar: tokens to definitions, with old spellings recognised to say today's.

use barewire_schema::words;
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Ident, LitInt, LitStr, Token, bracketed, token};

use crate::check::{Errors, error, error_at};
use crate::files::File;
use crate::names;

/// A whole `schema!`.
pub(super) struct Document {
    pub(super) crate_path: syn::Path,
    pub(super) definitions: Vec<Definition>,
    /// Names whose definition has an error.
    pub(super) failed: Vec<Ident>,
    pub(super) errors: Errors,
    /// The file that the definitions come from, if they do.
    pub(super) file: Option<File>,
}

/// `type Name any`
pub(super) struct Definition {
    pub(super) docs: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) ty: Any,
}

/// Any type, with where it stands.
pub(super) struct Any {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// A primitive of fixed name: `uint`, `u8`, `bool`, `f32` and the like.
    Primitive(&'static str),
    Str(Option<LitInt>),
    Data(Length),
    Void,
    Enum(Vec<EnumMember>),
    Optional(Box<Any>),
    List(Box<Any>, Length),
    Map(Box<Any>, Box<Any>, Option<LitInt>),
    Union(Vec<UnionMember>),
    Struct(Vec<Field>),
    User(Ident),
}

/// What stands in `[]` after a type.
pub(super) enum Length {
    Free,
    /// `[..64]`
    Max(LitInt),
    /// `[64]`
    Exactly(LitInt),
}

pub(super) struct EnumMember {
    pub(super) docs: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) value: Option<LitInt>,
}

pub(super) struct UnionMember {
    pub(super) ty: Any,
    pub(super) tag: Option<LitInt>,
}

pub(super) struct Field {
    pub(super) docs: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) ty: Any,
    pub(super) align: Option<LitInt>,
}

const PRIMITIVES: [&str; 13] =
    ["uint", "int", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "bool"];

fn docs(input: ParseStream<'_>) -> syn::Result<Vec<Attribute>> {
    let attributes = input.call(Attribute::parse_outer)?;
    match attributes.iter().find(|attribute| !attribute.path().is_ident("doc")) {
        Some(other) => Err(error(
            other,
            "only documentation can stand here",
            "schema! derives BareSchema, Debug, Clone and PartialEq by itself",
        )),
        None => Ok(attributes),
    }
}

impl Document {
    pub(super) fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut document = Document {
            crate_path: syn::parse_quote!(::barewire),
            definitions: Vec::new(),
            failed: Vec::new(),
            errors: Errors::default(),
            file: None,
        };
        document.crate_path(input)?;
        if input.is_empty() {
            return Err(error_at(
                Span::call_site(),
                "a schema has at least one type",
                "write `type Name struct { field: u32 }`",
            ));
        }
        if super::text::parse(input, &mut document)? {
            return Ok(document);
        }
        // Each by itself, so that an error in one leaves the others whole.
        for tokens in split(input.parse()?) {
            let mut name = None;
            match (|input: ParseStream<'_>| definition(input, &mut name)).parse2(tokens) {
                Ok(definition) => document.definitions.push(definition),
                Err(error) => {
                    document.errors.push(error);
                    document.failed.extend(name);
                }
            }
        }
        Ok(document)
    }

    /// `#![bare(crate = "path")]`, for when barewire is reached by another path.
    fn crate_path(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        for attribute in input.call(Attribute::parse_inner)? {
            if !attribute.path().is_ident("bare") {
                return Err(error(
                    &attribute,
                    "unknown attribute",
                    "only #![bare(crate = \"..\")]",
                ));
            }
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("crate") {
                    return Err(error(&meta.path, "unknown key", "the only key here is `crate`"));
                }
                let path: LitStr = meta.value()?.parse()?;
                self.crate_path = path.parse_with(syn::Path::parse_mod_style)?;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The tokens of each definition: it starts with its documentation or with `type`.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut out: Vec<TokenStream> = Vec::new();
    // Whether the current definition has its `type` already.
    let mut begun = false;
    for token in tokens {
        let is_type = matches!(&token, TokenTree::Ident(ident) if ident == "type");
        let is_doc = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        if out.is_empty() || begun && (is_type || is_doc) {
            out.push(TokenStream::new());
            begun = false;
        }
        begun |= is_type;
        if let Some(last) = out.last_mut() {
            last.extend([token]);
        }
    }
    out
}

fn definition(input: ParseStream<'_>, found: &mut Option<Ident>) -> syn::Result<Definition> {
    let docs = docs(input)?;
    if !input.peek(Token![type]) {
        let help = if input.peek(Token![struct]) || input.peek(Token![enum]) {
            "write `type Name struct { .. }` or `type Name enum { .. }`"
        } else {
            "a definition is `type Name` and a type"
        };
        let token: TokenTree = input.parse()?;
        return Err(error(token, "a definition starts with `type`", help));
    }
    input.parse::<Token![type]>()?;
    let name = input.call(Ident::parse_any)?;
    let text = names::plain(&name);
    if !names::is_type_name(&text) {
        return Err(error(
            &name,
            &format!("`{text}` cannot be the name of a type"),
            &format!("a capital letter, then letters and digits: `{}`", names::camel(&text)),
        ));
    }
    *found = Some(name.clone());
    if input.peek(Token![=]) || input.peek(Token![:]) {
        let token: TokenTree = input.parse()?;
        return Err(error(token, "nothing stands between the name and the type", "remove it"));
    }
    if input.peek(token::Brace) {
        let token: TokenTree = input.parse()?;
        return Err(error_at(
            token.span(),
            "this is how older BARE wrote a struct",
            &format!("write `type {name} struct {{ .. }}`"),
        ));
    }
    let ty = any(input)?;
    separator(input)?;
    if !input.is_empty() {
        let token: TokenTree = input.parse()?;
        let help = "the next definition starts with `type`; a length stands right after its type";
        return Err(error(token, "the type ends before this", help));
    }
    Ok(Definition { docs, name, ty })
}

/// A comma or a semicolon is allowed, and not needed.
fn separator(input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if input.peek(Token![;]) {
        input.parse::<Token![;]>()?;
    }
    Ok(())
}

fn old_brackets(input: ParseStream<'_>) -> syn::Result<Any> {
    let content;
    let bracket = bracketed!(content in input);
    let length = content.to_string();
    let today = if length.is_empty() { "list<T>".to_owned() } else { format!("list<T>[{length}]") };
    Err(error_at(
        bracket.span.join(),
        "this is how older BARE wrote a list",
        &format!("write `{today}`"),
    ))
}

fn any(input: ParseStream<'_>) -> syn::Result<Any> {
    if input.peek(token::Bracket) {
        return old_brackets(input);
    }
    if input.peek(token::Paren) {
        let token: TokenTree = input.parse()?;
        return Err(error_at(
            token.span(),
            "this is how older BARE wrote a union",
            "write `union { A | B }`",
        ));
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error("a type is missing here\nhelp: write one, as in `u32` or `str`"));
    }
    let word = input.call(Ident::parse_any)?;
    let (span, text) = (word.span(), names::plain(&word));
    let kind = match text.as_str() {
        "str" => Kind::Str(cap(input, "str")?),
        "data" => Kind::Data(data_length(input)?),
        "void" => Kind::Void,
        "optional" => Kind::Optional(Box::new(angle(input, "optional<T>")?)),
        "list" => {
            let item = angle(input, "list<T>")?;
            Kind::List(Box::new(item), length(input)?)
        }
        "map" => {
            let key = angle(input, "map<K><V>")?;
            if input.peek(Token![,]) || !input.peek(Token![<]) {
                return Err(input.error("the value of a map is missing\nhelp: write `map<K><V>`"));
            }
            let value = angle(input, "map<K><V>")?;
            Kind::Map(Box::new(key), Box::new(value), cap(input, "map<K><V>")?)
        }
        "enum" => Kind::Enum(enumeration(input, span)?),
        "union" => Kind::Union(union(input, span)?),
        "struct" => Kind::Struct(structure(input, span)?),
        other => match PRIMITIVES.iter().find(|primitive| **primitive == other) {
            Some(primitive) => Kind::Primitive(primitive),
            None if words::today(&text).is_some() || !names::is_type_name(&text) => {
                return Err(not_a_type(&word, &text));
            }
            None => Kind::User(word),
        },
    };
    Ok(Any { span, kind })
}

fn not_a_type(word: &Ident, text: &str) -> syn::Error {
    let guess = words::today(text).or_else(|| names::nearest(text, &words::TYPES));
    let help = match guess {
        Some(guess) => format!("write `{guess}`"),
        None => format!("the types of BARE are {}", words::TYPES.join(", ")),
    };
    error(word, &format!("`{text}` is not a type in BARE"), &help)
}

fn angle(input: ParseStream<'_>, today: &str) -> syn::Result<Any> {
    if input.peek(token::Bracket) {
        let token: TokenTree = input.parse()?;
        return Err(error_at(
            token.span(),
            "this is how older BARE wrote it",
            &format!("write `{today}`"),
        ));
    }
    if !input.peek(Token![<]) {
        return Err(input.error(format!("`<` is missing\nhelp: write `{today}`")));
    }
    input.parse::<Token![<]>()?;
    let inner = any(input)?;
    if !input.peek(Token![>]) {
        return Err(input.error(format!("`>` is missing\nhelp: write `{today}`")));
    }
    input.parse::<Token![>]>()?;
    Ok(inner)
}

fn data_length(input: ParseStream<'_>) -> syn::Result<Length> {
    if input.peek(Token![<]) {
        let open = input.parse::<Token![<]>()?;
        let number: Option<LitInt> = input.parse()?;
        let number = number.map_or_else(|| "N".to_owned(), |number| number.to_string());
        return Err(error(
            open,
            "this is how older BARE wrote data of a fixed length",
            &format!("write `data[{number}]`"),
        ));
    }
    length(input)
}

fn length(input: ParseStream<'_>) -> syn::Result<Length> {
    if !input.peek(token::Bracket) {
        return Ok(Length::Free);
    }
    let content;
    let _ = bracketed!(content in input);
    let capped = content.peek(Token![..]);
    if capped {
        content.parse::<Token![..]>()?;
        let _: Option<Token![=]> = content.parse()?;
    }
    let number = number(&content, "a length")?;
    if !content.is_empty() {
        return Err(content.error("more than a length\nhelp: write `[64]` or `[..64]`"));
    }
    if number.base10_digits() == "0" {
        return Err(error(&number, "a length is at least 1", "write a larger one"));
    }
    Ok(if capped { Length::Max(number) } else { Length::Exactly(number) })
}

/// Only `[..N]`: these have no fixed length.
fn cap(input: ParseStream<'_>, what: &str) -> syn::Result<Option<LitInt>> {
    match length(input)? {
        Length::Free => Ok(None),
        Length::Max(number) => Ok(Some(number)),
        Length::Exactly(number) => Err(error(
            &number,
            &format!("`{what}` has no fixed length in BARE"),
            &format!("write `{what}[..{number}]` for at most {number}"),
        )),
    }
}

fn number(input: ParseStream<'_>, what: &str) -> syn::Result<LitInt> {
    let value: syn::Expr = input.parse()?;
    let number = crate::parse::whole_number(&value, what)?;
    let text = number.to_string();
    if text.chars().any(|c| !c.is_ascii_digit()) {
        return Err(error(
            &number,
            "BARE writes numbers in decimal digits",
            "write the digits only",
        ));
    }
    Ok(number)
}

fn braces<'i>(input: ParseStream<'i>, word: &str) -> syn::Result<syn::parse::ParseBuffer<'i>> {
    if !input.peek(token::Brace) {
        return Err(input.error(format!("`{{` is missing\nhelp: write `{word} {{ .. }}`")));
    }
    let content;
    syn::braced!(content in input);
    Ok(content)
}

fn enumeration(input: ParseStream<'_>, span: Span) -> syn::Result<Vec<EnumMember>> {
    let content = braces(input, "enum")?;
    let mut members = Vec::new();
    while !content.is_empty() {
        let docs = docs(&content)?;
        let name = content.call(Ident::parse_any)?;
        let text = names::plain(&name);
        if !names::is_member_name(&text) {
            return Err(error(
                &name,
                &format!("`{text}` cannot be the name of a member of an enum"),
                &format!("write it in capitals: `{}`", names::shouting(&text)),
            ));
        }
        let value = value(&content, "a value")?;
        separator(&content)?;
        members.push(EnumMember { docs, name, value });
    }
    nonempty(members, span, "enum")
}

fn value(input: ParseStream<'_>, what: &str) -> syn::Result<Option<LitInt>> {
    if !input.peek(Token![=]) {
        return Ok(None);
    }
    input.parse::<Token![=]>()?;
    if input.peek(Token![-]) {
        let minus = input.parse::<Token![-]>()?;
        return Err(error(minus, &format!("{what} cannot be negative"), "count from 0"));
    }
    if input.peek(LitInt) {
        // Not as an expression, which would take the `|` of a union too.
        let literal: LitInt = input.parse()?;
        return number_of(literal, what).map(Some);
    }
    number(input, what).map(Some)
}

fn number_of(literal: LitInt, what: &str) -> syn::Result<LitInt> {
    let tokens = quote::quote!(#literal);
    syn::parse::Parser::parse2(|input: ParseStream<'_>| number(input, what), tokens)
}

fn union(input: ParseStream<'_>, span: Span) -> syn::Result<Vec<UnionMember>> {
    let content = braces(input, "union")?;
    let mut members = Vec::new();
    let _: Option<Token![|]> = content.parse()?;
    while !content.is_empty() {
        let ty = any(&content)?;
        let tag = value(&content, "a tag")?;
        members.push(UnionMember { ty, tag });
        if content.is_empty() {
            break;
        }
        if !content.peek(Token![|]) {
            return Err(
                content.error("`|` is missing\nhelp: members of a union stand apart by `|`")
            );
        }
        content.parse::<Token![|]>()?;
    }
    nonempty(members, span, "union")
}

fn structure(input: ParseStream<'_>, span: Span) -> syn::Result<Vec<Field>> {
    let content = braces(input, "struct")?;
    let mut fields = Vec::new();
    while !content.is_empty() {
        let docs = docs(&content)?;
        let name = content.call(Ident::parse_any)?;
        let text = names::plain(&name);
        if !names::is_field_name(&text) {
            return Err(error(
                &name,
                &format!("`{text}` cannot be the name of a field"),
                "a small letter, then letters, digits and underscores",
            ));
        }
        if !content.peek(Token![:]) {
            return Err(content.error("`:` is missing\nhelp: a field is `name: type`"));
        }
        content.parse::<Token![:]>()?;
        let ty = any(&content)?;
        let align = alignment(&content)?;
        separator(&content)?;
        fields.push(Field { docs, name, ty, align });
    }
    nonempty(fields, span, "struct")
}

/// `align(64)` behind the type of a field, or nothing.
fn alignment(input: ParseStream<'_>) -> syn::Result<Option<LitInt>> {
    let ahead = input.fork();
    if !ahead.parse::<Ident>().is_ok_and(|word| word == "align") || !ahead.peek(token::Paren) {
        return Ok(None);
    }
    input.parse::<Ident>()?;
    let content;
    syn::parenthesized!(content in input);
    number(&content, "an alignment").map(Some)
}

fn nonempty<T>(found: Vec<T>, span: Span, what: &str) -> syn::Result<Vec<T>> {
    if found.is_empty() {
        let help = "add one, or remove the type";
        return Err(error_at(span, &format!("the {what} has no members"), help));
    }
    Ok(found)
}
