//! Files in a private directory: made without a name, named in one step, opened without trust.
//! And files that no directory knows.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, Stat};
use rustix::io::Errno;

/// What the checks of a directory or a file need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) inode: (u64, u64),
    pub(crate) links: u64,
    pub(crate) bytes: u64,
    pub(crate) regular: bool,
    pub(crate) socket: bool,
    pub(crate) fifo: bool,
    pub(crate) owned: bool,
    pub(crate) mode: u32,
}

impl From<Stat> for Facts {
    fn from(stat: Stat) -> Self {
        Self {
            inode: (stat.st_dev, stat.st_ino),
            links: u64::from(stat.st_nlink as u32),
            bytes: u64::try_from(stat.st_size).unwrap_or(0),
            regular: fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::RegularFile,
            socket: fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::Socket,
            fifo: fs::FileType::from_raw_mode(stat.st_mode) == fs::FileType::Fifo,
            owned: stat.st_uid == super::user(),
            mode: stat.st_mode & 0o7777,
        }
    }
}

pub(crate) fn facts(file: impl AsFd) -> io::Result<Facts> {
    Ok(fs::fstat(file)?.into())
}

/// The facts of the entry `name`, of the link itself if it is one.
pub(crate) fn facts_at(directory: &OwnedFd, name: &str) -> io::Result<Facts> {
    Ok(fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
}

/// Makes the directory, for its owner alone, unless it exists.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    match fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Opens a directory; a link in its place is an error.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    Ok(fs::open(path, flags, Mode::empty())?)
}

/// An unnamed file in `directory`, its space reserved.
pub(crate) fn create_unnamed(directory: &OwnedFd, bytes: u64) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = fs::openat(directory, ".", flags, Mode::RUSR | Mode::WUSR)?;
    let file = File::from(file);
    reserve(&file, bytes)?;
    Ok(file)
}

/// Makes the file `bytes` long and reserves its space.
pub(crate) fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    Ok(fs::fallocate(file, FallocateFlags::empty(), 0, bytes)?)
}

/// A file that no directory knows, its space reserved; nobody can change its length any more.
pub fn create_sealed(name: &str, bytes: u64) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        // Not known before Linux 6.3.
        Err(Errno::INVAL) => fs::memfd_create(name, flags),
        made => made,
    };
    let file = File::from(made?);
    reserve(&file, bytes)?;
    fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(file)
}

/// Whether nobody can change the file's length.
pub fn is_sealed(file: impl AsFd) -> bool {
    let length = SealFlags::SHRINK | SealFlags::GROW;
    fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(length))
}

/// Opens the file behind a descriptor once more; the new one shares no locks with it.
pub(crate) fn reopen(file: impl AsFd) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(fs::open(path, flags, Mode::empty())?))
}

/// Gives an unnamed file its name, in one step; an existing entry is an error.
pub(crate) fn link(file: &File, directory: &OwnedFd, name: &str) -> io::Result<()> {
    let source = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(fs::linkat(fs::CWD, &source, directory, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Opens an entry for reading and writing; a link in its place is an error, a FIFO never blocks.
pub(crate) fn open(directory: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(fs::openat(directory, name, flags, Mode::empty())?))
}

/// Opens an entry for reading alone; a link in its place is an error, a FIFO never blocks.
pub(crate) fn open_read_only(directory: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(fs::openat(directory, name, flags, Mode::empty())?))
}

/// Removes an entry.
pub(crate) fn unlink(directory: &OwnedFd, name: &str) -> io::Result<()> {
    Ok(fs::unlinkat(directory, name, AtFlags::empty())?)
}

/// The names in a directory.
pub(crate) fn names(directory: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::Dir::read_from(directory)? {
        if let Ok(name) = entry?.file_name().to_str()
            && name != "."
            && name != ".."
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
