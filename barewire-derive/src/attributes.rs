//! The `#[bare(...)]` attributes: parsed once, each key known for its place.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::parse::Parse as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, ExprPath, ExprRange, LitInt, LitStr};

use crate::check::{Errors, error, error_at};
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
            Place::Item => {
                const KEYS: [&str; 7] = [
                    "rename",
                    "rename_all",
                    "validate",
                    "align",
                    "capacities",
                    "compatible_with",
                    "crate",
                ];
                &KEYS
            }
            Place::Field => &[
                "max", "item", "key", "value", "varint", "rename", "range", "validate", "skip",
                "default", "align",
            ],
            Place::Variant => &["tag", "rename"],
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

const ALL_KEYS: [&str; 16] = [
    "max",
    "item",
    "key",
    "value",
    "varint",
    "tag",
    "rename",
    "rename_all",
    "range",
    "validate",
    "skip",
    "default",
    "align",
    "capacities",
    "compatible_with",
    "crate",
];

/// The number in `field3`, the name of a part of a tuple.
fn part(key: &str) -> Option<usize> {
    key.strip_prefix("field")?.parse().ok()
}

/// What the attributes of one place say.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) caps: CapAttributes,
    pub(crate) varint: Option<Span>,
    pub(crate) tag: Option<LitInt>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) crate_path: Option<syn::Path>,
    pub(crate) rename_all: Option<LitStr>,
    pub(crate) range: Option<(Span, ExprRange)>,
    pub(crate) validate: Option<ExprPath>,
    pub(crate) skip: Option<Span>,
    pub(crate) default: Option<(Span, Expr)>,
    pub(crate) align: Option<LitInt>,
    pub(crate) capacities: Option<(Span, Vec<Expr>)>,
    pub(crate) compatible_with: Option<LitStr>,
}

/// `max`, and what `item`, `key` and `value` say of the things inside.
#[derive(Default)]
pub(crate) struct CapAttributes {
    pub(crate) max: Option<(Span, Expr)>,
    pub(crate) item: Option<(Span, Box<CapAttributes>)>,
    pub(crate) key: Option<(Span, Box<CapAttributes>)>,
    pub(crate) value: Option<(Span, Box<CapAttributes>)>,
    /// Of a tuple's parts, by their place.
    pub(crate) parts: BTreeMap<usize, (Span, Box<CapAttributes>)>,
}

impl CapAttributes {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        let inner = [&self.item, &self.key, &self.value];
        self.max.is_none() && inner.iter().all(|inner| inner.is_none()) && self.parts.is_empty()
    }

    fn parse_key(&mut self, key: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let span = meta.path.span();
        if key == "max" {
            let value = value_of(meta)?;
            check_max(&value)?;
            return set(&mut self.max, (span, value), span, key);
        }
        let mut inner = CapAttributes::default();
        meta.parse_nested_meta(|meta| {
            let key = key_of(&meta);
            if !["max", "item", "key", "value"].contains(&key.as_str()) && part(&key).is_none() {
                return Err(unknown(&key, meta.path.span(), &["max", "item", "key", "value"]));
            }
            inner.parse_key(&key, &meta)
        })?;
        if let Some(index) = part(key) {
            return match self.parts.insert(index, (span, Box::new(inner))) {
                Some(_) => Err(twice(span, key)),
                None => Ok(()),
            };
        }
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
        return Err(twice(span, key));
    }
    *slot = Some(value);
    Ok(())
}

fn twice(span: Span, key: &str) -> syn::Error {
    error_at(span, &format!("`{key}` is said twice"), "keep one of the two")
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
        "between" | "min" => Some("range"),
        "check" | "with" | "validator" => Some("validate"),
        "ignore" | "transient" => Some("skip"),
        "case" => Some("rename_all"),
        "alignas" | "aligned" | "alignment" => Some("align"),
        "compatible" | "compat" => Some("compatible_with"),
        "capacity_of" | "instances" => Some("capacities"),
        _ => None,
    };
    let guess = synonym.filter(|s| known.contains(s)).or_else(|| names::nearest(key, known));
    let help = match guess {
        Some(guess) => format!("did you mean `{guess}`? The keys here are {list}"),
        None => format!("the keys here are {list}"),
    };
    error_at(span, &format!("unknown key `{key}` in #[bare(..)]"), &help)
}

/// What stands behind the `=` of a key.
fn value_of(meta: &ParseNestedMeta<'_>) -> syn::Result<Expr> {
    let value: Expr = meta.value()?.parse()?;
    Ok(ungrouped(&value).clone())
}

/// The expression itself: one that went through `macro_rules!` has a group around it.
pub(crate) fn ungrouped(mut value: &Expr) -> &Expr {
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    value
}

/// A text in quotes.
fn text(meta: &ParseNestedMeta<'_>, what: &str) -> syn::Result<LitStr> {
    let value = value_of(meta)?;
    if let Expr::Lit(literal) = &value
        && let syn::Lit::Str(text) = &literal.lit
    {
        return Ok(text.clone());
    }
    let key = key_of(meta);
    Err(error(value, &format!("`{key}` takes {what}"), "write it in quotes"))
}

