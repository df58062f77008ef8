//! The rule for the fixed layout: what one side wrote, the other reads where it stands.

use std::fmt::Display;

use super::Reason;
use super::encoding::{Sides, enter};
use crate::check::missing_cap;
use crate::message::Message;
use crate::model::{Type, slice};

/// The most reasons that are told.
const MAX_REASONS: usize = 100;

pub(super) fn breaks(reader: &Type, writer: &Type, sides: Sides<'_>) -> Vec<Reason> {
    let mut walk = Walk { sides, out: Vec::new() };
    for (ty, name) in [(reader, sides.reader), (writer, sides.writer)] {
        if ty.layout().is_some() {
            continue;
        }
        match missing_cap(ty) {
            Some(missing) => {
                let path = missing.path().to_owned();
                walk.out.push(Reason { path, text: format!("without a cap in {name}") });
            }
            None => {
                let text = format!("the layout is too large in {name}");
                walk.out.push(Reason { path: String::new(), text });
            }
        }
    }
    if walk.out.is_empty() {
        walk.reads(reader, writer, Message::new());
        walk.out.truncate(MAX_REASONS);
    }
    walk.out
}

struct Walk<'s> {
    sides: Sides<'s>,
    out: Vec<Reason>,
}

impl Walk<'_> {
    fn differ(&mut self, path: Message, what: &str, reader: &dyn Display, writer: &dyn Display) {
        let Sides { reader: ours, writer: theirs, writer_first } = self.sides;
        let text = match writer_first {
            true => format!("{what}{writer} in {theirs}, {}{reader} in {ours}", of(what)),
            false => format!("{what}{reader} in {ours}, {}{writer} in {theirs}", of(what)),
        };
        self.out.push(Reason { path: path.text().to_owned(), text });
    }

    fn unknown(&mut self, path: Message, what: &str) {
        let Sides { reader, writer, .. } = self.sides;
        let text = format!("{writer} has {what}, which {reader} does not know");
        self.out.push(Reason { path: path.text().to_owned(), text });
    }

    fn reads(&mut self, reader: &Type, writer: &Type, path: Message) {
        let (ours, theirs) = (reader.resolved(), writer.resolved());
        let before = self.out.len();
        match (ours, theirs) {
            (Type::Struct(_), Type::Struct(_)) => self.structs(ours, theirs, path),
            (Type::Enum(our), Type::Enum(their)) => {
                for their in slice(their) {
                    let known = slice(our).iter().find(|our| our.value == their.value);
                    if known.is_none_or(|known| known.name != their.name) {
                        self.unknown(path, &format!("the value {} = {}", their.name, their.value));
                    }
                }
            }
            (Type::Union(our), Type::Union(their)) => {
                if ours.payload_offset() != theirs.payload_offset() {
                    self.differ(path, "", &"a payload", &"a payload at another place");
                }
                for their in slice(their) {
                    match slice(our).iter().find(|our| our.tag == their.tag) {
                        Some(our) => {
                            let path = path.push("|").number(their.tag);
                            self.reads(our.ty.get(), their.ty.get(), path);
                        }
                        None => self.unknown(path, &format!("the tag {}", their.tag)),
                    }
                }
            }
            (Type::Optional(our), Type::Optional(their)) => {
                self.reads(our.get(), their.get(), path)
            }
            (Type::List { item: our, cap }, Type::List { item: their, cap: their_cap }) => {
                self.caps(*cap, *their_cap, path);
                self.reads(our.get(), their.get(), path.push("[]"));
            }
            (
                Type::Map { key: our_key, value: our, cap },
                Type::Map { key: their_key, value: their, cap: their_cap },
            ) => {
                self.caps(*cap, *their_cap, path);
                self.reads(our_key.get(), their_key.get(), path.push("[key]"));
                self.reads(our.get(), their.get(), path.push("[value]"));
            }
            (Type::ListFixed { item: our, len }, Type::ListFixed { item: their, len: other }) => {
                if len != other {
                    self.differ(path, "a length of ", len, other);
                }
                self.reads(our.get(), their.get(), path.push("[]"));
            }
            (Type::Str { cap }, Type::Str { cap: other })
            | (Type::Data { cap }, Type::Data { cap: other }) => self.caps(*cap, *other, path),
            _ if ours == theirs => {}
            _ => self.differ(path, "", &ours, &theirs),
        }
        // What is inside may fit while the whole does not: a new member may be larger.
        let (our, their) = (ours.layout(), theirs.layout());
        if our != their && self.out.len() == before {
            let size = |layout: Option<crate::Layout>| layout.map_or(0, |layout| layout.size);
            let align = |layout: Option<crate::Layout>| layout.map_or(0, |layout| layout.align);
            match size(our) == size(their) {
                true => self.differ(path, "an alignment of ", &align(our), &align(their)),
                false => self.differ(path, "a size of ", &size(our), &size(their)),
            }
        }
    }

    fn caps(&mut self, reader: Option<u64>, writer: Option<u64>, path: Message) {
        if reader != writer {
            let show = |cap: Option<u64>| cap.map_or("none".to_owned(), |cap| cap.to_string());
            self.differ(path, "a cap of ", &show(reader), &show(writer));
        }
    }

    fn structs(&mut self, reader: &Type, writer: &Type, path: Message) {
        let (Type::Struct(ours), Type::Struct(theirs)) = (reader, writer) else {
            return;
        };
        let (ours, theirs) = (slice(ours), slice(theirs));
        for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
            let inner = enter(path, our);
            if our.name != their.name {
                self.differ(inner, "the field ", &our.name, &their.name);
                continue;
            }
            let (here, there) = (reader.field_offset(index), writer.field_offset(index));
            if let (Some(here), Some(there)) = (here, there)
                && here != there
            {
                self.differ(inner, "the offset ", &here, &there);
            }
            self.reads(our.ty.get(), their.ty.get(), inner);
        }
        if ours.len() != theirs.len() {
            self.differ(path, "", &fields(ours.len()), &fields(theirs.len()));
        }
    }
}

fn fields(count: usize) -> String {
    format!("{count} fields")
}

/// What stands before the second number: "a cap of 4 .., of 8 ..".
fn of(what: &str) -> &str {
    if what.ends_with(" of ") { "of " } else { "" }
}
