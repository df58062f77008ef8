//! The checks of a field's type, by what is written, each with what to do instead.

use std::cell::Cell;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, PathSegment, Type};

use crate::model::Varint;
use crate::names;

/// All the errors of one expansion.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Keeps the value, or the error and nothing.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// As [`push`](Self::push), unless the very same error is there already.
    pub(crate) fn push_once(&mut self, error: syn::Error) {
        let text = error.to_string();
        let known = self.0.iter().flat_map(|all| all.clone()).any(|one| one.to_string() == text);
        if !known {
            self.push(error);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().flat_map(|all| all.clone()).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn finish<T>(self, value: T) -> syn::Result<T> {
        self.0.map_or(Ok(value), Err)
    }
}

/// Whether a struct ends with something that has no size.
pub(crate) fn is_unsized(input: &syn::DeriveInput) -> bool {
    let syn::Data::Struct(data) = &input.data else { return false };
    match data.fields.iter().next_back().map(|field| peel(&field.ty)) {
        Some(Type::Slice(_) | Type::TraitObject(_)) => true,
        Some(ty) => named(ty).is_some_and(|(name, _)| name == "str"),
        None => false,
    }
}

/// An error over some tokens, with what to do.
pub(crate) fn error(tokens: impl ToTokens, message: &str, help: &str) -> syn::Error {
    syn::Error::new_spanned(tokens, format!("{message}\nhelp: {help}"))
}

/// An error at a span, with what to do.
pub(crate) fn error_at(span: Span, message: &str, help: &str) -> syn::Error {
    syn::Error::new(span, format!("{message}\nhelp: {help}"))
}

/// What stands around the type that is checked.
pub(crate) struct Context<'c> {
    /// The type being declared, for recursion.
    pub(crate) owner: &'c syn::Ident,
    /// Its lifetimes: one if it borrows, and more only in error.
    pub(crate) lifetimes: Vec<&'c syn::Lifetime>,
    /// Whether capacities are parameters of it.
    pub(crate) generic: bool,
    pub(crate) visibility: &'c syn::Visibility,
    /// What makes the names of its fields or members.
    pub(crate) rename_all: Option<&'c syn::LitStr>,
    /// The core crate in emitted code.
    pub(crate) core: TokenStream,
    /// How many names were made up, so that each is another.
    pub(crate) numbers: Cell<usize>,
    /// Whether a lifetime was missing or not declared.
    pub(crate) lacks_lifetime: Cell<bool>,
}

impl Context<'_> {
    /// Whether it borrows from its input, so that it has no fixed layout.
    pub(crate) fn borrows(&self) -> bool {
        !self.lifetimes.is_empty()
    }

    /// A number that no other name has.
    pub(crate) fn number(&self) -> usize {
        self.numbers.replace(self.numbers.get() + 1)
    }
}

/// Without the parentheses and the invisible groups.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        _ => ty,
    }
}

fn segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The name of a path type and its type arguments.
pub(crate) fn named(ty: &Type) -> Option<(String, Vec<&Type>)> {
    let segment = segment(ty)?;
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some((names::plain(&segment.ident), arguments))
}

/// The names of Rust's own types whose size is fixed.
pub(crate) const SCALARS: [&str; 11] =
    ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "bool"];

