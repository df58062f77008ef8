//! Memory: of this process, of a file mapped for itself, of a file mapped by several processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::marker::PhantomData;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::slice;
use std::sync::atomic::{AtomicU8, Ordering};

use memmap2::MmapRaw;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::{Bytes, Offset};
use crate::{Error, ErrorKind, Result};

mod sealed {
    pub trait Sealed {}
}

/// What kind of memory it is.
pub trait Tag: sealed::Sealed {}

/// Memory that nobody else writes, so that references into it are sound.
pub trait InPlace: Tag {}

/// Memory of this process.
#[derive(Debug, Clone, Copy)]
pub struct Private;

/// A file that this memory alone has mapped: an exclusive file lock keeps others away.
///
/// The lock binds whoever asks for it, as every [`Memory`] does. A program that writes the file
/// without asking, or shortens it, is outside of what this can defend against.
#[derive(Debug, Clone, Copy)]
pub struct Mapped;

/// A file that several processes map at once and may write at any moment.
///
/// Bytes are copied out before anything looks at them, and no reference into them exists. A copy
/// may hold half of what somebody was writing: checks then see to it that it is a value at all.
#[derive(Debug, Clone, Copy)]
pub struct Shared;

macro_rules! tags {
    ($($tag:ident)*) => {$(
        impl sealed::Sealed for $tag {}
        impl Tag for $tag {}
    )*};
}

tags!(Private Mapped Shared);
impl InPlace for Private {}
impl InPlace for Mapped {}

/// Memory of a process comes in lines, so that every layout finds its alignment.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
struct Line([u8; 64]);

#[derive(Debug)]
enum Backing {
    Lines(Vec<Line>),
    /// The file holds the lock for as long as the mapping exists.
    File(MmapRaw, File),
}

/// A stretch of memory whose start is aligned to at least 64 bytes.
#[derive(Debug)]
pub struct Memory<R: Tag = Private> {
    backing: Backing,
    size: usize,
    tag: PhantomData<R>,
}

impl Memory<Private> {
    /// Zeroed memory of this process.
    ///
    /// # Errors
    ///
    /// If there is not so much.
    pub fn owned(size: Bytes) -> Result<Self> {
        let size = size.to_usize()?;
        let lines = Line::new_vec_zeroed(size.div_ceil(size_of::<Line>())).map_err(|_| {
            let detail = format!("expected room for {size} bytes of memory, found less");
            Error::new(ErrorKind::NoSpace, "memory", detail)
        })?;
        Ok(Self { backing: Backing::Lines(lines), size, tag: PhantomData })
    }
}

impl Memory<Mapped> {
    /// Maps all of an existing file, for this memory alone.
    ///
    /// # Errors
    ///
    /// If the file does not exist, is empty or no regular file, or another memory has mapped it.
    pub fn map_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = open(path)?;
        lock(&file, path, File::try_lock)?;
        Self::of(file, path)
    }

    /// Makes a file of zeroes, its space reserved, and maps it for this memory alone.
    ///
    /// # Errors
    ///
    /// If the file exists, `size` is 0, or the file system has no room.
    pub fn create_file(path: impl AsRef<Path>, size: Bytes) -> Result<Self> {
        let path = path.as_ref();
        let file = create(path, size, File::try_lock)?;
        Self::of(file, path)
    }
}

impl Memory<Shared> {
    /// Maps all of an existing file, beside others that share it.
    ///
    /// # Errors
    ///
    /// If the file does not exist, is empty or no regular file, or somebody has it for itself.
    pub fn share_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = open(path)?;
        lock(&file, path, File::try_lock_shared)?;
        Self::of(file, path)
    }

    /// Makes a file of zeroes, its space reserved, for several to share.
    ///
    /// # Errors
    ///
    /// If the file exists, `size` is 0, or the file system has no room.
    pub fn create_shared_file(path: impl AsRef<Path>, size: Bytes) -> Result<Self> {
        let path = path.as_ref();
        let file = create(path, size, File::try_lock_shared)?;
        Self::of(file, path)
    }
}

impl<R: Tag> Memory<R> {
    fn of(file: File, path: &Path) -> Result<Self> {
        let map =
            MmapRaw::map_raw(&file).map_err(|error| system(path, "cannot be mapped", error))?;
        let size = map.len();
        Ok(Self { backing: Backing::File(map, file), size, tag: PhantomData })
    }

    /// The size.
    #[must_use]
    pub fn size(&self) -> Bytes {
        Bytes::new(self.size as u64)
    }

    /// Waits until the bytes of a file have reached its device; memory has nothing to wait for.
    ///
    /// # Errors
    ///
    /// If the operating system could not write them.
    pub fn flush(&self) -> Result<()> {
        match &self.backing {
            Backing::Lines(_) => Ok(()),
            Backing::File(map, file) => map
                .flush()
                .and_then(|()| file.sync_data())
                .map_err(|error| Error::system("memory", "cannot be flushed", error)),
        }
    }

