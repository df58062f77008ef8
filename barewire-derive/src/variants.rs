//! Enums: the members of BARE enums, and the variants that become members of unions.

use quote::ToTokens as _;
use syn::{DataEnum, DeriveInput};

use crate::attributes::{Attributes, Place};
use crate::check::{Context, Errors, error};
use crate::model::{Caps, Field, Member, Payload, Shape, Variant};
use crate::parse::{ascending, docs, fields, named, whole_number};
use crate::{names, rules};

pub(crate) fn enumeration(
    input: &DeriveInput,
    data: &DataEnum,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<Shape> {
    if data.variants.is_empty() {
        errors.push(error(
            &input.ident,
            "an enum in BARE has at least one member",
            "add a variant",
        ));
        return None;
    }
    let plain = data.variants.iter().all(|variant| matches!(variant.fields, syn::Fields::Unit));
    if plain {
        return Some(Shape::Enum(members(data, context, errors)));
    }
    let mut variants = variants(data, context, errors);
    if errors.is_empty() {
        name_the_twins(input, &mut variants);
    }
    Some(Shape::Union(variants))
}

/// The cases of `rename_all` that give names of an enum's members.
const MEMBER_CASES: &[rules::Case] =
    &[("SCREAMING_SNAKE_CASE", names::shouting), ("UPPERCASE", names::flat_shouting)];

fn members(data: &DataEnum, context: &Context<'_>, errors: &mut Errors) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    let convert = match context.rename_all.map(|given| rules::case(given, MEMBER_CASES)) {
        Some(Ok(convert)) => convert,
        Some(Err(error)) => {
            errors.push(error);
            return members;
        }
        None => names::shouting,
    };
    let mut last = None;
    for variant in &data.variants {
        let mut own = Errors::default();
        let attributes = Attributes::parse(&variant.attrs, Place::Member, &mut own);
        let result = own.finish(()).and_then(|()| {
            let written = variant
                .discriminant
                .as_ref()
                .map(|(_, value)| whole_number(value, "the value of an enum"))
                .transpose()?;
            let value = ascending(written.as_ref(), last, variant.ident.span(), "value")?;
            last = Some(value);
            let name = named(
                &variant.ident,
                attributes.rename.as_ref(),
                convert,
                names::is_member_name,
                "a member's name in BARE is a capital letter, then capitals, digits and `_`",
            )?;
            if let Some(twin) = members.iter().find(|member| member.name == name) {
                return Err(error(
                    &variant.ident,
                    &format!("`{}` and `{}` are both {name} in BARE", twin.ident, variant.ident),
                    "give one of the two another name with #[bare(rename = \"..\")]",
                ));
            }
            Ok(Member { ident: variant.ident.clone(), name, value })
        });
        members.extend(errors.keep(result));
    }
    members
}

fn variants(data: &DataEnum, context: &Context<'_>, errors: &mut Errors) -> Vec<Variant> {
    let mut variants = Vec::new();
    let mut last = None;
    for variant in &data.variants {
        let mut own = Errors::default();
        let attributes = Attributes::parse(&variant.attrs, Place::Variant, &mut own);
        let mut alias = None;
        let tag = own.finish(()).and_then(|()| {
            let written = match (&attributes.tag, &variant.discriminant) {
                (Some(tag), _) => Some(tag.clone()),
                (None, Some((_, value))) => Some(whole_number(value, "a tag")?),
                (None, None) => None,
            };
            let tag = ascending(written.as_ref(), last, variant.ident.span(), "tag")?;
            last = Some(tag);
            if attributes.rename.is_some() {
                alias = Some(named(
                    &variant.ident,
                    attributes.rename.as_ref(),
                    names::type_name,
                    names::is_type_name,
                    "a type's name in BARE is a capital letter, then letters and digits",
                )?);
            }
            Ok(tag)
        });
        let tag = errors.keep(tag);
        let payload = payload(variant, context, errors);
        if let (Some(tag), Some(payload)) = (tag, payload) {
            let docs = docs(&variant.attrs);
            let ident = variant.ident.clone();
            variants.push(Variant { ident, tag, alias, payload, docs });
        }
    }
    variants
}

fn payload(variant: &syn::Variant, context: &Context<'_>, errors: &mut Errors) -> Option<Payload> {
    match &variant.fields {
        syn::Fields::Unit => Some(Payload::Void),
        found if found.is_empty() => {
            errors.push(error(
                variant,
                "a variant with empty brackets",
                &format!("write `{}` without brackets", variant.ident),
            ));
            None
        }
        found => {
            let single = matches!(found, syn::Fields::Unnamed(found) if found.unnamed.len() == 1);
            let before = errors.count();
            let mut fields = fields(found, context, errors);
            if fields.fields.is_empty() {
                if errors.count() == before {
                    let help = "remove `skip` from one of them, or write the variant without data";
                    errors.push(error(variant, "all fields of this variant are skipped", help));
                }
                return None;
            }
            if single {
                return fields.fields.pop().map(Box::new).map(Payload::Single);
            }
            Some(Payload::Struct(fields))
        }
    }
}

/// BARE refuses a union with two members written alike, `u8 | u8`. Each of such members
/// becomes a type of its own, named after the enum and the variant.
fn name_the_twins(input: &DeriveInput, variants: &mut [Variant]) {
    let written: Vec<String> = variants
        .iter()
        .map(|variant| variant.alias.clone().unwrap_or_else(|| written(variant)))
        .collect();
    for (variant, own) in variants.iter_mut().zip(&written) {
        if variant.alias.is_none() && written.iter().filter(|other| *other == own).count() > 1 {
            let name = format!("{}_{}", names::plain(&input.ident), names::plain(&variant.ident));
            variant.alias = Some(names::camel(&name));
        }
    }
}

fn written(variant: &Variant) -> String {
    let one = |field: &Field| {
        let caps = caps_text(&field.caps);
        format!("{} {caps} {}", field.ty.to_token_stream(), field.varint.is_some())
    };
    match &variant.payload {
        Payload::Void => "void".to_owned(),
        Payload::Single(field) => one(field),
        Payload::Struct(fields) => {
            fields.fields.iter().map(|field| format!("{}: {};", field.name, one(field))).collect()
        }
    }
}

fn caps_text(caps: &Caps) -> String {
    match caps {
        Caps::None => String::new(),
        Caps::Max(max, inner) => format!("{max}({})", caps_text(inner)),
        Caps::Pair(key, value) => format!("{},{}", caps_text(key), caps_text(value)),
        // The marker is one for each place.
        Caps::Tuple(tuple) => {
            tuple.fields.fields.iter().map(|field| caps_text(&field.caps) + ",").collect()
        }
    }
}
