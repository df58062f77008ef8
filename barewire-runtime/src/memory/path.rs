//! Paths as `messages[3].content`: parsed once, checked once against a schema.

use std::fmt;
use std::marker::PhantomData;

use barewire_schema::{Type, count_size, tag_size};

use super::{Bytes, Offset};
use crate::layout::FixedLayout;
use crate::value::kind_of;
use crate::{Error, ErrorKind, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(u64),
}

/// The way from a value to a part of it.
///
/// | step | leads to |
/// |---|---|
/// | `name`, `.name` | a field of a struct |
/// | `[3]` | an item of a list, or an octet of `data` |
/// | `[3].key`, `[3].value` | a part of a map's pair |
/// | `.Name`, `.5` | the member of a union of that name, or with that tag |
///
/// An optional needs no step: a path that goes on past it asks for its value. The empty path is the
/// value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

/// What must hold in memory for a place to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// A count above `index`, and not above `cap`.
    Count { index: u64, cap: u64 },
    /// The flag of an optional that is there.
    Present,
    /// The tag of a union.
    Tag(u64),
}

/// Where a part of a value stands in its fixed layout, and its type.
#[derive(Debug, Clone)]
pub struct Place<'t> {
    offset: Offset,
    ty: &'t Type,
    /// Each with its offset and the width of the number there.
    pub(super) guards: Vec<(Guard, Offset, usize)>,
    /// Whether it is a map's key, or inside one.
    pub(super) in_key: bool,
}

impl Place<'_> {
    /// The distance from the start of the whole value.
    #[must_use]
    #[inline]
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// The type of the part.
    #[must_use]
    #[inline]
    pub fn ty(&self) -> &Type {
        self.ty
    }
}

#[inline]
fn fault(path: &str, expected: impl fmt::Display, found: impl fmt::Display) -> Error {
    let subject = if path.is_empty() { "the value" } else { path };
    let detail = format!("expected {expected}, found {found}");
    Error::new(ErrorKind::InvalidArgument, subject, detail)
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// If it is none: with the text, what was expected and what stands there.
    #[inline]
    pub fn parse(text: &str) -> Result<Self> {
        let (mut rest, mut steps) = (text, Vec::new());
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let Some((number, after)) = inside.split_once(']') else {
                    return Err(fault(text, "`]` after an index", "the end"));
                };
                let digits = number.bytes().all(|byte| byte.is_ascii_digit());
                match number.parse() {
                    Ok(index) if digits => steps.push(Step::Index(index)),
                    _ => return Err(fault(text, "an index in `[]`", format!("`{number}`"))),
                }
                rest = after;
                continue;
            }
            let name = match rest.strip_prefix('.') {
                Some(name) if !steps.is_empty() => name,
                None if steps.is_empty() => rest,
                _ => return Err(fault(text, "a name, `.name` or `[index]`", format!("`{rest}`"))),
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            if end == 0 || !name[..end].bytes().all(legal) {
                return Err(fault(text, "a name", format!("`{name}`")));
            }
            steps.push(Step::Name(name[..end].to_owned()));
            rest = &name[end..];
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The path as it was written.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the path leads inside the fixed layout of `ty`.
    ///
    /// # Errors
    ///
    /// If a step leads nowhere, or the type has no fixed layout.
    #[inline]
    pub fn resolve<'t>(&self, ty: &'t Type) -> Result<Place<'t>> {
        if ty.layout().is_none() {
            return Err(fault(&self.text, "a type with a fixed layout", kind_of(ty)));
        }
        let mut place = Place { offset: Offset::ZERO, ty, guards: Vec::new(), in_key: false };
        let mut steps = self.steps.iter();
        while let Some(step) = steps.next() {
            while let Type::Optional(item) = place.ty.resolved() {
                let align = self.align(item.get())?;
                place.guards.push((Guard::Present, place.offset, align as usize));
                self.go(&mut place, align, item.get())?;
            }
            let (here, found) = (place.ty.resolved(), kind_of(place.ty));
            match (here, step) {
                (Type::Struct(fields), Step::Name(name)) => {
                    let known = fields.iter().position(|field| field.name == *name);
                    let Some((index, offset)) =
                        known.and_then(|index| Some((index, here.field_offset(index)?)))
                    else {
                        let names: Vec<&str> = fields.iter().map(|f| f.name.as_ref()).collect();
                        let expected = format!("one of the fields {}", names.join(", "));
                        return Err(fault(&self.text, expected, format!("`{name}`")));
                    };
                    self.go(&mut place, offset, fields[index].ty.get())?;
                }
                (Type::Union(members), Step::Name(name)) => {
                    let named = |ty: &Type| matches!(ty, Type::User { name: n, .. } if n == name);
                    let tag = name.parse().ok();
                    let member = members
                        .iter()
                        .find(|member| Some(member.tag) == tag || named(member.ty.get()));
                    let (Some(member), Some(offset)) = (member, here.payload_offset()) else {
                        let expected = format!("the name or the tag of a member of {found}");
                        return Err(fault(&self.text, expected, format!("`{name}`")));
                    };
                    let guard = Guard::Tag(member.tag);
                    place.guards.push((guard, place.offset, tag_size(here) as usize));
                    self.go(&mut place, offset, member.ty.get())?;
                }
                (Type::ListFixed { item, len }, Step::Index(index)) => {
                    self.below(*index, *len, "length")?;
                    let offset = self.nth(*index, item.get())?;
                    self.go(&mut place, offset, item.get())?;
                }
                (Type::DataFixed { len }, Step::Index(index)) => {
                    self.below(*index, *len, "length")?;
                    self.go(&mut place, *index, &Type::U8)?;
                }
                (Type::List { item, cap: Some(cap) }, Step::Index(index)) => {
                    let first = self.count(&mut place, *index, *cap, self.align(item.get())?)?;
                    let offset = self.nth(*index, item.get())?;
                    self.go(&mut place, first + offset, item.get())?;
                }
                (Type::Data { cap: Some(cap) }, Step::Index(index)) => {
                    let first = self.count(&mut place, *index, *cap, 1)?;
                    self.go(&mut place, first + *index, &Type::U8)?;
                }
                (Type::Map { key, value, cap: Some(cap) }, Step::Index(index)) => {
                    let first = self.count(&mut place, *index, *cap, 1)?;
                    let (key_size, value_size) = (self.size(key.get())?, self.size(value.get())?);
                    let pair = first + index * (key_size + value_size);
                    match steps.next() {
                        Some(Step::Name(name)) if name == "key" => {
                            place.in_key = true;
                            self.go(&mut place, pair, key.get())?;
                        }
                        Some(Step::Name(name)) if name == "value" => {
                            self.go(&mut place, pair + key_size, value.get())?;
                        }
                        _ => {
                            let expected = "`.key` or `.value` after the index of a pair";
                            return Err(fault(&self.text, expected, "something else"));
                        }
                    }
                }
                (_, Step::Name(name)) => {
                    return Err(fault(&self.text, format!("a struct before `{name}`"), found));
                }
                (_, Step::Index(index)) => {
                    return Err(fault(&self.text, format!("a list before [{index}]"), found));
                }
            }
        }
        Ok(place)
    }

    #[inline]
    fn go<'t>(&self, place: &mut Place<'t>, offset: u64, ty: &'t Type) -> Result<()> {
        place.offset = place.offset.checked_add(Bytes::new(offset))?;
        place.ty = ty;
        Ok(())
    }

    #[inline]
    fn below(&self, index: u64, limit: u64, what: &str) -> Result<()> {
        if index < limit {
            return Ok(());
        }
        Err(fault(&self.text, format!("an index below {limit}, the {what}"), index))
    }

    /// Guards the index of a counted item; the width of the count.
    #[inline]
    fn count(&self, place: &mut Place<'_>, index: u64, cap: u64, align: u64) -> Result<u64> {
        self.below(index, cap, "cap")?;
        let width = count_size(align);
        place.guards.push((Guard::Count { index, cap }, place.offset, width as usize));
        Ok(width)
    }

    #[inline]
    fn nth(&self, index: u64, item: &Type) -> Result<u64> {
        // The index is below the cap, and all items up to the cap fit into the layout.
        Ok(index * self.size(item)?)
    }

    #[inline]
    fn size(&self, ty: &Type) -> Result<u64> {
        let layout = ty.layout().map(|layout| layout.size);
        layout.ok_or_else(|| fault(&self.text, "a type with a fixed layout", kind_of(ty)))
    }

    #[inline]
    fn align(&self, ty: &Type) -> Result<u64> {
        let layout = ty.layout().map(|layout| layout.align);
        layout.ok_or_else(|| fault(&self.text, "a type with a fixed layout", kind_of(ty)))
    }
}

