//! A segment as somebody sees it who is not attached: read-only, without a lock, unnoticed.

use std::fs::File;
use std::sync::atomic::Ordering;

use barewire_schema::{Fingerprint, Link, Schema, Type};

use super::header::{
    ALIVE_BYTE, Header, MAX_PARTICIPANTS, PARTICIPANT_INCARNATION, PARTICIPANT_PROCESS,
    PARTICIPANT_STATE,
};
use super::participants::{ATTACHED, entry};
use super::{Directory, Kind, malformed, trusted};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::map::Mapping;
use crate::sys::{file, lock};

/// Somebody who is attached to a segment, or who died attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Participant {
    /// The place among the participants of the segment.
    pub index: u8,
    /// The process id that it has written down. Nothing decides by it: it may be of another
    /// namespace, or of another process by now.
    pub process: u32,
    /// 128 random bits of this life.
    pub incarnation: u128,
    /// Whether the kernel says that it lives.
    pub alive: bool,
}

/// A file that is mapped for reading, and what its header says.
#[derive(Debug)]
pub(crate) struct Glance {
    pub(crate) file: File,
    pub(crate) map: Mapping,
    pub(crate) header: Header,
}

/// What a segment holds.
#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) kind: Kind,
    /// The schema, as it stands there.
    pub(crate) text: String,
    pub(crate) schema: Schema,
    /// The schema's last type, as the creator of the segment had it.
    pub(crate) ty: Type,
}

/// The type of what a segment holds.
#[inline]
pub(crate) fn type_of(directory: &Directory, name: &str) -> Result<Type> {
    Ok(Glance::open(directory, name)?.describe(name)?.ty)
}

/// The root of a schema with that layout id: under its name, or without one.
#[inline]
fn named(schema: &Schema, layout_id: Fingerprint) -> Option<Type> {
    let root = schema.root();
    let definition = Some(Link::from(root.clone()));
    let named = Type::User { name: schema.root_name().to_owned().into(), definition };
    [named, root.clone()].into_iter().find(|ty| ty.layout_id() == layout_id)
}

impl Glance {
    #[inline]
    pub(crate) fn open(directory: &Directory, name: &str) -> Result<Self> {
        super::check_name(name)?;
        let fault = |doing| move |error| Error::system(name, doing, error);
        let facts = file::facts_at(&directory.handle, name).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                Error::new(ErrorKind::NotFound, name, "no such segment exists")
            } else {
                Error::system(name, "cannot examine the segment", error)
            }
        })?;
        trusted(name, &facts)?;
        let file = file::open_read_only(&directory.handle, name)
            .map_err(fault("cannot open the segment"))?;
        trusted(name, &file::facts(&file).map_err(fault("cannot examine the segment"))?)?;
        let map = Mapping::read_only(&file).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidInput => {
                malformed(name, "is too small to be a segment")
            }
            _ => Error::system(name, "cannot map the segment", error),
        })?;
        let header = Header::read(&map).map_err(|detail| malformed(name, detail))?;
        Ok(Self { file, map, header })
    }

    /// What the segment holds, by its header and its schema.
    #[inline]
    pub(crate) fn describe(&self, name: &str) -> Result<Description> {
        let number = self.header.kind;
        let kind = Kind::of(number)
            .ok_or_else(|| malformed(name, format!("is of kind {number}, which is not known")))?;
        let text = String::from_utf8(self.header.text(&self.map))
            .map_err(|_| malformed(name, "has a schema that is no text"))?;
        let schema = Schema::read("segment", &text).map_err(|errors| {
            malformed(name, format!("has a schema that cannot be read: {errors}"))
        })?;
        let ty = named(&schema, self.header.layout_id)
            .ok_or_else(|| malformed(name, "has a schema with another layout id"))?;
        Ok(Description { kind, text, schema, ty })
    }

    /// Whether nobody can find the segment any more.
    #[inline]
    pub(crate) fn is_removed(&self) -> bool {
        file::facts(&self.file).is_ok_and(|facts| facts.links == 0)
    }

    /// Everybody whose entry says that it is attached.
    #[inline]
    pub(crate) fn participants(&self) -> Vec<Participant> {
        (0..MAX_PARTICIPANTS).filter_map(|index| self.participant(index)).collect()
    }

    #[inline]
    fn participant(&self, index: usize) -> Option<Participant> {
        let word = |at: usize| self.map.u64(entry(index) + at).load(Ordering::Acquire);
        // The words and the lock are of one life only if the state is the same before and after.
        for _ in 0..4 {
            let state = word(PARTICIPANT_STATE);
            if state & ATTACHED == 0 {
                return None;
            }
            let [low, high] = [PARTICIPANT_INCARNATION, PARTICIPANT_INCARNATION + 8].map(word);
            let process = u32::try_from(word(PARTICIPANT_PROCESS)).unwrap_or(0);
            let held = lock::held_by_other(&self.file, ALIVE_BYTE + index as u64, 1);
            if word(PARTICIPANT_STATE) == state {
                return Some(Participant {
                    index: index as u8,
                    process,
                    incarnation: u128::from(low) | u128::from(high) << 64,
                    // If that cannot be asked, nobody is declared dead.
                    alive: held.unwrap_or(true),
                });
            }
        }
        None
    }
}
