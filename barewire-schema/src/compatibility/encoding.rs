//! The rule for BARE octets, in const functions, so that a type can ask for it at compile time.

use super::Reason;
use crate::message::Message;
use crate::model::{Field, Type, slice, text};

/// The most reasons that are told.
const MAX_REASONS: usize = 100;

/// What the two sides are called in a reason.
#[derive(Clone, Copy)]
pub(crate) struct Sides<'s> {
    pub(crate) reader: &'s str,
    pub(crate) writer: &'s str,
    /// Whether the writer's part of a difference is told first.
    pub(crate) writer_first: bool,
}

pub(super) const NEW_READS_OLD: Sides<'static> =
    Sides { reader: "the new", writer: "the old", writer_first: true };
pub(super) const OLD_READS_NEW: Sides<'static> =
    Sides { reader: "the old", writer: "the new", writer_first: false };

/// A place at which the reader cannot read the writer.
#[derive(Clone, Copy)]
pub(crate) struct Break {
    pub(crate) path: Message,
    pub(crate) why: Message,
}

/// How far the search has come: how many breaks are still to be passed over, or the one found.
#[derive(Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "a const function has no heap")]
enum Search {
    Passing(usize),
    Found(Break),
}

impl Search {
    const fn meet(self, path: Message, why: Message) -> Self {
        match self {
            Self::Passing(0) => Self::Found(Break { path, why }),
            Self::Passing(more) => Self::Passing(more - 1),
            found => found,
        }
    }
}

/// The first place at which `reader` cannot read `writer`.
pub(crate) const fn first_break(reader: &Type, writer: &Type, sides: Sides<'_>) -> Option<Break> {
    match reads(reader, writer, start(reader), sides, Search::Passing(0)) {
        Search::Found(found) => Some(found),
        Search::Passing(_) => None,
    }
}

pub(super) fn breaks(reader: &Type, writer: &Type, sides: Sides<'_>) -> Vec<Reason> {
    let nth = |nth| match reads(reader, writer, start(reader), sides, Search::Passing(nth)) {
        Search::Found(found) => Some(reason(&found)),
        Search::Passing(_) => None,
    };
    (0..MAX_REASONS).map_while(nth).collect()
}

fn reason(found: &Break) -> Reason {
    Reason { path: found.path.text().to_owned(), text: found.why.text().to_owned() }
}

const fn start(ty: &Type) -> Message {
    match ty {
        Type::User { name, .. } => Message::new().push(text(name)),
        _ => Message::new(),
    }
}

/// Without names, and without structs of one field, which leave nothing in the octets.
const fn bare(ty: &Type) -> &Type {
    let mut ty = ty.resolved();
    while let Type::Struct(fields) = ty {
        let fields = slice(fields);
        if fields.len() != 1 {
            break;
        }
        ty = fields[0].ty.get().resolved();
    }
    ty
}

