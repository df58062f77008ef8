//! Frames in named pipes, between processes of one machine that share no memory.
//!
//! Each node has an inbox, a FIFO that it reads and all others write. The kernel takes what is at
//! most `PIPE_BUF` octets long whole or not at all, so a frame is never torn, whoever is killed.
//! Who lives is a fact that the kernel tells: a FIFO that nobody reads cannot be opened for
//! writing, and says so to whoever has it open.
//!
//! ```text
//!  0  2  length of the frame, little-endian; 1 to 4094
//!  2  …  the frame
//! ```

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use barewire_runtime::segment::Directory;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::pipe::fcntl_setpipe_size;

use super::bell::Bell;
use super::{Event, Sent, Transport, TransportError, Wake};
use crate::wire::Incarnation;

/// What the kernel takes whole.
const PIPE_BUF: usize = 4096;
const LENGTH: usize = 2;
const FIFO_BYTES: usize = 1 << 20;
/// How often a node looks who has come and who has died.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How much is read at once, and how many times in a row.
const READ_BYTES: usize = 64 * 1024;
const MOST_READS: usize = 16;
/// A FIFO that was not finished by then never will be.
const ABANDONED: Duration = Duration::from_secs(10);
const UNFINISHED: &str = "new-";

/// Where the pipes are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PipeOptions {
    /// Another directory than the standard one.
    pub directory: Option<PathBuf>,
}

/// The transport in named pipes.
#[derive(Debug)]
pub struct PipeTransport {
    me: Incarnation,
    folder: PathBuf,
    inbox: File,
    peers: BTreeMap<Incarnation, File>,
    looked: Option<Instant>,
    bell: Bell,
    /// What was read and is no whole frame yet.
    read: Vec<u8>,
    out: Vec<u8>,
}

fn failed(doing: &str, error: &dyn std::fmt::Display) -> TransportError {
    TransportError::new(doing, error)
}

impl PipeTransport {
    /// Opens the transport of a node.
    ///
    /// # Errors
    ///
    /// If the directory is not the user's own, or the FIFO cannot be made.
    pub fn open(
        cluster: &str,
        me: Incarnation,
        options: PipeOptions,
    ) -> Result<Self, TransportError> {
        let directory = match &options.directory {
            Some(path) => Directory::at(path),
            None => Directory::standard(),
        };
        let directory = directory.map_err(|error| failed("open the directory", &error))?;
        let folder = directory.path().join(format!("{cluster}.pipes"));
        let mut made = Err(io::Error::from(ErrorKind::NotFound));
        // The last one to leave removes the folder, perhaps just now.
        for _ in 0..64 {
            Directory::at(&folder).map_err(|error| failed("open the folder of pipes", &error))?;
            made = make(&folder, me);
            if made.as_ref().map_err(io::Error::kind).err() != Some(ErrorKind::NotFound) {
                break;
            }
        }
        let inbox = made.map_err(|error| failed("make the inbox", &error))?;
        let bell = Bell::new().map_err(|error| failed("make a descriptor for wakes", &error))?;
        let (peers, read, out) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self { me, folder, inbox, peers, looked: None, bell, read, out })
    }

    /// Looks who has come and who has died.
    fn look(&mut self, take: &mut dyn FnMut(Event<'_>)) {
        self.looked = Some(Instant::now());
        for node in self.unread() {
            self.peers.remove(&node);
            let _ = std::fs::remove_file(path(&self.folder, node));
            take(Event::Lost(node));
        }
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(UNFINISHED) {
                remove_abandoned(&entry.path());
            }
            let Ok(bits) = u128::from_str_radix(name, 16) else { continue };
            let node = Incarnation::from_u128(bits);
            if node == self.me || self.peers.contains_key(&node) {
                continue;
            }
            match open(&path(&self.folder, node)) {
                Ok(file) => {
                    self.peers.insert(node, file);
                    take(Event::Seen(node));
                }
                Err(error) if is_unread(&error) => {
                    let _ = std::fs::remove_file(entry.path());
                }
                Err(_) => {}
            }
        }
    }

    /// The nodes whose inbox nobody reads any more.
    fn unread(&self) -> Vec<Incarnation> {
        let file = |file| PollFd::from_borrowed_fd(file, PollFlags::empty());
        let mut polled: Vec<_> = self.peers.values().map(|peer| file(peer.as_fd())).collect();
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut polled, Some(&none)).is_err() {
            return Vec::new();
        }
        let dead = |file: &PollFd<'_>| file.revents().contains(PollFlags::ERR);
        let both = self.peers.keys().zip(&polled);
        both.filter(|(_, file)| dead(file)).map(|(&node, _)| node).collect()
    }

    /// Hands over the whole frames that there are; whether there were any.
    fn drain(&mut self, take: &mut dyn FnMut(Event<'_>)) -> bool {
        let mut any = false;
        for _ in 0..MOST_READS {
            let before = self.read.len();
            self.read.resize(before + READ_BYTES, 0);
            let length = (&self.inbox).read(&mut self.read[before..]).unwrap_or(0);
            self.read.truncate(before + length);
            if length == 0 {
                break;
            }
            let mut at = 0;
            while let Some(head) = self.read.get(at..at + LENGTH) {
                let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
                if length == 0 || length > PIPE_BUF - LENGTH {
                    // Whoever wrote that is no node. What is in the pipe is lost, and said again.
                    tracing::warn!("octets in a node's pipe that are no frames");
                    while (&self.inbox).read(&mut self.read).is_ok_and(|length| length > 0) {}
                    at = self.read.len();
                    break;
                }
                let Some(frame) = self.read.get(at + LENGTH..at + LENGTH + length) else { break };
                take(Event::Frame(frame));
                any = true;
                at += LENGTH + length;
            }
            self.read.drain(..at);
        }
        any
    }

    fn put(out: &mut Vec<u8>, mut peer: &File, frame: &[u8]) -> Sent {
        if frame.is_empty() || frame.len() > PIPE_BUF - LENGTH {
            return Sent::NoWay;
        }
        out.clear();
        out.extend_from_slice(&(frame.len() as u16).to_le_bytes());
        out.extend_from_slice(frame);
        match peer.write(out) {
            Ok(_) => Sent::Taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Full,
            Err(_) => Sent::NoWay,
        }
    }
}

