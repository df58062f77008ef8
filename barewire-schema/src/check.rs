//! Facts that must hold before anything runs, with text that says what to do.

use crate::model::{Type, slice, text};

/// The longest message; a longer one is cut.
const MAX_MESSAGE_BYTES: usize = 512;

/// Text that is put together in a const function.
struct Message {
    bytes: [u8; MAX_MESSAGE_BYTES],
    len: usize,
}

impl Message {
    const fn new() -> Self {
        Self {
            bytes: [0; MAX_MESSAGE_BYTES],
            len: 0,
        }
    }

    const fn push(mut self, part: &str) -> Self {
        let part = part.as_bytes();
        let mut at = 0;
        while at < part.len() && self.len < MAX_MESSAGE_BYTES {
            self.bytes[self.len] = part[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    const fn text(&self) -> &str {
        let (bytes, _) = self.bytes.split_at(self.len);
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => "a type has no cap",
        }
    }
}

/// What is unbounded, and the path to it appended to `path`; `None` if nothing is.
const fn unbounded(ty: &Type, path: Message) -> Option<(Message, &'static str)> {
    match ty {
        Type::Str { cap: None } => Some((path, "a string")),
        Type::Data { cap: None } => Some((path, "data")),
        Type::List { cap: None, .. } => Some((path, "a list")),
        Type::Map { cap: None, .. } => Some((path, "a map")),
        Type::Optional(item) => unbounded(item.get(), path),
        Type::List { item, .. } | Type::ListFixed { item, .. } => {
            unbounded(item.get(), path.push("[]"))
        }
        Type::Map { key, value, .. } => match key.get().layout() {
            None => unbounded(key.get(), path.push("[key]")),
            Some(_) => unbounded(value.get(), path.push("[value]")),
        },
        Type::Union(members) => {
            let members = slice(members);
            let mut at = 0;
            while at < members.len() {
                if members[at].ty.get().layout().is_none() {
                    return unbounded(members[at].ty.get(), path);
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
                    let path = path.push(".").push(text(&fields[at].name));
                    return unbounded(fields[at].ty.get(), path);
                }
                at += 1;
            }
            None
        }
        Type::User {
            name,
            definition: Some(link),
        } => {
            let path = if path.len == 0 {
                path.push(text(name))
            } else {
                path
            };
            unbounded(link.get(), path)
        }
        _ => None,
    }
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
    let message = match unbounded(ty, Message::new()) {
        Some((path, what)) => {
            let whole = if path.len == 0 {
                path.push("the type")
            } else {
                path
            };
            Message::new()
                .push("`")
                .push(whole.text())
                .push("` is ")
                .push(what)
                .push(" without a cap, and shared memory needs one: write #[bare(max = N)]")
        }
        None => Message::new().push("the type's fixed layout is larger than a segment can be"),
    };
    panic!("{}", message.text());
}
