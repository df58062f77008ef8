//! FIFOs in a private directory, and plain files: streams in one direction.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// So many octets go into a FIFO in one piece, whenever the writer is killed (`PIPE_BUF`).
pub(crate) const WHOLE: usize = 4096;

/// Makes a FIFO for its owner alone; false if the entry exists.
pub(crate) fn make(directory: &OwnedFd, name: &str) -> io::Result<bool> {
    // This is `mkfifo`; its mode is what the process masks at most, so it is set again.
    match fs::mkfifoat(directory, name, Mode::RUSR | Mode::WUSR) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens the reading end of the FIFO behind an entry; no call on it waits.
pub(crate) fn open_to_read(directory: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(directory, name, flags, Mode::empty())?)
}

/// Opens the reading end once more.
pub(crate) fn reopen_to_read(end: &OwnedFd) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", end.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(fs::open(path, flags, Mode::empty())?)
}

/// Opens the writing end; `None` while nobody reads. No call on it waits.
pub(crate) fn open_to_write(directory: &OwnedFd, name: &str) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::openat(directory, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Takes the lock of the reading ends; false if somebody else reads.
pub(crate) fn try_lock_reader(file: &OwnedFd) -> io::Result<bool> {
    match fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes the lock of the writing ends; false if somebody else writes.
pub(crate) fn try_lock_writer(file: &OwnedFd) -> io::Result<bool> {
    // Another kind of lock than the readers', of which the kernel keeps one a file.
    super::lock::try_lock(&File::from(file.try_clone()?), 0, 1)
}

pub(crate) fn read(file: &OwnedFd, into: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(file, into)?)
}

pub(crate) fn write(file: &OwnedFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::io::writev(file, parts)?)
}