fn path(folder: &Path, node: Incarnation) -> PathBuf {
    folder.join(node.to_string())
}

fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error())
}

/// Opens a FIFO that somebody reads, to be written.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    OpenOptions::new().write(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Makes the FIFO of a node; it has its name only once it is read.
fn make(folder: &Path, me: Incarnation) -> io::Result<File> {
    let unfinished = folder.join(format!("{UNFINISHED}{me}"));
    mknodat(CWD, &unfinished, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    // Its reader can write as well, so that it never ends.
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&unfinished)?;
    // More than the usual 64 KiB, if the system allows it.
    let _ = fcntl_setpipe_size(&file, FIFO_BYTES);
    std::fs::rename(unfinished, path(folder, me))?;
    Ok(file)
}

/// Removes a FIFO whose maker was killed before it was finished.
fn remove_abandoned(path: &Path) {
    let made = path.metadata().and_then(|data| data.modified());
    let age = made.map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
    if age.is_ok_and(|age| age > ABANDONED) && open(path).is_err_and(|error| is_unread(&error)) {
        let _ = std::fs::remove_file(path);
    }
}

impl Transport for PipeTransport {
    fn largest_frame(&self) -> usize {
        PIPE_BUF - LENGTH
    }

    fn tells_deaths(&self) -> bool {
        true
    }

    fn send(&mut self, to: Incarnation, frame: &[u8]) -> Result<Sent, TransportError> {
        if !self.peers.contains_key(&to)
            && let Ok(file) = open(&path(&self.folder, to))
        {
            // One that is not known yet may have spoken first.
            self.peers.insert(to, file);
        }
        Ok(match self.peers.get(&to) {
            Some(peer) => Self::put(&mut self.out, peer, frame),
            None => Sent::NoWay,
        })
    }

    fn broadcast(&mut self, frame: &[u8]) -> Result<Sent, TransportError> {
        if frame.len() > self.largest_frame() {
            return Ok(Sent::NoWay);
        }
        let mut sent = Sent::Taken;
        for peer in self.peers.values() {
            if Self::put(&mut self.out, peer, frame) == Sent::Full {
                sent = Sent::Full;
            }
        }
        Ok(sent)
    }

    fn receive(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TransportError> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            self.look(take);
        }
        if self.drain(take) || patience.is_zero() {
            return Ok(());
        }
        self.bell.wait(&[self.inbox.as_fd()], patience.min(LOOK_EVERY));
        self.drain(take);
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(self.bell.clone())
    }
}

impl Drop for PipeTransport {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(path(&self.folder, self.me));
        // What those have left who were killed meanwhile: a FIFO has its name while it is read.
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let node = !entry.file_name().to_string_lossy().starts_with(UNFINISHED);
            if node && open(&entry.path()).is_err_and(|error| is_unread(&error)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        // Only if it is empty.
        let _ = std::fs::remove_dir(&self.folder);
    }
}
