//! The `#[bare(...)]` attributes: parsed once, each key known for its place.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, LitInt, LitStr};

use crate::check::{Errors, error};
use crate::names;

/// Where an attribute stands, which decides the keys it may have.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Item,
    Field,
    Variant,
    Member,
}

impl Place {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Place::Item => &["rename", "crate"],
            Place::Field => &["max", "item", "key", "value", "varint", "rename"],
            Place::Variant => &["tag"],
            Place::Member => &["rename"],
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Place::Item => "a type",
            Place::Field => "a field",
            Place::Variant => "a variant that carries data, or its siblings",
            Place::Member => "a variant of an enum without data",
        }
    }
}

const ALL_KEYS: [&str; 8] = ["max", "item", "key", "value", "varint", "tag", "rename", "crate"];

/// What the attributes of one place say.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) caps: CapAttributes,
    pub(crate) varint: Option<Span>,
    pub(crate) tag: Option<LitInt>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) crate_path: Option<syn::Path>,
}

/// `max`, and what `item`, `key` and `value` say of the things inside.
#[derive(Default)]
pub(crate) struct CapAttributes {
    pub(crate) max: Option<(Span, Expr)>,
    pub(crate) item: Option<(Span, Box<CapAttributes>)>,
    pub(crate) key: Option<(Span, Box<CapAttributes>)>,
    pub(crate) value: Option<(Span, Box<CapAttributes>)>,
}

impl CapAttributes {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.max.is_none() && self.item.is_none() && self.key.is_none() && self.value.is_none()
    }

    fn parse_key(&mut self, key: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let span = meta.path.span();
        if key == "max" {
            let value: Expr = meta.value()?.parse()?;
            check_max(&value)?;
            return set(&mut self.max, (span, value), span, key);
        }
        let mut inner = CapAttributes::default();
        meta.parse_nested_meta(|meta| {
            let key = key_of(&meta);
            if !["max", "item", "key", "value"].contains(&key.as_str()) {
                return Err(unknown(&key, meta.path.span(), &["max", "item", "key", "value"]));
            }
            inner.parse_key(&key, &meta)
        })?;
        let slot = match key {
            "item" => &mut self.item,
            "key" => &mut self.key,
            _ => &mut self.value,
        };
        set(slot, (span, Box::new(inner)), span, key)
    }
}

fn check_max(value: &Expr) -> syn::Result<()> {
    let Expr::Lit(literal) = value else {
        return match value {
            Expr::Path(_) | Expr::Block(_) | Expr::Binary(_) | Expr::Paren(_) => Ok(()),
            _ => Err(error(
                value,
                "`max` takes a whole number",
                "write `max = 64`, or name a constant of type usize",
            )),
        };
    };
    let help = "write the largest number of octets or items, as in `max = 64`";
    let syn::Lit::Int(number) = &literal.lit else {
        return Err(error(value, "`max` takes a whole number", help));
    };
    match number.base10_parse::<u32>() {
        Ok(0) => Err(error(
            value,
            "`max = 0` leaves no room for anything",
            "write a cap of at least 1, or remove the field",
        )),
        Ok(_) if !["", "usize"].contains(&number.suffix()) => {
            Err(error(value, "`max` is a usize", "write the number without a suffix"))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(error(value, "`max` is too large: a cap is at most 4294967295", help)),
    }
}

fn set<T>(slot: &mut Option<T>, value: T, span: Span, key: &str) -> syn::Result<()> {
    if slot.is_some() {
        return Err(crate::check::error_at(
            span,
            &format!("`{key}` is said twice"),
            "keep one of the two",
        ));
    }
    *slot = Some(value);
    Ok(())
}

fn key_of(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(names::plain).unwrap_or_default()
}

fn unknown(key: &str, span: Span, known: &[&str]) -> syn::Error {
    let list = known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    let synonym = match key {
        "cap" | "capacity" | "max_len" | "len" | "limit" | "size" => Some("max"),
        "items" | "element" => Some("item"),
        "name" => Some("rename"),
        "leb128" | "var" | "uint" => Some("varint"),
        "discriminant" | "id" | "index" => Some("tag"),
        _ => None,
    };
    let guess = synonym.filter(|s| known.contains(s)).or_else(|| names::nearest(key, known));
    let help = match guess {
        Some(guess) => format!("did you mean `{guess}`? The keys here are {list}"),
        None => format!("the keys here are {list}"),
    };
    crate::check::error_at(span, &format!("unknown key `{key}` in #[bare(..)]"), &help)
}

impl Attributes {
    /// Reads all `#[bare(...)]` of one place; what is wrong goes to `errors`.
    pub(crate) fn parse(attributes: &[Attribute], place: Place, errors: &mut Errors) -> Self {
        let mut out = Attributes::default();
        for attribute in attributes {
            if !attribute.path().is_ident("bare") {
                continue;
            }
            if !matches!(attribute.meta, syn::Meta::List(_)) {
                errors.push(error(
                    attribute,
                    "an attribute without keys",
                    "write `#[bare(max = 64)]`, or remove it",
                ));
                continue;
            }
            let result = attribute.parse_nested_meta(|meta| out.parse_key(&meta, place));
            if let Err(error) = result {
                errors.push(error);
            }
        }
        out
    }

    fn parse_key(&mut self, meta: &ParseNestedMeta<'_>, place: Place) -> syn::Result<()> {
        let key = key_of(meta);
        let span = meta.path.span();
        if !place.keys().contains(&key.as_str()) {
            if !ALL_KEYS.contains(&key.as_str()) {
                return Err(unknown(&key, span, place.keys()));
            }
            let help = match (place, key.as_str()) {
                (Place::Member, "tag") => "give the variant a value: `Name = 5`",
                (Place::Item, "tag") | (Place::Field, "tag") => "`tag` stands on a variant",
                (_, "crate") => "`crate` stands on the type",
                (Place::Variant, "rename") => "members of a union have no names in BARE",
                _ => "put it on the field that it is about",
            };
            let message = format!("`{key}` says nothing on {}", place.describe());
            return Err(crate::check::error_at(span, &message, help));
        }
        match key.as_str() {
            "varint" => set(&mut self.varint, span, span, &key),
            "tag" => {
                let value: Expr = meta.value()?.parse()?;
                let tag = crate::parse::whole_number(&value, "a tag")?;
                set(&mut self.tag, tag, span, &key)
            }
            "rename" => set(&mut self.rename, meta.value()?.parse()?, span, &key),
            "crate" => {
                let path: LitStr = meta.value()?.parse()?;
                let path = path.parse_with(syn::Path::parse_mod_style)?;
                set(&mut self.crate_path, path, span, &key)
            }
            _ => self.caps.parse_key(&key, meta),
        }
    }
}
