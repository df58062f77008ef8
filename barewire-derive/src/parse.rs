//! From the Rust item to the model; everything wrong is collected on the way.

use std::collections::HashMap;

use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Data, DataEnum, DeriveInput, Expr, GenericParam, Lifetime, LitInt, LitStr};

use crate::attributes::{Attributes, Place};
use crate::check::{self, Context, Errors, error, error_at};
use crate::model::{Caps, Field, Fields, Item, Member, Payload, Shape, Variant};
use crate::names;

/// The item as the model; the path of barewire comes back in either case, for the stub.
pub(crate) fn item(input: &DeriveInput) -> (syn::Path, syn::Result<Item>) {
    let mut errors = Errors::default();
    let attributes = Attributes::parse(&input.attrs, Place::Item, &mut errors);
    let crate_path = attributes
        .crate_path
        .unwrap_or_else(|| syn::parse_quote_spanned!(input.ident.span()=> ::barewire));
    let lifetime = generics(input, &mut errors);
    if check::SCALARS.contains(&names::plain(&input.ident).as_str()) {
        errors.push(error(
            &input.ident,
            &format!("`{}` hides Rust's own type of that name", input.ident),
            "give the type another name; #[bare(rename = \"..\")] sets the one in the schema",
        ));
    }
    let name = errors.keep(named(
        &input.ident,
        attributes.rename.as_ref(),
        names::type_name,
        names::is_type_name,
        "a type's name in BARE is a capital letter, then letters and digits",
    ));
    let context = Context {
        owner: &input.ident,
        lifetimes: input.generics.lifetimes().map(|l| &l.lifetime).collect(),
    };
    let shape = match &data_of(input) {
        Ok(Data::Struct(data)) => structure(input, data, &context, &mut errors),
        Ok(Data::Enum(data)) => enumeration(input, data, &context, &mut errors),
        Ok(Data::Union(_)) => None,
        Err(error) => {
            errors.push(error.clone());
            None
        }
    };
    let result = match (name, shape) {
        (Some(name), Some(shape)) => errors.finish(Item {
            crate_path: crate_path.clone(),
            visibility: input.vis.clone(),
            ident: input.ident.clone(),
            name,
            lifetime,
            shape,
        }),
        _ => errors.finish(()).and_then(|()| {
            Err(error(&input.ident, "this type has no BARE schema", "simplify the declaration"))
        }),
    };
    (crate_path, result)
}

fn data_of(input: &DeriveInput) -> syn::Result<&Data> {
    match &input.data {
        Data::Union(data) => Err(error(
            data.union_token,
            "a Rust union does not say which member it holds",
            "use an enum with data: it becomes a BARE union with a tag",
        )),
        data => Ok(data),
    }
}

fn generics(input: &DeriveInput, errors: &mut Errors) -> Option<Lifetime> {
    let mut lifetime = None;
    for parameter in &input.generics.params {
        match parameter {
            GenericParam::Lifetime(found) if lifetime.is_none() => {
                lifetime = Some(found.lifetime.clone());
            }
            GenericParam::Lifetime(found) => errors.push(error(
                found,
                "a message borrows from one input, so it has one lifetime",
                "use the same lifetime for all fields",
            )),
            GenericParam::Type(found) => errors.push(error(
                found,
                "a schema is of one type: it cannot have type parameters",
                "write one struct for each type that you send",
            )),
            GenericParam::Const(found) => errors.push(error(
                found,
                "a schema is of one type: it cannot have const parameters",
                "write the length in the type, as in [u8; 16]",
            )),
        }
    }
    lifetime
}

/// The name in the schema: the one given, or the Rust name in BARE's form.
fn named(
    ident: &syn::Ident,
    rename: Option<&LitStr>,
    convert: fn(&str) -> String,
    valid: fn(&str) -> bool,
    rule: &str,
) -> syn::Result<String> {
    match rename {
        Some(given) if valid(&given.value()) => Ok(given.value()),
        Some(given) => Err(error(given, &format!("`{}` is no such name", given.value()), rule)),
        None => {
            let name = convert(&names::plain(ident));
            if valid(&name) {
                return Ok(name);
            }
            let help = format!("{rule}: say which with #[bare(rename = \"..\")]");
            Err(error(ident, &format!("`{ident}` cannot be a name in BARE"), &help))
        }
    }
}