/// Why a known type cannot be a field, and what to use.
fn refused(name: &str, arguments: usize) -> Option<(&'static str, &'static str)> {
    Some(match (name, arguments) {
        ("usize", 0) => ("usize is not as wide on every machine", "use u64 or u32"),
        ("isize", 0) => ("isize is not as wide on every machine", "use i64 or i32"),
        ("char", 0) => ("BARE has no type for a char", "use u32 or String"),
        ("u128", 0) => ("BARE has no integer of 128 bits", "use u64, or [u8; 16]"),
        ("i128", 0) => ("BARE has no integer of 128 bits", "use i64, or [u8; 16]"),
        ("str", 0) => ("a str has no size of its own", "use String, or &'a str"),
        ("Rc" | "Arc", 1) => {
            ("a pointer that counts cannot leave the process", "use Box, or the type itself")
        }
        ("Cell" | "RefCell" | "Mutex" | "RwLock", 1) => {
            ("a message has no cells or locks", "use the type inside")
        }
        ("HashSet" | "BTreeSet" | "VecDeque" | "LinkedList" | "BinaryHeap", 1..) => {
            ("BARE has lists and maps only", "use Vec")
        }
        ("Instant", 0) => (
            "an Instant means nothing outside of this run of the system",
            "use SystemTime, or a Duration since something that both sides know",
        ),
        ("PathBuf" | "OsString" | "CString", 0) => {
            ("BARE's text is UTF-8 and this type may not be", "use String, or Vec<u8>")
        }
        (
            "AtomicBool" | "AtomicU8" | "AtomicU16" | "AtomicU32" | "AtomicU64" | "AtomicUsize",
            0,
        ) => ("a message has no atomics", "use the plain integer"),
        _ => return None,
    })
}

/// Checks the type of a field; the first thing wrong is the one error.
pub(crate) fn field_type(ty: &Type, context: &Context<'_>) -> syn::Result<()> {
    match peel(ty) {
        Type::Array(array) => {
            if matches!(&array.len, syn::Expr::Lit(lit) if is_zero(&lit.lit)) {
                return Err(error(
                    &array.len,
                    "a fixed length is at least 1",
                    "write a length of at least 1, or remove the field",
                ));
            }
            field_type(&array.elem, context)
        }
        Type::Path(path) => {
            if let Some(qself) = &path.qself {
                return field_type(&qself.ty, context).and(Ok(()));
            }
            path_type(ty, path, context)
        }
        Type::Reference(reference) => reference_type(reference, context),
        Type::Ptr(_) => {
            Err(error(ty, "a pointer means nothing in another process", "use the value"))
        }
        Type::BareFn(_) => {
            Err(error(ty, "a function cannot be sent", "use an enum that says which"))
        }
        Type::TraitObject(_) => Err(error(
            ty,
            "a trait object has no schema",
            "use an enum with one variant for each type",
        )),
        Type::ImplTrait(_) => Err(error(ty, "`impl Trait` has no schema", "name the type")),
        Type::Tuple(tuple) if tuple.elems.is_empty() => Err(error(
            ty,
            "`()` takes no octets: in BARE, void is only a member of a union",
            "remove the field, or use a variant without data",
        )),
        Type::Tuple(tuple) if !(2..=8).contains(&tuple.elems.len()) => Err(error(
            ty,
            "a tuple in a message has two to eight parts",
            "declare a struct with named fields and derive BareSchema for it",
        )),
        Type::Tuple(_) if context.generic => Err(error(
            ty,
            "a tuple cannot stand in a type with capacities",
            "declare a struct with named fields and derive BareSchema for it",
        )),
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(|part| field_type(part, context)),
        Type::Slice(_) => Err(error(ty, "a slice has no size of its own", "use Vec<T>, or [T; N]")),
        Type::Never(_) => Err(error(ty, "`!` has no values", "remove the field")),
        Type::Infer(_) => Err(error(ty, "the type must be written", "name the type")),
        _ => Ok(()),
    }
}

fn is_zero(literal: &syn::Lit) -> bool {
    matches!(literal, syn::Lit::Int(number) if number.base10_digits() == "0")
}