/// What a type is called where its parts do not matter.
const fn kind(ty: &Type) -> &'static str {
    match bare(ty) {
        Type::UInt => "uint",
        Type::Int => "int",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::I8 => "i8",
        Type::I16 => "i16",
        Type::I32 => "i32",
        Type::I64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Bool => "bool",
        Type::Str { .. } => "str",
        Type::Data { .. } => "data",
        Type::DataFixed { .. } => "data of a fixed length",
        Type::Void => "void",
        Type::Enum(_) => "an enum",
        Type::Optional(_) => "an optional",
        Type::List { .. } => "a list",
        Type::ListFixed { .. } => "a list of a fixed length",
        Type::Map { .. } => "a map",
        Type::Union(_) => "a union",
        Type::Struct(_) => "a struct",
        Type::User { .. } => "a type without a definition",
    }
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut at = 0;
    while at < left.len() {
        if left[at] != right[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// "u8 in the old, u16 in the new", the older one first.
const fn difference(reader: Message, writer: Message, sides: Sides<'_>) -> Message {
    let (first, second) = if sides.writer_first { (writer, reader) } else { (reader, writer) };
    let (here, there) = if sides.writer_first {
        (sides.writer, sides.reader)
    } else {
        (sides.reader, sides.writer)
    };
    first.push(" in ").push(here).push(", ").push(second.text()).push(" in ").push(there)
}

const fn lengths(reader: u64, writer: u64, sides: Sides<'_>) -> Message {
    let (first, second) = if sides.writer_first { (writer, reader) } else { (reader, writer) };
    let (here, there) = if sides.writer_first {
        (sides.writer, sides.reader)
    } else {
        (sides.reader, sides.writer)
    };
    let message = Message::new().push("a length of ").number(first).push(" in ").push(here);
    message.push(", of ").number(second).push(" in ").push(there)
}

/// The item of what is a list in the octets, and its length if that is fixed.
const fn items(ty: &Type) -> Option<(&Type, Option<u64>)> {
    match ty {
        Type::Data { .. } => Some((&Type::U8, None)),
        Type::DataFixed { len } => Some((&Type::U8, Some(*len))),
        Type::List { item, .. } => Some((item.get(), None)),
        Type::ListFixed { item, len } => Some((item.get(), Some(*len))),
        _ => None,
    }
}

const fn reads(
    reader: &Type,
    writer: &Type,
    path: Message,
    sides: Sides<'_>,
    search: Search,
) -> Search {
    if let Search::Found(_) = search {
        return search;
    }
    let (ours, theirs) = (bare(reader), bare(writer));
    match (ours, theirs) {
        (Type::Optional(ours), Type::Optional(theirs)) => {
            reads(ours.get(), theirs.get(), path, sides, search)
        }
        (
            Type::Map { key: our_key, value: our_value, .. },
            Type::Map { key: their_key, value: their_value, .. },
        ) => {
            let key = path.push("[key]");
            let search = reads(our_key.get(), their_key.get(), key, sides, search);
            let value = path.push("[value]");
            reads(our_value.get(), their_value.get(), value, sides, search)
        }
        (Type::Enum(_), Type::Enum(_)) => enums(ours, theirs, path, sides, search),
        (Type::Union(_), Type::Union(_)) => unions(ours, theirs, path, sides, search),
        (Type::Struct(ours), Type::Struct(theirs)) => {
            structs(slice(ours), slice(theirs), path, sides, search)
        }
        _ => match (items(ours), items(theirs)) {
            (Some((our, None)), Some((their, None))) => {
                reads(our, their, path.push("[]"), sides, search)
            }
            (Some((our, Some(len))), Some((their, Some(their_len)))) => {
                let search = match len == their_len {
                    true => search,
                    false => search.meet(path, lengths(len, their_len, sides)),
                };
                reads(our, their, path.push("[]"), sides, search)
            }
            _ if same(kind(ours), kind(theirs)) => search,
            _ => {
                let our = Message::new().push(kind(ours));
                let their = Message::new().push(kind(theirs));
                search.meet(path, difference(our, their, sides))
            }
        },
    }
}

const fn enums(
    reader: &Type,
    writer: &Type,
    path: Message,
    sides: Sides<'_>,
    mut search: Search,
) -> Search {
    let (Type::Enum(ours), Type::Enum(theirs)) = (reader, writer) else {
        return search;
    };
    let (ours, theirs) = (slice(ours), slice(theirs));
    let mut at = 0;
    while at < theirs.len() {
        let (mut known, mut other) = (false, 0);
        while other < ours.len() {
            known = known || ours[other].value == theirs[at].value;
            other += 1;
        }
        if !known {
            let why = Message::new().push(sides.writer).push(" has the value ");
            let why = why.push(text(&theirs[at].name)).push(" = ").number(theirs[at].value);
            let why = why.push(", which ").push(sides.reader).push(" does not know");
            search = search.meet(path, why);
        }
        at += 1;
    }
    search
}

const fn unions(
    reader: &Type,
    writer: &Type,
    path: Message,
    sides: Sides<'_>,
    mut search: Search,
) -> Search {
    let (Type::Union(ours), Type::Union(theirs)) = (reader, writer) else {
        return search;
    };
    let (ours, theirs) = (slice(ours), slice(theirs));
    let mut at = 0;
    while at < theirs.len() {
        let (mut known, mut other) = (None, 0);
        while other < ours.len() {
            if ours[other].tag == theirs[at].tag {
                known = Some(other);
            }
            other += 1;
        }
        search = match known {
            Some(other) => {
                let path = path.push("|").number(theirs[at].tag);
                reads(ours[other].ty.get(), theirs[at].ty.get(), path, sides, search)
            }
            None => {
                let why = Message::new().push(sides.writer).push(" has the tag ");
                let why = why.number(theirs[at].tag).push(", which ").push(sides.reader);
                search.meet(path, why.push(" does not know"))
            }
        };
        at += 1;
    }
    search
}

const fn has(fields: &[Field], name: &str) -> bool {
    let mut at = 0;
    while at < fields.len() {
        if same(text(&fields[at].name), name) {
            return true;
        }
        at += 1;
    }
    false
}

pub(super) const fn enter(path: Message, field: &Field) -> Message {
    let dot = if path.is_empty() { "" } else { "." };
    path.push(dot).push(text(&field.name))
}

const fn structs(
    ours: &[Field],
    theirs: &[Field],
    path: Message,
    sides: Sides<'_>,
    mut search: Search,
) -> Search {
    if ours.len() == theirs.len() {
        let mut at = 0;
        while at < ours.len() {
            let path = enter(path, &ours[at]);
            search = reads(ours[at].ty.get(), theirs[at].ty.get(), path, sides, search);
            at += 1;
        }
        return search;
    }
    // The names say which fields are too many.
    let mut told = false;
    let (mut at, mut turn) = (0, 0);
    while turn < 2 {
        let (own, other) = if turn == 0 { (ours, theirs) } else { (theirs, ours) };
        let (has_it, has_not) = match turn == 0 {
            true => (sides.reader, sides.writer),
            false => (sides.writer, sides.reader),
        };
        while at < own.len() {
            if !has(other, text(&own[at].name)) {
                let why = Message::new().push(has_it).push(" has this field and ").push(has_not);
                let why = why.push(" does not, and BARE cannot leave one out");
                search = search.meet(enter(path, &own[at]), why);
                told = true;
            }
            at += 1;
        }
        turn += 1;
        at = 0;
    }
    if told {
        return search;
    }
    let our = Message::new().number(ours.len() as u64).push(" fields");
    let their = Message::new().number(theirs.len() as u64).push(" fields");
    search.meet(path, difference(our, their, sides))
}

/// Where a field is called differently though the octets are read.
pub(super) fn renamed(old: &Type, new: &Type) -> Vec<Reason> {
    let mut out = Vec::new();
    rename(old, new, start(new), &mut out);
    out.truncate(MAX_REASONS);
    out
}

fn rename(old: &Type, new: &Type, path: Message, out: &mut Vec<Reason>) {
    match (old.resolved(), new.resolved()) {
        (Type::Struct(old), Type::Struct(new)) => {
            for (old, new) in slice(old).iter().zip(slice(new)) {
                let path = enter(path, new);
                if old.name != new.name {
                    let text = format!("{} in the old, {} in the new", old.name, new.name);
                    out.push(Reason { path: path.text().to_owned(), text });
                }
                rename(old.ty.get(), new.ty.get(), path, out);
            }
        }
        (Type::Enum(old), Type::Enum(new)) => {
            for new in slice(new) {
                let twin = slice(old).iter().find(|old| old.value == new.value);
                if let Some(old) = twin.filter(|old| old.name != new.name) {
                    let text = format!("{} in the old, {} in the new", old.name, new.name);
                    out.push(Reason { path: path.text().to_owned(), text });
                }
            }
        }
        (Type::Union(old), Type::Union(new)) => {
            for new in slice(new) {
                if let Some(old) = slice(old).iter().find(|old| old.tag == new.tag) {
                    rename(old.ty.get(), new.ty.get(), path.push("|").number(new.tag), out);
                }
            }
        }
        (Type::Map { key: old_key, value: old, .. }, Type::Map { key, value, .. }) => {
            rename(old_key.get(), key.get(), path.push("[key]"), out);
            rename(old.get(), value.get(), path.push("[value]"), out);
        }
        (Type::Optional(old), Type::Optional(new)) => rename(old.get(), new.get(), path, out),
        (old, new) => {
            if let (Some((old, _)), Some((new, _))) = (items(old), items(new)) {
                rename(old, new, path.push("[]"), out);
            }
        }
    }
}