impl fmt::Display for Path {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The way from a `T` to a part that is an `F`, checked against the schema when it was made.
///
/// `C` are the caps of `F`, which its field states: a `FieldPath<Reading, String, Max<32>>` leads
/// to a string of at most 32 octets.
#[derive(Debug)]
pub struct FieldPath<T, F, C = ()> {
    pub(super) path: Path,
    pub(super) place: Place<'static>,
    // A path holds none of the three, so it may go wherever its text may.
    part: PhantomData<Part<T, F, C>>,
}

type Part<T, F, C> = fn(T) -> (F, C);

impl<T, F, C> Clone for FieldPath<T, F, C> {
    #[inline]
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), place: self.place.clone(), part: PhantomData }
    }
}

impl<T: FixedLayout, F: FixedLayout<C>, C> FieldPath<T, F, C> {
    /// Reads a path and follows it through the schema of `T`.
    ///
    /// # Errors
    ///
    /// If it leads nowhere, or to something other than `F`.
    #[inline]
    pub fn new(path: &str) -> Result<Self> {
        let path = Path::parse(path)?;
        let place = path.resolve(T::TYPE)?;
        if place.ty.resolved() != F::TYPE.resolved() {
            let detail = format!("expected {}, found {}", shown(F::TYPE), shown(place.ty));
            return Err(Error::new(ErrorKind::SchemaMismatch, path.text, detail));
        }
        Ok(Self { path, place, part: PhantomData })
    }

    /// The path as it was written.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        self.path.as_str()
    }

    /// The distance from the start of the `T`.
    #[must_use]
    #[inline]
    pub fn offset(&self) -> Offset {
        self.place.offset
    }
}

/// A type with its cap.
#[inline]
fn shown(ty: &Type) -> String {
    let kind = kind_of(ty);
    match ty.resolved() {
        Type::Str { cap: Some(cap) }
        | Type::Data { cap: Some(cap) }
        | Type::List { cap: Some(cap), .. }
        | Type::Map { cap: Some(cap), .. } => format!("{kind} of at most {cap}"),
        _ => kind,
    }
}
