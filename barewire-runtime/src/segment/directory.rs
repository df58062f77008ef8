//! The private directory that segments live in, and the names they can have.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::header;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{file, lock, socket};

/// The environment variable that names another directory.
pub const DIRECTORY_VARIABLE: &str = "BAREWIRE_DIR";
/// The longest name of a segment, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// A directory for segments: owned by this user, and writable by nobody else.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    pub(crate) handle: OwnedFd,
}

impl Directory {
    /// The directory that `BAREWIRE_DIR` names, else one of this user's in `/dev/shm`.
    ///
    /// # Errors
    ///
    /// As [`Directory::at`].
    pub fn standard() -> Result<Self> {
        Self::at(Self::standard_path())
    }

    /// Where the standard directory is, or would be made.
    #[must_use]
    pub fn standard_path() -> PathBuf {
        match std::env::var_os(DIRECTORY_VARIABLE) {
            Some(path) => path.into(),
            None => format!("/dev/shm/barewire-{}", crate::sys::user()).into(),
        }
    }

    /// The directory at `path`; `None` if there is nothing. Nothing is made.
    ///
    /// ```
    /// use barewire_runtime::segment::Directory;
    /// assert!(Directory::existing("/dev/shm/no-such-directory")?.is_none());
    /// # Ok::<(), barewire_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Directory::at`].
    pub fn existing(path: impl AsRef<Path>) -> Result<Option<Self>> {
        match path.as_ref().symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            _ => Self::checked(path.as_ref()).map(Some),
        }
    }

    /// The directory at `path`, which is made (mode 0700) if only its last part is missing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Untrusted`] if it is a link, belongs to somebody else, or others may write in
    /// it; [`ErrorKind::Io`] if it cannot be made or opened.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        file::make_directory(path).map_err(|error| {
            Error::system(&path.display().to_string(), "cannot make the directory", error)
        })?;
        Self::checked(path)
    }

    fn checked(path: &Path) -> Result<Self> {
        let path = path.to_path_buf();
        let subject = path.display().to_string();
        let handle = file::open_directory(&path).map_err(|error| {
            let link = path.symlink_metadata().is_ok_and(|data| !data.file_type().is_dir());
            if link {
                Error::new(
                    ErrorKind::Untrusted,
                    subject.clone(),
                    "is not a directory (links are not followed)",
                )
            } else {
                Error::system(&subject, "cannot open the directory", error)
            }
        })?;
        let facts = file::facts(&handle)
            .map_err(|error| Error::system(&subject, "cannot examine the directory", error))?;
        if !facts.owned {
            let detail = "belongs to another user; name a directory of your own in BAREWIRE_DIR";
            return Err(Error::new(ErrorKind::Untrusted, subject, detail));
        }
        if facts.mode & 0o022 != 0 {
            let detail = format!(
                "others may write in it (mode {:04o}); a directory for segments needs mode 0700",
                facts.mode
            );
            return Err(Error::new(ErrorKind::Untrusted, subject, detail));
        }
        Ok(Self { path, handle })
    }

    /// Where the directory is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the segments in it that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the directory cannot be read.
    pub fn segments(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| matches!(self.inhabitants(name), Ok(Some((_, true)))));
        names.sort();
        Ok(names)
    }

    /// Removes what dead processes have left: segments that nobody alive is attached to.
    ///
    /// Creating a segment does this as well.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the directory cannot be read.
    pub fn remove_abandoned(&self) -> Result<()> {
        for name in self.names()? {
            self.remove_if_uninhabited(&name);
            self.remove_abandoned_socket(&name);
        }
        Ok(())
    }

    /// Removes the socket of a pipe's server that is dead; nothing else.
    ///
    /// If somebody is naming a socket right now, there is nothing to do: the next one in tries
    /// again.
    pub(crate) fn remove_abandoned_socket(&self, name: &str) {
        let is_dead = || {
            let facts = file::facts_at(&self.handle, name);
            facts.is_ok_and(|facts| facts.socket && facts.owned)
                && socket::open_entry(&self.handle, name)
                    .and_then(|entry| socket::is_abandoned(&entry))
                    .unwrap_or(false)
        };
        if !is_dead() {
            return;
        }
        // A lock of its own: whoever holds another one through this handle keeps it.
        let Ok(directory) = file::open_directory(&self.path) else { return };
        if socket::try_lock_directory(&directory).unwrap_or(false) && is_dead() {
            let _ = file::unlink(&self.handle, name);
        }
    }

    /// What is known of the entry `name`; `None` if there is none.
    pub(crate) fn facts(&self, name: &str) -> Option<file::Facts> {
        file::facts_at(&self.handle, name).ok()
    }

    /// Whether somebody has the socket `name`.
    pub(crate) fn is_served(&self, name: &str) -> bool {
        let entry = socket::open_entry(&self.handle, name);
        entry.and_then(|entry| socket::is_abandoned(&entry)).is_ok_and(|abandoned| !abandoned)
    }

    /// Removes the segment `name`, unless somebody alive is attached.
    pub(crate) fn remove_if_uninhabited(&self, name: &str) {
        if let Ok(Some((file, false))) = self.inhabitants(name) {
            self.remove_if_abandoned(&file, name);
        }
    }

    /// Removes an entry, whatever it is.
    pub(crate) fn unlink(&self, name: &str) -> Result<()> {
        file::unlink(&self.handle, name)
            .map_err(|error| Error::system(name, "cannot remove it", error))
    }

    /// All names in it, whatever they lead to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let subject = self.path.display().to_string();
        file::names(&self.handle)
            .map_err(|error| Error::system(&subject, "cannot read the directory", error))
    }

    /// Whether somebody alive is attached to the segment `name`.
    pub(super) fn has_inhabitants(&self, name: &str) -> Result<bool> {
        let found = self.inhabitants(name);
        let found = found.map_err(|error| Error::system(name, "cannot ask who is alive", error))?;
        Ok(found.is_some_and(|(_, alive)| alive))
    }

    /// The segment `name` and whether somebody alive is attached; `None` if it is no segment.
    fn inhabitants(&self, name: &str) -> std::io::Result<Option<(File, bool)>> {
        let absent = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof => Ok(None),
            _ => Err(error),
        };
        let facts = match file::facts_at(&self.handle, name) {
            Ok(facts) => facts,
            Err(error) => return absent(error),
        };
        if !facts.regular || !facts.owned {
            return Ok(None);
        }
        let mut file = match file::open(&self.handle, name) {
            Ok(file) => file,
            Err(error) => return absent(error),
        };
        let mut magic = [0_u8; 8];
        if let Err(error) = file.read_exact(&mut magic) {
            return absent(error);
        }
        if u64::from_le_bytes(magic) != header::MAGIC {
            return Ok(None);
        }
        let alive = is_inhabited(&file)?;
        Ok(Some((file, alive)))
    }

    /// Removes `name` if it still is `file` and nobody is attached, holding the gate meanwhile.
    ///
    /// A gate that is taken means that somebody is arriving or cleaning: then there is nothing to
    /// do. Whether it was removed is not worth an error: the next one in tries again.
    pub(super) fn remove_if_abandoned(&self, file: &File, name: &str) {
        if !lock::try_lock(file, header::GATE_BYTE, 1).unwrap_or(false) {
            return;
        }
        if !is_inhabited(file).unwrap_or(true) {
            self.remove_same(file, name);
        }
        // Closing the file releases the gate as well.
        let _ = lock::unlock(file, header::GATE_BYTE, 1);
    }

    /// Removes the entry `name` if it still leads to `file`.
    pub(super) fn remove_same(&self, file: &File, name: &str) {
        let same = match (file::facts(file), file::facts_at(&self.handle, name)) {
            (Ok(ours), Ok(there)) => ours.inode == there.inode,
            _ => false,
        };
        if same {
            let _ = file::unlink(&self.handle, name);
        }
    }
}

/// Whether anybody else holds the lock of a participant.
pub(super) fn is_inhabited(file: &File) -> std::io::Result<bool> {
    lock::held_by_other(file, header::ALIVE_BYTE, header::MAX_PARTICIPANTS as u64)
}

/// Refuses every name that is not plainly a name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let starts = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if starts && name.len() <= MAX_NAME_BYTES && name.bytes().all(legal) {
        return Ok(());
    }
    let shown = name.chars().take(40).collect::<String>();
    let detail = "is no name for a segment or a pipe: use 1 to 128 of A-Z a-z 0-9 . _ - and begin \
                  with a letter or a digit";
    Err(Error::new(ErrorKind::InvalidName, format!("{shown:?}"), detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_directory() {
        for name in ["", ".", "..", "a/b", "/a", "../a", "a\0b", ".hidden", "-x", "é", "a b"] {
            let error = check_name(name).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidName);
        }
        assert!(check_name(&"x".repeat(129)).is_err());
        for name in ["a", "chat.room-1_b", "7", &"x".repeat(128)] {
            check_name(name).expect("a legal name");
        }
    }
}