    /// The place of `len` bytes, if they lie inside.
    pub(super) fn place(&self, at: Offset, len: usize) -> Result<usize> {
        let start = usize::try_from(at.get()).ok();
        match start.filter(|start| start.checked_add(len).is_some_and(|end| end <= self.size)) {
            Some(start) => Ok(start),
            None => {
                let detail =
                    format!("expected {len} bytes at {at}, found a memory of {}", self.size());
                Err(Error::new(ErrorKind::InvalidArgument, "memory", detail))
            }
        }
    }

    /// Copies bytes out.
    ///
    /// # Errors
    ///
    /// If they do not lie inside.
    pub fn read(&self, at: Offset, out: &mut [u8]) -> Result<()> {
        let start = self.place(at, out.len())?;
        match &self.backing {
            Backing::Lines(lines) => {
                out.copy_from_slice(&lines.as_bytes()[start..start + out.len()]);
            }
            Backing::File(map, _) => {
                for (byte, place) in out.iter_mut().zip(atomics(map, start)) {
                    *byte = place.load(Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    ///
    /// If they do not lie inside; nothing is written then.
    pub fn write(&mut self, at: Offset, bytes: &[u8]) -> Result<()> {
        let start = self.place(at, bytes.len())?;
        match &mut self.backing {
            Backing::Lines(lines) => {
                lines.as_mut_bytes()[start..start + bytes.len()].copy_from_slice(bytes);
            }
            Backing::File(map, _) => {
                for (byte, place) in bytes.iter().zip(atomics(map, start)) {
                    place.store(*byte, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }
}

impl<R: InPlace> Memory<R> {
    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.backing {
            Backing::Lines(lines) => &lines.as_bytes()[..self.size],
            // SAFETY: the mapping is that long and lives as long as `self`. Only this memory has
            // it (`InPlace`, by the file's exclusive lock) and writing takes `&mut self`.
            Backing::File(map, _) => unsafe { slice::from_raw_parts(map.as_ptr(), map.len()) },
        }
    }

    /// All bytes, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.backing {
            Backing::Lines(lines) => &mut lines.as_mut_bytes()[..self.size],
            // SAFETY: as for `bytes`; `&mut self` makes this the only reference.
            Backing::File(map, _) => unsafe {
                slice::from_raw_parts_mut(map.as_mut_ptr(), map.len())
            },
        }
    }
}

/// The bytes of a mapping from `start` on, as atomics.
fn atomics(map: &MmapRaw, start: usize) -> &[AtomicU8] {
    // SAFETY: the mapping is that long, readable and writable, and lives as long as `map`; an
    // atomic byte has the layout of a byte, and others may write it at the same time.
    let all = unsafe { slice::from_raw_parts(map.as_ptr().cast::<AtomicU8>(), map.len()) };
    &all[start..]
}

fn system(path: &Path, doing: &'static str, error: std::io::Error) -> Error {
    let subject = path.display().to_string();
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(ErrorKind::NotFound, subject, doing).with(error),
        std::io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::AlreadyExists, subject, doing).with(error)
        }
        _ => Error::system(&subject, doing, error),
    }
}

fn open(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    let file = opened.map_err(|error| system(path, "cannot be opened", error))?;
    let facts = file.metadata().map_err(|error| system(path, "cannot be looked at", error))?;
    if facts.is_file() && facts.len() > 0 {
        return Ok(file);
    }
    let found = if facts.is_file() { "an empty one" } else { "something else" };
    let detail = format!("expected a regular file with content, found {found}");
    Err(Error::new(ErrorKind::Malformed, path.display().to_string(), detail))
}

type Lock = fn(&File) -> Result<(), TryLockError>;

fn create(path: &Path, size: Bytes, how: Lock) -> Result<File> {
    if size == Bytes::ZERO {
        let detail = "expected a size of at least 1 byte, found 0";
        return Err(Error::new(ErrorKind::InvalidArgument, path.display().to_string(), detail));
    }
    let created = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    let file = created.map_err(|error| system(path, "cannot be created", error))?;
    let reserve = || {
        lock(&file, path, how)?;
        crate::sys::file::reserve(&file, size.get())
            .map_err(|error| system(path, "cannot be given its size", error))
    };
    match reserve() {
        Ok(()) => Ok(file),
        Err(error) => {
            // The first error is the one to report; what cannot be removed stays.
            let _ = std::fs::remove_file(path);
            Err(error)
        }
    }
}

fn lock(file: &File, path: &Path, how: Lock) -> Result<()> {
    how(file).map_err(|error| match error {
        TryLockError::WouldBlock => {
            let detail = "expected a file that nobody else holds, found it locked";
            Error::new(ErrorKind::AlreadyExists, path.display().to_string(), detail)
        }
        TryLockError::Error(error) => system(path, "cannot be locked", error),
    })
}