fn path_type(ty: &Type, path: &syn::TypePath, context: &Context<'_>) -> syn::Result<()> {
    let Some((name, arguments)) = named(ty) else {
        return Ok(());
    };
    let single = path.path.segments.len() == 1;
    if single && (name == names::plain(context.owner) || name == "Self") {
        return Err(error(
            ty,
            &format!("`{}` holds itself: BARE types never recurse", context.owner),
            "keep the items in a Vec of a flat type and refer to them by index (u32)",
        ));
    }
    if let Some((message, help)) = refused(&name, arguments.len()) {
        return Err(error(ty, message, help));
    }
    if let ("Cow", [inner]) = (name.as_str(), arguments.as_slice()) {
        return cow_type(ty, path, inner, context);
    }
    // A reference to an actor holds nothing of the messages that the actor takes.
    if name == "ActorRef" {
        return Ok(());
    }
    for argument in &arguments {
        field_type(argument, context)?;
    }
    match (name.as_str(), arguments.as_slice()) {
        ("BTreeMap" | "HashMap", [key, _, ..]) => map_key(key),
        _ => Ok(()),
    }
}

fn map_key(key: &Type) -> syn::Result<()> {
    let message = "this cannot be the key of a map in BARE";
    let help = "use an integer, a bool, a String, bytes or an enum without data";
    if let Type::Tuple(_) | Type::Reference(_) = peel(key) {
        return match peel(key) {
            Type::Reference(_) => Ok(()),
            _ => Err(error(key, message, help)),
        };
    }
    let Some((name, arguments)) = named(key) else {
        return match peel(key) {
            Type::Array(array) if is_octet(&array.elem) => Ok(()),
            _ => Err(error(key, message, help)),
        };
    };
    match (name.as_str(), arguments.as_slice()) {
        ("f32" | "f64", []) => Err(error(
            key,
            "a float cannot be the key of a map: NaN is not equal to itself",
            "use an integer, as in u64 with f64::to_bits",
        )),
        ("Vec", [item]) if is_octet(item) => Ok(()),
        ("Option" | "Vec", [_]) | ("BTreeMap" | "HashMap", [_, _, ..]) => {
            Err(error(key, message, help))
        }
        _ => Ok(()),
    }
}

pub(crate) fn is_octet(ty: &Type) -> bool {
    named(ty).is_some_and(|(name, arguments)| name == "u8" && arguments.is_empty())
}

fn cow_type(
    ty: &Type,
    path: &syn::TypePath,
    inner: &Type,
    context: &Context<'_>,
) -> syn::Result<()> {
    let borrows = match peel(inner) {
        Type::Slice(slice) => is_octet(&slice.elem),
        other => named(other).is_some_and(|(name, _)| name == "str"),
    };
    if !borrows {
        return Err(error(
            ty,
            "only text and bytes can be borrowed from a message",
            "use Cow<'a, str>, Cow<'a, [u8]>, or the type itself",
        ));
    }
    let arguments = path.path.segments.last().map(|segment| &segment.arguments);
    let lifetime = match arguments {
        Some(PathArguments::AngleBracketed(list)) => list.args.iter().find_map(|one| match one {
            GenericArgument::Lifetime(lifetime) => Some(lifetime),
            _ => None,
        }),
        _ => None,
    };
    borrowed_for(lifetime, ty, "Cow<'a, ..>", context)
}

/// Another lifetime than the type's own is a mistake; one that nobody has declared, or none, is one
/// that the compiler tells, with what to write.
fn borrowed_for(
    lifetime: Option<&syn::Lifetime>,
    ty: &impl ToTokens,
    written: &str,
    context: &Context<'_>,
) -> syn::Result<()> {
    let owner = context.owner;
    match lifetime {
        Some(lifetime) if context.lifetimes.contains(&lifetime) => Ok(()),
        Some(lifetime) if lifetime.ident == "static" => Err(error(
            ty,
            "what is borrowed from a message needs the lifetime of the type",
            &format!("write `{owner}<'a>` and `{written}`, or use String or Vec<u8>"),
        )),
        _ => {
            context.lacks_lifetime.set(true);
            Ok(())
        }
    }
}

