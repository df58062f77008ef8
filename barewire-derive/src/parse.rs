//! From the Rust item to the model; everything wrong is collected on the way.

use std::cell::Cell;
use std::collections::HashSet;

use barewire_schema::Schema;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Expr, GenericParam, Lifetime, LitInt, LitStr};

use crate::attributes::{Attributes, Place, ungrouped};
use crate::check::{self, Context, Errors, error, error_at};
use crate::files::File;
use crate::model::{Field, Fields, Item, Older, Shape};
use crate::variants::enumeration;
use crate::{caps, names, rules};

/// The item as the model; the path of barewire comes back in either case, for the stub.
pub(crate) fn item(input: &DeriveInput) -> (syn::Path, syn::Result<Item>) {
    let mut errors = Errors::default();
    let attributes = Attributes::parse(&input.attrs, Place::Item, &mut errors);
    let crate_path = attributes
        .crate_path
        .unwrap_or_else(|| syn::parse_quote_spanned!(input.ident.span()=> ::barewire));
    let (lifetime, consts) = generics(input, &mut errors);
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
        generic: !consts.is_empty(),
        visibility: &input.vis,
        rename_all: attributes.rename_all.as_ref(),
        core: quote::quote!(#crate_path::__private::core),
        numbers: Cell::new(0),
        lacks_lifetime: Cell::new(false),
    };
    let mut shape = match &data_of(input) {
        Ok(Data::Struct(data)) => structure(input, data, &context, &mut errors),
        Ok(Data::Enum(data)) => enumeration(input, data, &context, &mut errors),
        Ok(Data::Union(_)) => None,
        Err(error) => {
            errors.push(error.clone());
            None
        }
    };
    if let Some(shape) = &mut shape {
        errors.keep(rules::align(attributes.align.as_ref(), shape, &context));
    }
    if let (Some(rename_all), Some(Shape::Newtype(_))) = (&attributes.rename_all, &shape) {
        let help = "remove it: the inner type has names of its own";
        errors.push(error(rename_all, "there is no name for `rename_all` to change", help));
    }
    let instances = attributes.capacities.as_ref().map_or(Ok(Vec::new()), |(span, list)| {
        capacities(*span, list, &consts, input.generics.lifetimes().next().is_some())
    });
    let capacities = errors.keep(instances).unwrap_or_default();
    let compatible_with = attributes.compatible_with.as_ref().zip(name.as_ref());
    let compatible_with = compatible_with.and_then(|(file, name)| {
        if consts.is_empty() {
            return errors.keep(older(file, name));
        }
        let help = "put it on a type without parameters that uses this one";
        errors.push(error(file, "a type with capacities is no single type to compare", help));
        None
    });
    let result = match (name, shape) {
        (Some(name), Some(shape)) => errors.finish(Item {
            crate_path: crate_path.clone(),
            visibility: input.vis.clone(),
            ident: input.ident.clone(),
            name,
            lifetime,
            consts,
            capacities,
            validate: attributes.validate,
            compatible_with,
            lacks_lifetime: context.lacks_lifetime.get(),
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

fn generics(input: &DeriveInput, errors: &mut Errors) -> (Option<Lifetime>, Vec<syn::Ident>) {
    let (mut lifetime, mut consts) = (None, Vec::new());
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
            GenericParam::Const(found) if is_usize(&found.ty) => consts.push(found.ident.clone()),
            GenericParam::Const(found) => errors.push(error(
                &found.ty,
                "a parameter of a schema is a capacity, and capacities are usize",
                &format!("write `const {}: usize`", found.ident),
            )),
        }
    }
    if let Some(clause) = &input.generics.where_clause {
        let help = "remove it: what a field must keep is said by `range` and `validate`";
        errors.push(error(clause, "a schema has no conditions", help));
    }
    (lifetime, consts)
}

fn is_usize(ty: &syn::Type) -> bool {
    matches!(check::peel(ty), syn::Type::Path(path) if path.path.is_ident("usize"))
}

/// The numbers of each instance that has a fixed layout.
fn capacities(
    span: proc_macro2::Span,
    list: &[Expr],
    consts: &[syn::Ident],
    borrows: bool,
) -> syn::Result<Vec<Vec<LitInt>>> {
    let Some(first) = consts.first() else {
        return Err(error_at(
            span,
            "`capacities` is for a type with parameters, and this has none",
            "write `struct Name<const N: usize>`, or remove it",
        ));
    };
    if borrows {
        let help = "remove it: only a type that owns its fields has a layout";
        return Err(error_at(span, "a type that borrows has no fixed layout", help));
    }
    let parameters = consts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut instances: Vec<Vec<LitInt>> = Vec::new();
    for given in list {
        let numbers: Vec<&Expr> = match given {
            Expr::Tuple(tuple) => tuple.elems.iter().collect(),
            Expr::Paren(paren) => vec![&paren.expr],
            one => vec![one],
        };
        if numbers.len() != consts.len() {
            let message = format!("a capacity for each parameter is needed: {parameters}");
            let help = match consts.len() {
                1 => format!("write the values of {first}: `capacities(64, 256)`"),
                _ => format!("write `capacities(({parameters}), ..)` with numbers"),
            };
            return Err(error(given, &message, &help));
        }
        let numbers: syn::Result<Vec<LitInt>> =
            numbers.into_iter().map(|number| whole_number(number, "a capacity")).collect();
        let numbers = numbers?;
        let digits = |list: &[LitInt]| list.iter().map(|n| n.base10_digits().to_owned()).collect();
        let own: Vec<String> = digits(&numbers);
        if instances.iter().any(|known| own == digits(known) as Vec<String>) {
            return Err(error(given, "this capacity is there twice", "keep one of the two"));
        }
        instances.push(numbers);
    }
    if instances.is_empty() {
        let help = format!("write the values of {parameters} that you use: `capacities(64, 256)`");
        return Err(error_at(span, "no capacity is listed", &help));
    }
    Ok(instances)
}

/// The type of that name in an older schema.
fn older(name: &LitStr, wanted: &str) -> syn::Result<Older> {
    let file = File::read(name)?;
    let schema = Schema::read(name.value(), &file.text).map_err(|errors| {
        let place = errors.to_string();
        let place = place.lines().next().unwrap_or_default();
        let message = format!("{}:{place}", name.value());
        error(name, &message, "correct the file")
    })?;
    let Some(ty) = schema.get(wanted).cloned() else {
        let known: Vec<&str> = schema.types().map(|(name, _)| name).collect();
        let help = match names::nearest(wanted, &known) {
            Some(guess) => format!("did you mean `{guess}`? Say so with #[bare(rename = \"..\")]"),
            None => format!("it has {}", known.join(", ")),
        };
        let message = format!("{} has no type named `{wanted}`", name.value());
        return Err(error(name, &message, &help));
    };
    let ty =
        barewire_schema::Type::User { name: wanted.to_owned().into(), definition: Some(ty.into()) };
    Ok(Older { file, ty })
}

/// The name in the schema: the one given, or the Rust name in BARE's form.
pub(crate) fn named(
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
    let before = errors.count();
    let mut fields = fields(&data.fields, context, errors);
    if fields.fields.is_empty() && errors.count() == before {
        errors.push(error(
            &input.ident,
            "a struct in BARE has at least one field, and all of these are skipped",
            "remove `skip` from one of them",
        ));
        return None;
    }
    if newtype {
        return fields.fields.pop().map(Box::new).map(Shape::Newtype);
    }
    Some(Shape::Struct(fields))
}

/// The cases of `rename_all` that give names of fields.
pub(crate) const FIELD_CASES: &[rules::Case] =
    &[("camelCase", names::small_camel), ("snake_case", names::snake), ("lowercase", names::flat)];

pub(crate) fn fields(found: &syn::Fields, context: &Context<'_>, errors: &mut Errors) -> Fields {
    let mut fields = Fields { fields: Vec::new(), skipped: Vec::new(), tuple: false };
    let convert = match context.rename_all {
        Some(given) => match rules::case(given, FIELD_CASES) {
            Ok(convert) => convert,
            Err(error) => {
                errors.push_once(error);
                return fields;
            }
        },
        None => str::to_owned,
    };
    let mut seen: HashSet<String> = HashSet::new();
    for (position, found) in found.iter().enumerate() {
        let Some(field) = field(found, position, convert, context, &mut fields, errors) else {
            continue;
        };
        if !seen.insert(field.name.clone()) {
            errors.push(error(
                found
                    .ident
                    .as_ref()
                    .map_or_else(|| found.ty.to_token_stream(), |i| quote::quote!(#i)),
                &format!("the field `{}` is there twice in the schema", field.name),
                "give one of the two another name with #[bare(rename = \"..\")]",
            ));
        }
        fields.fields.push(field);
    }
    fields
}

fn field(
    found: &syn::Field,
    position: usize,
    convert: fn(&str) -> String,
    context: &Context<'_>,
    fields: &mut Fields,
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
        if rules::skip(&found.ty, &member, &attributes, fields, context)? {
            return Ok(None);
        }
        check::field_type(&found.ty, context)?;
        let varint = attributes.varint.map(|span| check::varint(&found.ty, span)).transpose()?;
        rules::range(&found.ty, &attributes)?;
        let caps = caps::caps(&found.ty, &attributes.caps, context)?;
        let name = named(
            &ident,
            attributes.rename.as_ref(),
            convert,
            names::is_field_name,
            "a field's name in BARE is a small letter, then letters, digits and underscores",
        )?;
        Ok(Some((varint, caps, name)))
    });
    let (varint, caps, name) = errors.keep(checked).flatten()?;
    Some(Field {
        visibility: found.vis.clone(),
        member,
        ident,
        name,
        ty: found.ty.clone(),
        caps,
        varint,
        align: attributes.align,
        rule: (attributes.range.is_some() || attributes.validate.is_some())
            .then(|| quote::format_ident!("__{}Rule{}", context.owner, context.number())),
        range: attributes.range.map(|(_, range)| range),
        validate: attributes.validate,
        docs: docs(&found.attrs),
    })
}

pub(crate) fn docs(attributes: &[syn::Attribute]) -> Vec<syn::Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect()
}

/// A literal whole number that is not negative.
pub(crate) fn whole_number(value: &Expr, what: &str) -> syn::Result<LitInt> {
    let value = ungrouped(value);
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
pub(crate) fn ascending(
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
