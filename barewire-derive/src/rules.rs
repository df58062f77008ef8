//! What `range`, `validate`, `skip` and `default` may stand on.

use quote::{quote, quote_spanned};
use syn::LitInt;
use syn::spanned::Spanned as _;

use crate::attributes::Attributes;
use crate::check::{self, Context, error, error_at};
use crate::model::{Fields, Payload, Shape};

/// Refuses a range on what is known to be no number.
pub(crate) fn range(ty: &syn::Type, attributes: &Attributes) -> syn::Result<()> {
    let Some((span, range)) = &attributes.range else {
        return Ok(());
    };
    let floats = check::float(ty);
    for bound in [&range.start, &range.end].into_iter().flatten() {
        let syn::Expr::Lit(literal) = &**bound else {
            continue;
        };
        match (&literal.lit, floats) {
            (syn::Lit::Float(_), Some(false)) => {
                return Err(error(bound, "the field is no float", "write whole numbers"));
            }
            (syn::Lit::Int(number), Some(true)) if number.suffix().is_empty() => {
                return Err(error(
                    bound,
                    "the field is a float, and this is a whole number",
                    &format!("write `{number}.0`"),
                ));
            }
            _ => {}
        }
    }
    match check::no_number(ty) {
        Some(what) => Err(error_at(
            *span,
            &format!("`range` is for numbers, and this is {what}"),
            "write `validate = path` with a function that checks the value",
        )),
        None => Ok(()),
    }
}

/// Keeps a field out of the schema if it says so; `true` if it does.
pub(crate) fn skip(
    ty: &syn::Type,
    member: &syn::Member,
    attributes: &Attributes,
    fields: &mut Fields,
    context: &Context<'_>,
) -> syn::Result<bool> {
    let Some(span) = attributes.skip else {
        return match &attributes.default {
            Some((span, _)) => Err(error_at(
                *span,
                "`default` is for a field that is skipped: BARE has no missing fields",
                "write `skip, default = ..`, or make the field an Option",
            )),
            None => Ok(false),
        };
    };
    let other = [
        (attributes.rename.is_some(), "rename"),
        (!attributes.caps.is_empty(), "max"),
        (attributes.range.is_some(), "range"),
        (attributes.validate.is_some(), "validate"),
        (attributes.varint.is_some(), "varint"),
        (attributes.align.is_some(), "align"),
    ];
    if let Some((_, key)) = other.iter().find(|(said, _)| *said) {
        return Err(error_at(
            span,
            &format!("a skipped field is not in the schema, so `{key}` says nothing"),
            &format!("remove `skip` or `{key}`"),
        ));
    }
    let core = &context.core;
    let value = match &attributes.default {
        Some((_, value)) => quote!(#value),
        None => quote_spanned!(ty.span()=> <#ty as #core::default::Default>::default()),
    };
    fields.skipped.push((member.clone(), value));
    Ok(true)
}

/// Gives the alignment of a whole struct to its first field, which is the same, and refuses any
/// that has no effect.
pub(crate) fn align(
    whole: Option<&LitInt>,
    shape: &mut Shape,
    context: &Context<'_>,
) -> syn::Result<()> {
    const INSIDE: &str = "what stands alone inside has no place of its own to align";
    const STRUCT: &str = "only a struct can be aligned, and the fields of one";
    let field = match shape {
        Shape::Newtype(field) => field.align.as_ref(),
        Shape::Union(variants) => variants.iter().find_map(|variant| match &variant.payload {
            Payload::Single(field) => field.align.as_ref(),
            _ => None,
        }),
        _ => None,
    };
    if let Some(number) = field {
        return Err(error(number, INSIDE, "put `align` on the field that this type is used in"));
    }
    if let Some(number) = whole {
        let Shape::Struct(fields) = shape else {
            return Err(error(
                number,
                STRUCT,
                "put `align` on the field that this type is used in",
            ));
        };
        let value = |number: &LitInt| number.base10_parse::<u64>().unwrap_or(0);
        if let Some(first) = fields.fields.first_mut()
            && first.align.as_ref().is_none_or(|own| value(own) < value(number))
        {
            first.align = Some(number.clone());
        }
    }
    if !context.borrows() {
        return Ok(());
    }
    let fields = match shape {
        Shape::Struct(fields) => fields.fields.as_slice(),
        _ => &[],
    };
    match fields.iter().find_map(|field| field.align.as_ref()) {
        Some(number) => {
            let help = "remove it: only a type that owns its fields has a layout";
            Err(error(number, "a type that borrows has no fixed layout", help))
        }
        None => Ok(()),
    }
}

/// A case that `rename_all` knows, and how it is made of any other.
pub(crate) type Case = (&'static str, fn(&str) -> String);

/// The conversion of names that `rename_all` asks for.
pub(crate) fn case(given: &syn::LitStr, cases: &[Case]) -> syn::Result<fn(&str) -> String> {
    let value = given.value();
    if let Some((_, convert)) = cases.iter().find(|(case, _)| *case == value) {
        return Ok(*convert);
    }
    let known: Vec<&str> = cases.iter().map(|(case, _)| *case).collect();
    let list = known.iter().map(|case| format!("\"{case}\"")).collect::<Vec<_>>().join(", ");
    let help = match crate::names::nearest(&value, &known) {
        Some(guess) => format!("did you mean \"{guess}\"? The cases here are {list}"),
        None => format!("the cases here are {list}"),
    };
    Err(error(given, &format!("\"{value}\" is no case that names in BARE can have here"), &help))
}
