//! `Fifo<T>`: a stream of values in one direction that ordinary tools can read, copy and write.

use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use barewire_schema::BareSchema;

use super::frame::DEFAULT_MESSAGE_BYTES;
use super::link::Link;
use super::{PipeReceiver, PipeSender};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::{Directory, check_name};
use crate::sys::{fifo, file};

/// How long to wait before another look whether somebody reads.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// A FIFO of values of `T`: one writer at a time, one reader, and whatever tools in between.
///
/// `cat FIFO > FILE` keeps a stream, `tee` copies it, and `cat FILE > FIFO` plays it again; a file
/// is read with [`PipeReceiver::from_stream`]. A writer that is killed leaves a message that breaks
/// off at worst: the reader says so, and goes on with the next writer. One that comes while a
/// writer is in the middle of its stream is told `Malformed`, and goes on with the next writer as
/// well. The FIFO's name is removed with whoever made it; one that was left behind by a kill is
/// used again.
///
/// ```
/// # extern crate barewire_runtime as barewire;
/// use std::time::Duration;
/// use barewire::ipc::Fifo;
///
/// # fn main() -> barewire::Result<()> {
/// # let name = format!("docs-fifo-{}", std::process::id());
/// let fifo = Fifo::<String>::open(&name)?;
/// let mut reader = fifo.reader()?; // in another process, as a rule, or `cat`
/// let mut writer = fifo.writer(Duration::from_secs(5))?;
/// writer.send(&"boiling".to_owned())?;
/// assert_eq!(reader.receive()?, "boiling");
/// drop(writer);
/// assert!(reader.receive().is_err_and(|error| error.is_closed())); // then waits for the next
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Fifo<T> {
    entry: Arc<Entry>,
    _value: PhantomData<fn(T) -> T>,
}

/// The name of a FIFO, which goes with whoever made it.
#[derive(Debug)]
struct Entry {
    directory: Directory,
    name: String,
    made: bool,
    inode: (u64, u64),
}

impl Entry {
    fn fault(&self, doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |error| Error::system(&self.name, doing, error)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let there = file::facts_at(&self.directory.handle, &self.name);
        if self.made && there.is_ok_and(|facts| facts.inode == self.inode) {
            let _ = file::unlink(&self.directory.handle, &self.name);
        }
    }
}

impl<T: BareSchema> Fifo<T> {
    /// The FIFO of that name in the standard directory; it is made if it is not there.
    ///
    /// # Errors
    ///
    /// `InvalidName`; `Untrusted` if something else has the name, or others may use it; `Io`.
    pub fn open(name: &str) -> Result<Self> {
        check_name(name)?;
        Self::within(Directory::standard()?, name)
    }

    /// The FIFO of that name in another directory; it is made if it is not there.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(directory: impl AsRef<Path>, name: &str) -> Result<Self> {
        check_name(name)?;
        Self::within(Directory::at(directory)?, name)
    }

    fn within(directory: Directory, name: &str) -> Result<Self> {
        let fault = |doing| move |error| Error::system(name, doing, error);
        let made = fifo::make(&directory.handle, name).map_err(fault("cannot make the FIFO"))?;
        let facts =
            file::facts_at(&directory.handle, name).map_err(fault("cannot examine the FIFO"))?;
        let problem = if !facts.fifo {
            "is there already, and is no FIFO (links are not followed); nothing was changed"
        } else if !facts.owned {
            "belongs to another user"
        } else if facts.mode & 0o077 != 0 {
            "others may read or write it; a FIFO has mode 0600"
        } else {
            let (name, inode) = (name.to_owned(), facts.inode);
            let entry = Arc::new(Entry { directory, name, made, inode });
            return Ok(Self { entry, _value: PhantomData });
        };
        Err(Error::new(ErrorKind::Untrusted, name, problem))
    }

    /// Where it is, for other tools.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.entry.directory.path().join(&self.entry.name)
    }

    /// The end that is written to; waits up to `timeout` for somebody who reads.
    ///
    /// # Errors
    ///
    /// `TimedOut` if nobody reads, `AlreadyExists` if somebody else writes, `Io`.
    pub fn writer(&self, timeout: Duration) -> Result<PipeSender<T>> {
        let entry = &self.entry;
        let deadline = Instant::now().checked_add(timeout);
        let end = loop {
            let opened = fifo::open_to_write(&entry.directory.handle, &entry.name);
            if let Some(end) = opened.map_err(entry.fault("cannot open the FIFO"))? {
                break end;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Error::new(ErrorKind::TimedOut, &*entry.name, "nobody reads it"));
            }
            std::thread::sleep(BETWEEN_LOOKS);
        };
        self.check(&end)?;
        if !fifo::try_lock_writer(&end).map_err(entry.fault("cannot lock the FIFO"))? {
            let detail = "has a writer already";
            return Err(Error::new(ErrorKind::AlreadyExists, &*entry.name, detail));
        }
        let kept: Arc<Entry> = Arc::clone(entry);
        PipeSender::one_way(Link::fifo(&entry.name, end, Some(kept)), true)
    }

    /// The end that is read from; the first call that receives waits for a writer.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if somebody else reads, `Io`.
    pub fn reader(&self) -> Result<PipeReceiver<T>> {
        let entry = &self.entry;
        let lock = fifo::open_to_read(&entry.directory.handle, &entry.name)
            .map_err(entry.fault("cannot open the FIFO"))?;
        self.check(&lock)?;
        if !fifo::try_lock_reader(&lock).map_err(entry.fault("cannot lock the FIFO"))? {
            let detail = "has a reader already";
            return Err(Error::new(ErrorKind::AlreadyExists, &*entry.name, detail));
        }
        let reopen = Reopen { entry: Arc::clone(entry), lock };
        let link = reopen.open()?;
        Ok(PipeReceiver::one_way(link, DEFAULT_MESSAGE_BYTES, Some(reopen)))
    }

    /// That what was opened is what was examined.
    fn check(&self, end: &OwnedFd) -> Result<()> {
        let facts = file::facts(end).map_err(self.entry.fault("cannot examine the FIFO"))?;
        if facts.inode == self.entry.inode {
            return Ok(());
        }
        let detail = "was replaced meanwhile; open it again";
        Err(Error::new(ErrorKind::NotFound, &*self.entry.name, detail))
    }
}

/// How a reader opens its FIFO for the next writer.
#[derive(Debug)]
pub(super) struct Reopen {
    entry: Arc<Entry>,
    /// Keeps others from reading, and the FIFO from being without a reader in between.
    lock: OwnedFd,
}

impl Reopen {
    pub(super) fn open(&self) -> Result<Link> {
        // By the descriptor that is locked, since the name may lead elsewhere by now.
        let end = fifo::reopen_to_read(&self.lock);
        let end = end.map_err(self.entry.fault("cannot open the FIFO"))?;
        Ok(Link::fifo(&self.entry.name, end, None))
    }
}
