//! One end of a connection, a FIFO or a file: octets and descriptors in and out, and waiting.

use std::any::Any;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::frame::{Fault, Inbox};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::files::{Direction, Watch};
use crate::sys::{fifo, poll, socket};

/// The most descriptors that wait for messages that have not come yet.
const MOST_WAITING_FILES: usize = 4 * socket::MOST_FILES;
/// From how many octets on a message that finds no room looks again before it sleeps, and how
/// often: about fifty microseconds.
const LARGE_BYTES: usize = 64 << 10;
const LOOKS_FOR_ROOM: u32 = 100;

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// As long as it takes.
    Forever,
    /// Until then.
    Until(Instant),
}

impl Patience {
    pub(super) fn timeout(timeout: Duration) -> Self {
        // A deadline beyond what the clock can say is none.
        Instant::now().checked_add(timeout).map_or(Self::Forever, Self::Until)
    }

    fn is_forever(self) -> bool {
        matches!(self, Self::Forever)
    }

    /// The time that is left; `None` if there is no end to it.
    pub(super) fn left(self) -> Option<Duration> {
        match self {
            Self::None => Some(Duration::ZERO),
            Self::Forever => None,
            Self::Until(at) => Some(at.saturating_duration_since(Instant::now())),
        }
    }
}

/// What lasts for as long as an open end does.
pub(super) type Kept = Option<Arc<dyn Any + Send + Sync>>;

/// An open end.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) name: String,
    file: OwnedFd,
    /// A socket; else a FIFO or a file.
    is_socket: bool,
    takes_files: bool,
    /// A descriptor of somebody else's making: reading from it and writing to it may wait.
    may_block: bool,
    watch: OnceLock<Watch>,
    /// What must last as long as this end does.
    _kept: Kept,
}

/// What a look for more octets has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Some,
    /// Nothing in the time that there was.
    Nothing,
    /// The other side sends no more.
    End,
}

