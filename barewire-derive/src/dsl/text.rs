//! Definitions from BARE text, in the macro itself or in a file.

use barewire_schema::{Schema, Type};
use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{Attribute, Expr, Ident, LitInt, LitStr, Token};

use super::grammar::{Any, Definition, Document, EnumMember, Field, Kind, Length, UnionMember};
use crate::check::{error, error_at};
use crate::files::File;

/// Reads `file = "chat.bare"` or a text; `false` if neither stands there.
pub(super) fn parse(input: ParseStream<'_>, document: &mut Document) -> syn::Result<bool> {
    let (name, text) = if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        ("the text".to_owned(), text)
    } else if input.peek(Ident) && input.peek2(Token![=]) {
        let key: Ident = input.parse()?;
        if key != "file" {
            let help = "write `schema!(file = \"chat.bare\")`, or the definitions themselves";
            return Err(error(&key, &format!("unknown key `{key}` in schema!"), help));
        }
        input.parse::<Token![=]>()?;
        let value: Expr = input.parse()?;
        let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) = &value else {
            return Err(error(value, "`file` takes a path", "write it in quotes"));
        };
        let file = File::read(name)?;
        let text = LitStr::new(&file.text, name.span());
        document.file = Some(file);
        (name.value(), text)
    } else {
        return Ok(false);
    };
    let _: Option<Token![,]> = input.parse()?;
    if !input.is_empty() {
        let token: proc_macro2::TokenTree = input.parse()?;
        return Err(error(token, "nothing comes after the schema", "remove it"));
    }
    definitions(&name, &text, document);
    Ok(true)
}

fn definitions(name: &str, text: &LitStr, document: &mut Document) {
    let (span, value) = (text.span(), text.value());
    match Schema::read(name.to_owned(), &value) {
        Ok(schema) => {
            for (name, ty) in schema.types() {
                document.definitions.push(Definition {
                    docs: docs(&value, name),
                    name: Ident::new(name, span),
                    ty: any(ty, span),
                });
            }
        }
        Err(errors) => {
            for error in errors.all() {
                document.errors.push(placed(name, &value, error, span));
            }
            document.failed = names(&value).map(|name| Ident::new(name, span)).collect();
        }
    }
}

/// An error at its own line and column, with the line.
fn placed(name: &str, text: &str, error: &barewire_schema::ParseError, span: Span) -> syn::Error {
    let (line, column) = (error.line(), error.column());
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let before: String = shown.chars().take(column.saturating_sub(1)).collect();
    // A tab stays a tab, so that the mark stands below what it means.
    let blank: String = before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect();
    let message = format!("{name}:{line}:{column}: {}", error.message());
    error_at(span, &message, &format!("it is here\n    {shown}\n    {blank}^"))
}

/// The name of a definition that begins on this line.
fn defined(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("type")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let name = rest.split_whitespace().next()?;
    crate::names::is_type_name(name).then_some(name)
}

/// The names of all definitions, once each.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let mut seen = std::collections::HashSet::new();
    text.lines().filter_map(defined).filter(move |name| seen.insert(*name))
}

/// The comments right before a definition document it.
fn docs(text: &str, name: &str) -> Vec<Attribute> {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        if defined(line) == Some(name) {
            return lines.iter().map(|line| syn::parse_quote!(#[doc = #line])).collect();
        }
        match line.trim_start().strip_prefix('#') {
            Some(comment) if comment.trim_start().starts_with("barewire:") => {}
            Some(comment) => lines.push(comment),
            None => lines.clear(),
        }
    }
    Vec::new()
}

fn number(value: u64, span: Span) -> LitInt {
    LitInt::new(&value.to_string(), span)
}

fn any(ty: &Type, span: Span) -> Any {
    let inner = |ty: &Type| Box::new(any(ty, span));
    let cap = |cap: &Option<u64>| cap.map(|cap| number(cap, span));
    let most = |most: &Option<u64>| cap(most).map_or(Length::Free, Length::Max);
    let kind = match ty {
        Type::UInt => Kind::Primitive("uint"),
        Type::Int => Kind::Primitive("int"),
        Type::U8 => Kind::Primitive("u8"),
        Type::U16 => Kind::Primitive("u16"),
        Type::U32 => Kind::Primitive("u32"),
        Type::U64 => Kind::Primitive("u64"),
        Type::I8 => Kind::Primitive("i8"),
        Type::I16 => Kind::Primitive("i16"),
        Type::I32 => Kind::Primitive("i32"),
        Type::I64 => Kind::Primitive("i64"),
        Type::F32 => Kind::Primitive("f32"),
        Type::F64 => Kind::Primitive("f64"),
        Type::Bool => Kind::Primitive("bool"),
        Type::Str { cap: most } => Kind::Str(cap(most)),
        Type::Data { cap } => Kind::Data(most(cap)),
        Type::DataFixed { len } => Kind::Data(Length::Exactly(number(*len, span))),
        Type::Void => Kind::Void,
        Type::Enum(members) => {
            let member = |member: &barewire_schema::EnumMember| EnumMember {
                docs: Vec::new(),
                name: Ident::new(&member.name, span),
                value: Some(number(member.value, span)),
            };
            Kind::Enum(members.iter().map(member).collect())
        }
        Type::Optional(item) => Kind::Optional(inner(item.get())),
        Type::List { item, cap } => Kind::List(inner(item.get()), most(cap)),
        Type::ListFixed { item, len } => {
            Kind::List(inner(item.get()), Length::Exactly(number(*len, span)))
        }
        Type::Map { key, value, cap: most } => {
            Kind::Map(inner(key.get()), inner(value.get()), cap(most))
        }
        Type::Union(members) => {
            let member = |member: &barewire_schema::UnionMember| UnionMember {
                ty: any(member.ty.get(), span),
                tag: Some(number(member.tag, span)),
            };
            Kind::Union(members.iter().map(member).collect())
        }
        Type::Struct(fields) => {
            let field = |field: &barewire_schema::Field| Field {
                docs: Vec::new(),
                name: Ident::new(&field.name, span),
                ty: any(field.ty.get(), span),
                align: field.align.map(|align| number(align, span)),
            };
            Kind::Struct(fields.iter().map(field).collect())
        }
        Type::User { name, .. } => Kind::User(Ident::new(name, span)),
    };
    Any { span, kind }
}