fn structure(
    input: &DeriveInput,
    data: &syn::DataStruct,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<Shape> {
    if data.fields.is_empty() {
        errors.push(error(
            &input.ident,
            "a struct in BARE has at least one field",
            "add a field; to say that something happened, use a variant of an enum",
        ));
        return None;
    }
    let newtype = matches!(&data.fields, syn::Fields::Unnamed(found) if found.unnamed.len() == 1);
    let mut fields = fields(&data.fields, context, errors);
    if newtype {
        return fields.fields.pop().map(Box::new).map(Shape::Newtype);
    }
    Some(Shape::Struct(fields))
}

fn fields(found: &syn::Fields, context: &Context<'_>, errors: &mut Errors) -> Fields {
    let mut seen: HashMap<String, ()> = HashMap::new();
    let mut fields = Vec::new();
    for (position, found) in found.iter().enumerate() {
        let Some(field) = field(found, position, context, errors) else {
            continue;
        };
        if seen.insert(field.name.clone(), ()).is_some() {
            errors.push(error(
                found
                    .ident
                    .as_ref()
                    .map_or_else(|| found.ty.to_token_stream(), |i| quote::quote!(#i)),
                &format!("the field `{}` is there twice in the schema", field.name),
                "give one of the two another name with #[bare(rename = \"..\")]",
            ));
        }
        fields.push(field);
    }
    Fields { fields, named: matches!(found, syn::Fields::Named(_)) }
}

fn field(
    found: &syn::Field,
    position: usize,
    context: &Context<'_>,
    errors: &mut Errors,
) -> Option<Field> {
    let mut own = Errors::default();
    let attributes = Attributes::parse(&found.attrs, Place::Field, &mut own);
    let ident = match &found.ident {
        Some(ident) => ident.clone(),
        None => quote::format_ident!("field{}", position, span = found.ty.span()),
    };
    let member = match &found.ident {
        Some(ident) => syn::Member::Named(ident.clone()),
        None => syn::Member::Unnamed(syn::Index {
            index: u32::try_from(position).unwrap_or(u32::MAX),
            span: found.ty.span(),
        }),
    };
    // One field, one error: the first check that fails is the one that is told.
    let checked = own.finish(()).and_then(|()| {
        check::field_type(&found.ty, context)?;
        let varint = attributes.varint.map(|span| check::varint(&found.ty, span)).transpose()?;
        let caps = check::caps(&found.ty, &attributes.caps)?;
        let name = named(
            &ident,
            attributes.rename.as_ref(),
            str::to_owned,
            names::is_field_name,
            "a field's name in BARE is a small letter, then letters, digits and underscores",
        )?;
        Ok((varint, caps, name))
    });
    let (varint, caps, name) = errors.keep(checked)?;
    Some(Field {
        visibility: found.vis.clone(),
        member,
        ident,
        name,
        ty: found.ty.clone(),
        caps,
        varint,
        docs: docs(&found.attrs),
    })
}

fn docs(attributes: &[syn::Attribute]) -> Vec<syn::Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect()
}

/// A literal whole number that is not negative.
pub(crate) fn whole_number(value: &Expr, what: &str) -> syn::Result<LitInt> {
    if let Expr::Unary(unary) = value
        && matches!(unary.op, syn::UnOp::Neg(_))
    {
        return Err(error(value, &format!("{what} cannot be negative"), "count from 0"));
    }
    if let Expr::Lit(literal) = value
        && let syn::Lit::Int(number) = &literal.lit
    {
        number.base10_parse::<u64>().map_err(|_| {
            error(value, &format!("{what} is at most 18446744073709551615"), "use a smaller one")
        })?;
        return Ok(number.clone());
    }
    let message = format!("{what} must be written as a number");
    Err(error(value, &message, "the schema needs it before constants have values: write it out"))
}

/// Numbers ascend: the written one if it is more than the last, otherwise the last plus one.
fn ascending(
    written: Option<&LitInt>,
    last: Option<u64>,
    span: proc_macro2::Span,
    what: &str,
) -> syn::Result<u64> {
    let Some(number) = written else {
        return match last {
            None => Ok(0),
            Some(last) => last.checked_add(1).ok_or_else(|| {
                error_at(span, &format!("there is no {what} after {last}"), "use smaller numbers")
            }),
        };
    };
    let value = number.base10_parse::<u64>()?;
    match last {
        Some(last) if value == last => Err(error(
            number,
            &format!("the {what} {value} is there twice"),
            &format!("give each its own, in ascending order: {}", last.saturating_add(1)),
        )),
        Some(last) if value < last => Err(error(
            number,
            &format!("the {what} {value} comes after {last}: they must ascend"),
            "sort the variants by their numbers, lowest first",
        )),
        _ => Ok(value),
    }
}

fn enumeration(
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
        return Some(Shape::Enum(members(data, errors)));
    }
    let mut variants = variants(data, context, errors);
    if errors.is_empty() {
        name_the_twins(input, &mut variants);
    }
    Some(Shape::Union(variants))
}

fn members(data: &DataEnum, errors: &mut Errors) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
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
                names::shouting,
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
        let tag = own.finish(()).and_then(|()| {
            let written = match (&attributes.tag, &variant.discriminant) {
                (Some(tag), _) => Some(tag.clone()),
                (None, Some((_, value))) => Some(whole_number(value, "a tag")?),
                (None, None) => None,
            };
            let tag = ascending(written.as_ref(), last, variant.ident.span(), "tag")?;
            last = Some(tag);
            Ok(tag)
        });
        let tag = errors.keep(tag);
        let payload = payload(variant, context, errors);
        if let (Some(tag), Some(payload)) = (tag, payload) {
            let docs = docs(&variant.attrs);
            let ident = variant.ident.clone();
            variants.push(Variant { ident, tag, alias: None, payload, docs });
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
            let mut fields = fields(found, context, errors);
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
    let written: Vec<String> = variants.iter().map(written).collect();
    for (variant, own) in variants.iter_mut().zip(&written) {
        if written.iter().filter(|other| *other == own).count() > 1 {
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
    }
}
