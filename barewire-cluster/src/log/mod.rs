//! The manager's log: what it was asked for and what came of it, so that it can go on after a kill.
//!
//! One file, only ever appended to, beside a file whose lock says that a manager has it. When it
//! has grown, what is still needed is written into a new file, which takes its place in one step.

pub(crate) mod format;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use barewire_runtime::codec::{Encode, Encoder};

use crate::core::manager::record::Record;
use crate::error::ClusterError;

/// A log smaller than this is not written anew.
const LEAST_REWRITTEN: u64 = 64 * 1024 * 1024;
/// By how much it must have grown since it was written anew, as a multiple.
const GROWTH: u64 = 4;
/// How many octets of records make a block of a log that is written anew.
const BLOCK: usize = 1 << 20;

/// What a result that was accepted survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Any end of the manager's process: all is written to the file before anything is sent, and
    /// the operating system keeps it. A loss of power may cost what was accepted last.
    Process,
    /// A loss of power as well: `fdatasync` before anything is sent, once for all that has come in
    /// meanwhile.
    #[default]
    Machine,
}

/// The log of one manager, which it alone has.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
    durability: Durability,
    length: u64,
    /// Its length when it was last written anew.
    base: u64,
    _lock: File,
}

fn failed(path: &Path, doing: &str, error: &io::Error) -> ClusterError {
    ClusterError::Log(format!("{}: cannot {doing}: {error}", path.display()))
}

impl Log {
    /// Opens a log, or makes it; gives what stands in it, in order.
    ///
    /// A torn end, which a kill in the middle of a write leaves, is cut off.
    pub(crate) fn open(
        path: &Path,
        durability: Durability,
        who: &str,
        take: &mut dyn FnMut(Record),
    ) -> Result<Self, ClusterError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)
                .map_err(|error| failed(folder, "make the folder", &error))?;
        }
        let lock = lock(path, who)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(|error| failed(path, "open it", &error))?;
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).map_err(|error| failed(path, "read it", &error))?;
        let length = if octets.len() < format::MAGIC.len() {
            begin(&mut file, path).map_err(|error| failed(path, "begin it", &error))?;
            format::MAGIC.len()
        } else {
            let Some(blocks) = octets.strip_prefix(&format::MAGIC) else {
                let path = path.display();
                return Err(ClusterError::Log(format!("{path}: is no log of a manager")));
            };
            format::MAGIC.len() + format::read(blocks, take)
        };
        if length < octets.len() {
            let cut = octets.len() - length;
            tracing::warn!(path = %path.display(), cut, "cut a torn end off the log");
            file.set_len(length as u64).map_err(|error| failed(path, "cut it", &error))?;
        }
        file.seek(SeekFrom::Start(length as u64))
            .map_err(|error| failed(path, "go to its end", &error))?;
        let (path, length) = (path.to_owned(), length as u64);
        Ok(Self { path, file, durability, length, base: length, _lock: lock })
    }

    /// Appends records, for good.
    pub(crate) fn append(&mut self, records: &[u8]) -> Result<(), ClusterError> {
        if records.is_empty() {
            return Ok(());
        }
        let head = format::head(records);
        write_both(&mut self.file, &head, records)
            .map_err(|error| failed(&self.path, "write to it", &error))?;
        self.length += (head.len() + records.len()) as u64;
        match self.durability {
            Durability::Process => Ok(()),
            Durability::Machine => self.sync(),
        }
    }

    /// Makes what was appended survive a loss of power.
    pub(crate) fn sync(&self) -> Result<(), ClusterError> {
        self.file.sync_data().map_err(|error| failed(&self.path, "write it to the disk", &error))
    }

    /// Whether most of it is not needed any more.
    pub(crate) fn has_grown(&self) -> bool {
        self.length > LEAST_REWRITTEN.max(self.base * GROWTH)
    }

    /// Writes it anew: `fill` gives all that it must say.
    pub(crate) fn rewrite(
        &mut self,
        fill: impl FnOnce(&mut dyn FnMut(&Record)),
    ) -> Result<(), ClusterError> {
        let path = self.path.with_extension("new");
        let write = || -> io::Result<(File, u64)> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
            file.write_all(&format::MAGIC)?;
            let (mut length, mut records) = (format::MAGIC.len() as u64, Vec::new());
            let mut outcome = Ok(());
            let mut flush = |records: &mut Vec<u8>| {
                let head = format::head(records);
                length += (head.len() + records.len()) as u64;
                let written = write_both(&mut file, &head, records);
                records.clear();
                written
            };
            fill(&mut |record| {
                record.encode(&mut Encoder::new(&mut records));
                if records.len() > BLOCK && outcome.is_ok() {
                    outcome = flush(&mut records);
                }
            });
            outcome?;
            flush(&mut records)?;
            file.sync_all()?;
            std::fs::rename(&path, &self.path)?;
            sync_folder(&self.path)?;
            Ok((file, length))
        };
        let (file, length) =
            write().map_err(|error| failed(&self.path, "write it anew", &error))?;
        (self.file, self.length, self.base) = (file, length, length);
        Ok(())
    }
}