/// Whether an error says that the other end is not there any more.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl Link {
    pub(super) fn socket(name: &str, file: OwnedFd, takes_files: bool, kept: Kept) -> Self {
        let (name, watch) = (name.to_owned(), OnceLock::new());
        let (is_socket, may_block) = (true, false);
        Self { name, file, is_socket, takes_files, may_block, watch, _kept: kept }
    }

    /// A FIFO, none of whose calls waits, which lasts as long as `kept` does.
    pub(super) fn fifo(name: &str, file: OwnedFd, kept: Kept) -> Self {
        let (name, watch) = (name.to_owned(), OnceLock::new());
        let (is_socket, takes_files, may_block) = (false, false, false);
        Self { name, file, is_socket, takes_files, may_block, watch, _kept: kept }
    }

    /// Whatever a descriptor leads to.
    pub(super) fn stream(name: &str, file: OwnedFd) -> Self {
        Self { may_block: true, ..Self::fifo(name, file, None) }
    }

    pub(super) fn error(&self, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |error| Error::system(&self.name, doing, error)
    }

    pub(super) fn closed(&self) -> Error {
        Error::new(ErrorKind::Closed, &*self.name, "the other side has closed it, or has ended")
    }

    pub(super) fn fault(&self, fault: Fault) -> Error {
        match fault {
            Fault::Malformed(what) => {
                let detail = format!("what comes through it is no frame: {what}");
                Error::new(ErrorKind::Malformed, &*self.name, detail)
            }
            Fault::TooLarge { bytes, most } => {
                let detail = format!("a message of {bytes} bytes comes, and {most} are the limit");
                Error::new(ErrorKind::TooLarge, &*self.name, detail)
            }
            Fault::BrokenOff => self.truncated(),
        }
    }

    pub(super) fn truncated(&self) -> Error {
        let detail = "the other side ended in the middle of a message";
        Error::new(ErrorKind::Truncated, &*self.name, detail)
    }

    /// Whether a descriptor can be used again, as asked for, before the patience ends.
    pub(super) fn ready(&self, wanted: (bool, bool), patience: Patience) -> Result<bool> {
        poll::ready(self.file.as_fd(), wanted, patience.left())
            .map_err(self.error("cannot wait for the pipe"))
    }

    fn receive(
        &self,
        into: &mut [u8],
        files: &mut VecDeque<OwnedFd>,
        waits: bool,
    ) -> io::Result<usize> {
        if !self.is_socket {
            fifo::read(&self.file, into)
        } else if self.takes_files {
            socket::receive_with_files(&self.file, into, files, waits)
        } else {
            socket::receive(&self.file, into, waits)
        }
    }

    /// Takes in what has come, and waits for it if nothing has.
    #[inline]
    pub(super) fn take_in(
        &self,
        inbox: &mut Inbox,
        files: &mut VecDeque<OwnedFd>,
        patience: Patience,
    ) -> Result<Taken> {
        let waits = patience.is_forever() && self.is_socket;
        let looks_first = self.may_block && !patience.is_forever();
        if looks_first && !self.ready((true, false), patience)? {
            return Ok(Taken::Nothing);
        }
        loop {
            match self.receive(inbox.room(), files, waits) {
                Ok(0) => return Ok(Taken::End),
                Ok(count) => {
                    inbox.filled(count);
                    if files.len() > MOST_WAITING_FILES {
                        files.clear();
                        let what = "descriptors come that belong to no message".to_owned();
                        return Err(self.fault(Fault::Malformed(what)));
                    }
                    return Ok(Taken::Some);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if matches!(patience, Patience::None) || !self.ready((true, false), patience)? {
                        return Ok(Taken::Nothing);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_gone(&error) => return Ok(Taken::End),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let what = "more descriptors come than go with a message".to_owned();
                    return Err(self.fault(Fault::Malformed(what)));
                }
                Err(error) => return Err(self.error("cannot read from the pipe")(error)),
            }
        }
    }

    /// Gives octets away, with descriptors that go with the first of them; how many, which is none
    /// if there was no room before the patience ended.
    #[inline]
    pub(super) fn give(
        &self,
        parts: &[IoSlice<'_>],
        files: &[BorrowedFd<'_>],
        patience: Patience,
    ) -> Result<usize> {
        let sleeps = patience.is_forever() && self.is_socket;
        let looks_first = self.may_block && !patience.is_forever();
        if looks_first && !self.ready((false, true), patience)? {
            return Ok(0);
        }
        // The kernel wakes a writer that sleeps when a quarter of the buffer is left: who reads
        // would have to wait for it then. So large messages go on as soon as there is any room.
        let mut looks = match parts.last() {
            Some(octets) if sleeps && octets.len() >= LARGE_BYTES => LOOKS_FOR_ROOM,
            _ => 0,
        };
        #[cfg(test)]
        let cut = room::cut(parts);
        #[cfg(test)]
        let parts = match &cut {
            Some(cut) if cut.is_empty() => return Ok(0),
            Some(cut) => &cut[..],
            None => parts,
        };
        loop {
            let waits = sleeps && looks == 0;
            let given = match parts {
                _ if !self.is_socket => fifo::write(&self.file, parts),
                [octets] if files.is_empty() => socket::send_octets(&self.file, octets, waits),
                _ => socket::send_parts(&self.file, parts, files, waits),
            };
            match given {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && looks > 0 => {
                    looks -= 1;
                    std::hint::spin_loop();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if matches!(patience, Patience::None) || !self.ready((false, true), patience)? {
                        return Ok(0);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_gone(&error) => return Err(self.closed()),
                Err(error) => return Err(self.error("cannot write into the pipe")(error)),
            }
        }
    }

    /// Ends both directions, so that the other side hears of it.
    pub(super) fn shut_down(&self) {
        if self.is_socket {
            socket::shut_down(&self.file);
        }
    }

    /// Calls `attempt` until it yields something; lets the thread do other work meanwhile.
    pub(super) async fn wait_async<T>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        poll_fn(|context| match attempt().transpose() {
            Some(done) => Poll::Ready(done),
            None => self
                .wake(direction, context)
                .map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
        })
        .await
    }

    pub(super) fn wake(&self, direction: Direction, context: &mut Context<'_>) -> Result<()> {
        let asked = self.watch().and_then(|watch| watch.wake(direction, context.waker()));
        asked.map_err(self.error("cannot wait for the pipe"))
    }

    fn watch(&self) -> io::Result<&Watch> {
        if let Some(watch) = self.watch.get() {
            return Ok(watch);
        }
        let new = Watch::new(self.file.as_fd())?;
        // Of two threads that come here, one is faster; both watch the same.
        Ok(self.watch.get_or_init(|| new))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
pub(super) mod room {
    //! Room for so many octets and no more, in tests.

    use std::cell::Cell;
    use std::io::IoSlice;

    thread_local! {
        static ROOM: Cell<Option<usize>> = const { Cell::new(None) };
    }

    /// From now on, this thread finds so much room, or whatever the kernel has.
    pub(in crate::ipc::pipe) fn set(room: Option<usize>) {
        ROOM.set(room);
    }

    /// What there is room for, if that is limited.
    pub(super) fn cut<'p>(parts: &'p [IoSlice<'_>]) -> Option<Vec<IoSlice<'p>>> {
        let mut room = ROOM.get()?;
        let mut cut = Vec::new();
        for part in parts {
            let octets = &part[..part.len().min(room)];
            room -= octets.len();
            cut.extend((!octets.is_empty()).then(|| IoSlice::new(octets)));
        }
        ROOM.set(Some(room));
        Some(cut)
    }
}
