//! Everything in a directory of segments, and removing one of them.

use super::Inspected;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::Directory;

/// One name in a directory of segments.
#[derive(Debug)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// The bytes of the file.
    pub bytes: u64,
    /// The permissions.
    pub mode: u32,
    /// What stands there.
    pub what: What,
}

/// What stands under a name.
#[derive(Debug)]
pub enum What {
    /// A segment.
    Segment(Box<Inspected>),
    /// The socket of a pipe's server, and whether that lives.
    Pipe {
        /// Whether its server lives.
        alive: bool,
    },
    /// A FIFO.
    Fifo,
    /// Something else, or a segment that cannot be trusted or read, and why.
    Foreign(Error),
}

/// Everything in a directory, by name.
///
/// ```
/// use barewire_runtime::inspect::{What, entries};
/// use barewire_runtime::ipc::SharedRegion;
/// use barewire_runtime::segment::Directory;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-entries-{}", std::process::id());
/// let region = SharedRegion::<u64>::create(&name, &1)?;
/// let found = entries(&Directory::standard()?)?;
/// let ours = found.iter().find(|entry| entry.name == name).expect("it was made");
/// assert!(matches!(&ours.what, What::Segment(segment) if segment.participants().len() == 1));
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// `Io` if the directory cannot be read.
#[inline]
pub fn entries(directory: &Directory) -> Result<Vec<Entry>> {
    let mut names = directory.names()?;
    names.sort();
    Ok(names.into_iter().filter_map(|name| entry(directory, name)).collect())
}

/// What stands under a name; `None` if it went meanwhile.
#[inline]
fn entry(directory: &Directory, name: String) -> Option<Entry> {
    let facts = directory.facts(&name)?;
    let what = if facts.socket && facts.owned {
        What::Pipe { alive: directory.is_served(&name) }
    } else if facts.fifo && facts.owned {
        What::Fifo
    } else {
        match Inspected::open(directory, &name) {
            Ok(segment) => What::Segment(Box::new(segment)),
            Err(error) if error.is_not_found() => return None,
            Err(error) => What::Foreign(error),
        }
    };
    Some(Entry { name, bytes: facts.bytes, mode: facts.mode, what })
}

/// Removes the name of a segment that nobody alive is attached to; with `force`, of anything.
/// Those who are attached keep what they have, and nobody else finds it.
///
/// # Errors
///
/// `NotFound`; `Refused` if somebody lives in it or it is foreign; `InvalidName`, `Io`.
#[inline]
pub fn remove(directory: &Directory, name: &str, force: bool) -> Result<()> {
    crate::segment::check_name(name)?;
    let absent = || Error::new(ErrorKind::NotFound, name, "no such segment exists");
    let found = entry(directory, name.to_owned()).ok_or_else(absent)?;
    let refused = |detail: &'static str| Err(Error::new(ErrorKind::Refused, name, detail));
    if force {
        return directory.unlink(name);
    }
    match found.what {
        What::Segment(segment) if segment.participants().iter().any(|one| one.alive) => {
            return refused("is in use: somebody alive is attached to it");
        }
        What::Pipe { alive: true } => return refused("is in use: its server lives"),
        What::Fifo => return refused("is a FIFO, which may be in use"),
        What::Foreign(error) => return Err(error),
        What::Segment(_) => directory.remove_if_uninhabited(name),
        What::Pipe { alive: false } => directory.remove_abandoned_socket(name),
    }
    match directory.facts(name) {
        None => Ok(()),
        Some(_) => refused("is in use: somebody came just now"),
    }
}