fn reference_type(reference: &syn::TypeReference, context: &Context<'_>) -> syn::Result<()> {
    let help = "use the value itself, or borrow text as &'a str and bytes as &'a [u8]";
    if reference.mutability.is_some() {
        return Err(error(reference, "a message cannot hold `&mut`", help));
    }
    let borrows = match peel(&reference.elem) {
        Type::Slice(slice) => is_octet(&slice.elem),
        other => {
            named(other).is_some_and(|(name, arguments)| name == "str" && arguments.is_empty())
        }
    };
    if !borrows {
        return Err(error(reference, "only &str and &[u8] can be borrowed from a message", help));
    }
    borrowed_for(reference.lifetime.as_ref(), reference, "&'a ...", context)
}

/// What a type is if it is known to be no number.
pub(crate) fn no_number(ty: &Type) -> Option<&'static str> {
    match peel(ty) {
        Type::Array(_) => return Some("an array"),
        Type::Tuple(_) => return Some("a tuple"),
        Type::Reference(_) => return Some("borrowed"),
        _ => {}
    }
    let (name, arguments) = named(ty)?;
    match (name.as_str(), arguments.as_slice()) {
        ("Option" | "Box", [inner]) => no_number(inner),
        ("String" | "Cow", _) => Some("text or bytes"),
        ("Vec", _) => Some("a list"),
        ("BTreeMap" | "HashMap", _) => Some("a map"),
        ("bool", []) => Some("a bool"),
        ("Uuid", []) => Some("a Uuid"),
        _ => None,
    }
}

/// Whether a number is a float, of a type that is known.
pub(crate) fn float(ty: &Type) -> Option<bool> {
    let (name, arguments) = named(ty)?;
    match (name.as_str(), arguments.as_slice()) {
        ("Option" | "Box", [inner]) => float(inner),
        ("f32" | "f64", []) => Some(true),
        (scalar, []) if SCALARS.contains(&scalar) => Some(false),
        _ => None,
    }
}

/// Whether a type is an `Option`.
/// Whether it is a list or a map, which have no fixed layout without a cap.
pub(crate) fn is_list(ty: &Type) -> bool {
    named(ty).is_some_and(|(name, held)| {
        !held.is_empty() && matches!(name.as_str(), "Vec" | "BTreeMap" | "HashMap")
    })
}

/// Whether it holds values of another type, as far as its name says.
pub(crate) fn is_container(ty: &Type) -> bool {
    let held = |(_, arguments): (String, Vec<&Type>)| !arguments.is_empty();
    matches!(peel(ty), Type::Array(_) | Type::Tuple(_)) || named(ty).is_some_and(held)
}

pub(crate) fn is_option(ty: &Type) -> bool {
    named(ty).is_some_and(|(name, arguments)| name == "Option" && arguments.len() == 1)
}

/// Whether no derived type can be inside, so that there are no rules to keep.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match peel(ty) {
        Type::Array(array) => is_plain(&array.elem),
        _ => named(ty).is_some_and(|(name, arguments)| match name.as_str() {
            "String" | "Uuid" | "Duration" | "SystemTime" => arguments.is_empty(),
            "Option" | "Box" | "Vec" | "BTreeMap" | "HashMap" => {
                arguments.iter().all(|inner| is_plain(inner))
            }
            scalar => SCALARS.contains(&scalar),
        }),
    }
}

/// Whether it is a number or a bool.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    named(ty)
        .is_some_and(|(name, arguments)| arguments.is_empty() && SCALARS.contains(&name.as_str()))
}

/// Which integer `varint` makes of the type.
pub(crate) fn varint(ty: &Type, span: Span) -> syn::Result<Varint> {
    match named(ty) {
        Some((name, _)) if name == "u64" => Ok(Varint::UInt),
        Some((name, _)) if name == "i64" => Ok(Varint::Int),
        _ => Err(error_at(
            span,
            "`varint` is for a field of type u64 or i64",
            "inside another type, use barewire::codec::UInt or Int",
        )),
    }
}