/// How often each task has a result in a log that was never written anew, by client and number.
/// For tests.
///
/// # Errors
///
/// If the file cannot be read.
#[doc(hidden)]
pub fn results_in_log(path: &Path) -> io::Result<std::collections::BTreeMap<(u32, u64), u32>> {
    let octets = std::fs::read(path)?;
    let blocks = octets.strip_prefix(&format::MAGIC).unwrap_or_default();
    let mut results = std::collections::BTreeMap::new();
    format::read(blocks, &mut |record| {
        if let Record::Finished { session, number, .. } = record {
            *results.entry((session, number)).or_default() += 1;
        }
    });
    Ok(results)
}

fn begin(file: &mut File, path: &Path) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&format::MAGIC)?;
    file.sync_all()?;
    sync_folder(path)
}

/// Takes the lock of a log, which the kernel gives back at any end of the process.
fn lock(path: &Path, who: &str) -> Result<File, ClusterError> {
    let path = path.with_extension("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(|error| failed(&path, "open it", &error))?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the error of others.
            let note = format!("{who}, process {}", std::process::id());
            let _ = file.set_len(0).and_then(|()| file.write_all(note.as_bytes()));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.take(200).read_to_string(&mut holder);
            Err(ClusterError::SecondManager(format!("{holder} works with this log")))
        }
        Err(TryLockError::Error(error)) => Err(failed(&path, "lock it", &error)),
    }
}

fn write_both(file: &mut File, head: &[u8], records: &[u8]) -> io::Result<()> {
    let whole = head.len() + records.len();
    let written = file.write_vectored(&[IoSlice::new(head), IoSlice::new(records)])?;
    if written == whole {
        return Ok(());
    }
    let rest = written.min(head.len());
    file.write_all(&head[rest..])?;
    file.write_all(&records[written - rest..])
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(sessions: std::ops::Range<u32>) -> Vec<u8> {
        let mut octets = Vec::new();
        for session in sessions {
            Record::Forgotten { session }.encode(&mut Encoder::new(&mut octets));
        }
        octets
    }

    fn read(path: &Path) -> Result<(Log, Vec<Record>), ClusterError> {
        let mut found = Vec::new();
        let log = Log::open(path, Durability::Process, "test", &mut |record| found.push(record))?;
        Ok((log, found))
    }

    #[test]
    fn what_was_appended_is_there_again_also_behind_a_torn_end_and_after_a_rewrite() {
        let folder = std::env::temp_dir().join(format!("barewire-log-{}", std::process::id()));
        let path = folder.join("mill.log");
        let (mut log, found) = read(&path).expect("a new log");
        assert_eq!(found, []);
        log.append(&records(0..3)).expect("room");
        let second = read(&path).expect_err("it is open");
        assert!(second.to_string().contains("test, process"), "{second}");
        drop(log);
        let mut file = OpenOptions::new().append(true).open(&path).expect("it is there");
        file.write_all(&format::head(b"torn")).expect("room");
        drop(file);
        let (mut log, found) = read(&path).expect("a torn end is no error");
        assert_eq!(found.len(), 3);
        log.append(&records(3..4)).expect("room");
        drop(log);
        let (mut log, found) = read(&path).expect("it goes on");
        assert_eq!(found.len(), 4);
        log.rewrite(|write| write(&Record::Forgotten { session: 9 })).expect("room");
        log.append(&records(10..11)).expect("room");
        drop(log);
        let (log, found) = read(&path).expect("it goes on");
        let expected = [Record::Forgotten { session: 9 }, Record::Forgotten { session: 10 }];
        assert_eq!(found, expected);
        drop(log);
        std::fs::remove_dir_all(folder).expect("it is ours");
    }
}