fn range(meta: &ParseNestedMeta<'_>) -> syn::Result<ExprRange> {
    let value = value_of(meta)?;
    let help = "write the values that are allowed, as in `range = 0..=100`";
    let Expr::Range(range) = &value else {
        return Err(error(value, "`range` takes a range", help));
    };
    let (start, end) = (range.start.as_deref(), range.end.as_deref());
    if start.is_none() && end.is_none() {
        return Err(error(value, "this range holds every value", help));
    }
    let number = |bound: Option<&Expr>| match bound {
        Some(Expr::Lit(literal)) => match &literal.lit {
            syn::Lit::Int(number) => number.base10_parse::<u128>().ok(),
            _ => None,
        },
        _ => None,
    };
    if let (Some(start), Some(end)) = (number(start), number(end))
        && (start > end || start == end && matches!(range.limits, syn::RangeLimits::HalfOpen(_)))
    {
        return Err(error(&value, "no value is in this range", help));
    }
    Ok(range.clone())
}

fn alignment(meta: &ParseNestedMeta<'_>) -> syn::Result<LitInt> {
    let value = value_of(meta)?;
    let number = crate::parse::whole_number(&value, "an alignment")?;
    match number.base10_parse::<u64>()? {
        align if barewire_schema::is_alignment(align) => {
            Ok(LitInt::new(number.base10_digits(), number.span()))
        }
        align if align.is_power_of_two() => Err(error(
            value,
            &format!("an alignment is at most {}", barewire_schema::MAX_ALIGN),
            "write `align = 64`: that is a line of the cache",
        )),
        _ => Err(error(
            value,
            "an alignment is a power of two",
            "write 16 or 32, or 64 for a line of the cache",
        )),
    }
}

fn validator(meta: &ParseNestedMeta<'_>) -> syn::Result<ExprPath> {
    let value = value_of(meta)?;
    match value {
        Expr::Path(path) => Ok(path),
        Expr::Lit(_) => Err(error(
            value,
            "`validate` takes the path of a function",
            "write it without quotes: `validate = is_valid`",
        )),
        _ => Err(error(
            value,
            "`validate` takes the path of a function",
            "name one that takes a reference and returns bool or Result<(), &'static str>",
        )),
    }
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
        let of_tuple = matches!(place, Place::Field) && part(&key).is_some();
        if !place.keys().contains(&key.as_str()) && !of_tuple {
            if !ALL_KEYS.contains(&key.as_str()) {
                return Err(unknown(&key, span, place.keys()));
            }
            let help = match (place, key.as_str()) {
                (Place::Member, "tag") => "give the variant a value: `Name = 5`",
                (Place::Item, "tag") | (Place::Field, "tag") => "`tag` stands on a variant",
                (_, "crate" | "rename_all" | "capacities" | "compatible_with") => {
                    "put it on the type"
                }
                _ => "put it on the field that it is about",
            };
            let message = format!("`{key}` says nothing on {}", place.describe());
            return Err(error_at(span, &message, help));
        }
        match key.as_str() {
            "varint" => set(&mut self.varint, span, span, &key),
            "tag" => {
                let value = value_of(meta)?;
                let tag = crate::parse::whole_number(&value, "a tag")?;
                set(&mut self.tag, tag, span, &key)
            }
            "rename" => set(&mut self.rename, text(meta, "a name")?, span, &key),
            "rename_all" => set(&mut self.rename_all, text(meta, "a case")?, span, &key),
            "compatible_with" => set(&mut self.compatible_with, text(meta, "a file")?, span, &key),
            "range" => set(&mut self.range, (span, range(meta)?), span, &key),
            "validate" => set(&mut self.validate, validator(meta)?, span, &key),
            "skip" => set(&mut self.skip, span, span, &key),
            "align" => set(&mut self.align, alignment(meta)?, span, &key),
            "default" => {
                let value: Expr = match meta.value() {
                    Ok(value) => value.parse()?,
                    Err(_) => {
                        return Err(error_at(
                            span,
                            "`default` says nothing alone: BARE has no missing fields",
                            "a skipped field gets its `Default` anyway; for another value write \
                             `skip, default = EXPRESSION`",
                        ));
                    }
                };
                set(&mut self.default, (span, value), span, &key)
            }
            "capacities" => {
                let content;
                syn::parenthesized!(content in meta.input);
                let list = content.parse_terminated(Expr::parse, syn::Token![,])?;
                set(&mut self.capacities, (span, list.into_iter().collect()), span, &key)
            }
            "crate" => {
                let path = text(meta, "a path")?;
                let path = path.parse_with(syn::Path::parse_mod_style)?;
                set(&mut self.crate_path, path, span, &key)
            }
            _ => self.caps.parse_key(&key, meta),
        }
    }
}
