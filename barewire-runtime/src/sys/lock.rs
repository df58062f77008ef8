//! Locks on byte ranges of an open file: the kernel's own witness of who is alive.
//!
//! These are locks of the open file description (`F_OFD_SETLK`, Linux 3.15): they do not conflict
//! with themselves, do conflict between two descriptions in one process, and are released by the
//! kernel when the last descriptor is closed, which a SIGKILL does as well.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

fn range(kind: libc::c_int, start: u64, len: u64) -> io::Result<libc::flock> {
    let number = |value: u64| i64::try_from(value).map_err(|_| io::ErrorKind::InvalidInput);
    Ok(libc::flock {
        l_type: i16::try_from(kind).map_err(|_| io::ErrorKind::InvalidInput)?,
        l_whence: libc::SEEK_SET as i16,
        l_start: number(start)?,
        l_len: number(len)?,
        l_pid: 0,
    })
}

fn control(file: &File, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` lives, and `lock` is a valid `flock`
    // that the call may overwrite.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), command, lock as *mut libc::flock) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes the exclusive lock of `len` bytes from `start`; false if somebody else holds any of them.
pub(crate) fn try_lock(file: &File, start: u64, len: u64) -> io::Result<bool> {
    match control(file, libc::F_OFD_SETLK, &mut range(libc::F_WRLCK, start, len)?) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(error),
        },
    }
}

/// Gives the lock back.
pub(crate) fn unlock(file: &File, start: u64, len: u64) -> io::Result<()> {
    control(file, libc::F_OFD_SETLK, &mut range(libc::F_UNLCK, start, len)?)
}

/// Whether another open file holds a lock on any of the bytes.
pub(crate) fn held_by_other(file: &File, start: u64, len: u64) -> io::Result<bool> {
    let mut lock = range(libc::F_WRLCK, start, len)?;
    control(file, libc::F_OFD_GETLK, &mut lock)?;
    Ok(lock.l_type != libc::F_UNLCK as i16)
}
