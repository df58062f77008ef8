//! Facts that must hold before anything runs, with text that says what to do.

use std::fmt;

use crate::compatibility;
use crate::message::Message;
use crate::model::{Type, slice, text};

/// The attribute of a field, and inside one that of items, keys and values.
const OWN: &str = "#[bare(max = N)]";
const ITEM: &str = "#[bare(item(max = N))]";
const KEY: &str = "#[bare(key(max = N))]";
const VALUE: &str = "#[bare(value(max = N))]";

/// The first part of a type that has no cap, and so no largest size.
#[derive(Clone, Copy)]
pub struct MissingCap {
    path: Message,
    what: &'static str,
    attribute: &'static str,
}

impl MissingCap {
    const fn new(path: Message, what: &'static str, attribute: &'static str) -> Self {
        let path = if path.is_empty() { path.push("the type") } else { path };
        Self { path, what, attribute }
    }

    /// Where: the type, then the fields, as in `ChatMessage.content`.
    #[must_use]
    pub const fn path(&self) -> &str {
        self.path.text()
    }

    const fn message(&self) -> Message {
        Message::new()
            .push("`")
            .push(self.path.text())
            .push("` is ")
            .push(self.what)
            .push(" without a cap, and shared memory needs one: write ")
            .push(self.attribute)
    }
}

impl fmt::Display for MissingCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().text())
    }
}

impl fmt::Debug for MissingCap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MissingCap({self})")
    }
}

/// The first part of `ty` that has no cap; `None` if the type is fixed or bounded.
///
/// ```
/// use barewire_schema::check::missing_cap;
/// use barewire_schema::build::{list_max, string, structure};
/// let ty = structure([("lines", list_max(string(), 8))]);
/// let text = missing_cap(&ty).map(|missing| missing.to_string());
/// assert_eq!(
///     text.as_deref(),
///     Some(
///         "`lines[]` is a string without a cap, and shared memory needs one: \
///          write #[bare(item(max = N))]"
///     )
/// );
/// ```
#[must_use]
pub const fn missing_cap(ty: &Type) -> Option<MissingCap> {
    unbounded(ty, Message::new(), OWN)
}

/// What is unbounded, and the path to it appended to `path`; `None` if nothing is.
const fn unbounded(ty: &Type, path: Message, attribute: &'static str) -> Option<MissingCap> {
    match ty {
        Type::Str { cap: None } => Some(MissingCap::new(path, "a string", attribute)),
        Type::Data { cap: None } => Some(MissingCap::new(path, "data", attribute)),
        Type::List { cap: None, .. } => Some(MissingCap::new(path, "a list", attribute)),
        Type::Map { cap: None, .. } => Some(MissingCap::new(path, "a map", attribute)),
        Type::Optional(item) => unbounded(item.get(), path, attribute),
        Type::List { item, .. } | Type::ListFixed { item, .. } => {
            unbounded(item.get(), path.push("[]"), ITEM)
        }
        Type::Map { key, value, .. } => match key.get().layout() {
            None => unbounded(key.get(), path.push("[key]"), KEY),
            Some(_) => unbounded(value.get(), path.push("[value]"), VALUE),
        },
        Type::Union(members) => {
            let members = slice(members);
            let mut at = 0;
            while at < members.len() {
                if members[at].ty.get().layout().is_none() {
                    return unbounded(members[at].ty.get(), path, OWN);
                }
                at += 1;
            }
            None
        }
        Type::Struct(fields) => {
            let fields = slice(fields);
            let mut at = 0;
            while at < fields.len() {
                if fields[at].ty.get().layout().is_none() {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = path.push(dot).push(text(&fields[at].name));
                    return unbounded(fields[at].ty.get(), path, OWN);
                }
                at += 1;
            }
            None
        }
        Type::User { name, definition: Some(link) } => {
            let path = if path.is_empty() { path.push(text(name)) } else { path };
            unbounded(link.get(), path, OWN)
        }
        _ => None,
    }
}

/// Stops compilation if a field asks for less alignment than its type has anyway.
///
/// ```compile_fail
/// const { barewire_schema::check::assert_aligned("Row", "hits", 4, 8) };
/// ```
pub const fn assert_aligned(owner: &str, field: &str, asked: u64, own: u64) {
    if asked >= own {
        return;
    }
    let message = Message::new()
        .push("`")
        .push(owner)
        .push(".")
        .push(field)
        .push("` is aligned to ")
        .number(own)
        .push(" as its type is, and `align = ")
        .number(asked)
        .push("` would be less: remove it");
    panic!("{}", message.text());
}

/// Stops compilation with the path of the field that has no cap, unless `ty` has a fixed layout.
///
/// ```
/// use barewire_schema::{Type, check};
/// const { check::assert_bounded(&Type::Str { cap: Some(8) }) };
/// ```
///
/// ```compile_fail
/// use barewire_schema::{Type, check};
/// const { check::assert_bounded(&Type::Str { cap: None }) };
/// ```
pub const fn assert_bounded(ty: &Type) {
    if ty.layout().is_some() {
        return;
    }
    let message = match missing_cap(ty) {
        Some(missing) => missing.message(),
        None => {
            let message = Message::new().push("the fixed layout of `").push(match ty {
                Type::User { name, .. } => text(name),
                _ => "a type",
            });
            message.push("` is larger than a segment can be, 1 TiB: lower the caps")
        }
    };
    panic!("{}", message.text());
}

/// Stops compilation unless the Rust type of a layout has the size and alignment of the schema's.
///
/// A type without a cap has none, and nothing is asserted.
pub const fn assert_layout(ty: &Type, size: usize, align: usize) {
    if let Some(layout) = ty.layout() {
        let agree = layout.size == size as u64 && layout.align == align as u64;
        if !agree {
            let name = match ty {
                Type::User { name, .. } => text(name),
                _ => "a type",
            };
            let message = Message::new().push("the layout of `").push(name);
            let message =
                message.push("` is not the one of its schema: does a tuple stand behind ");
            panic!("{}", message.push("an alias? Write it in the field's type").text());
        }
    }
}

/// Stops compilation with the path of the field that is in the way, unless `new` reads all that
/// was written as `old`, which stands in `file`.
///
/// ```
/// use barewire_schema::{Type, check};
/// const { check::assert_reads(&Type::U8, &Type::U8, "old.bare") };
/// ```
///
/// ```compile_fail
/// use barewire_schema::{Type, check};
/// const { check::assert_reads(&Type::U16, &Type::U8, "old.bare") };
/// ```
pub const fn assert_reads(new: &Type, old: &Type, file: &str) {
    let sides = compatibility::Sides { reader: "this type", writer: file, writer_first: true };
    if let Some(found) = compatibility::first_break(new, old, sides) {
        let path = if found.path.is_empty() { "the type" } else { found.path.text() };
        let message = Message::new().push("values of ").push(file).push(" cannot be read: `");
        panic!("{}", message.push(path).push("`: ").push(found.why.text()).text());
    }
}

#[cfg(test)]
mod tests {
    use super::missing_cap;
    use crate::build::*;
    use crate::*;

    fn path(ty: &Type) -> Option<String> {
        missing_cap(ty).map(|missing| missing.path().to_owned())
    }

    #[test]
    fn the_path_leads_to_what_has_no_cap() {
        let named = |name: &'static str, ty: Type| Type::User {
            name: name.into(),
            definition: Some(ty.into()),
        };
        let inner = named("Inner", structure([("a", u8()), ("b", optional(data()))]));
        let outer = named("Outer", structure([("x", string_max(3)), ("inner", inner)]));
        assert_eq!(path(&outer).as_deref(), Some("Outer.inner.b"));
        assert_eq!(
            path(&structure([("a", map_max(u8(), list(u8()), 3))])).as_deref(),
            Some("a[value]")
        );
        assert_eq!(path(&map_max(string(), u8(), 3)).as_deref(), Some("[key]"));
        assert_eq!(path(&union([(0, u8()), (1, string())])).as_deref(), Some("the type"));
        assert_eq!(path(&list_fixed(string_max(2), 3)), None);
    }

    #[test]
    fn a_layout_exists_unless_a_cap_is_missing() {
        for ty in [u8(), string(), list_max(string_max(2), 4), optional(list(u8())), void()] {
            assert_eq!(missing_cap(&ty).is_none(), ty.layout().is_some(), "{ty}");
        }
        assert!(missing_cap(&list_max(u64(), 1 << 60)).is_none());
        assert!(list_max(u64(), 1 << 60).layout().is_none());
    }

    #[test]
    fn a_path_that_is_too_long_is_cut() {
        let mut ty = string();
        for _ in 0..40 {
            ty = structure([("a_rather_long_name_of_a_field", ty)]);
        }
        assert_eq!(path(&ty).map(|path| path.len()), Some(512));
    }
}
