//! Waiting on file descriptors, and a descriptor that threads signal.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::futex::timespec;

/// Sleeps until one of the descriptors is readable, closed at its other end or faulty, for
/// `timeout` at most; says of each whether it is.
pub(crate) fn readable(fds: &[BorrowedFd<'_>], timeout: Duration) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    match rustix::event::poll(&mut polled, Some(&timespec(timeout))) {
        Ok(_) => Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(Errno::INTR) => Ok(vec![false; fds.len()]),
        Err(error) => Err(error.into()),
    }
}

/// Sleeps until the descriptor is readable, or writable if that is asked for, or closed at its
/// other end or faulty; for `timeout` at most. Whether it was not the time that ended it.
pub(crate) fn ready(
    file: BorrowedFd<'_>,
    (read, write): (bool, bool),
    timeout: Option<Duration>,
) -> io::Result<bool> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, read);
    flags.set(PollFlags::OUT, write);
    let timeout = timeout.map(timespec);
    match rustix::event::poll(&mut [PollFd::new(&file, flags)], timeout.as_ref()) {
        Ok(count) => Ok(count > 0),
        // The caller looks again.
        Err(Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Many descriptors that are waited for together, each by a number.
#[derive(Debug)]
pub(crate) struct Watched(OwnedFd);

/// How many descriptors one wait tells of at most.
pub(crate) const MOST_READY: usize = 64;

impl Watched {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Tells of a descriptor for as long as it is readable.
    pub(crate) fn add(&self, file: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        Ok(epoll::add(&self.0, file, EventData::new_u64(number), EventFlags::IN)?)
    }

    /// Adds a descriptor, of which nothing is told until [`once`](Self::once).
    pub(crate) fn add_silent(&self, file: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        let none = EventFlags::ONESHOT;
        Ok(epoll::add(&self.0, file, EventData::new_u64(number), none)?)
    }

    /// Tells once that a descriptor is readable, or writable, or faulty.
    pub(crate) fn once(
        &self,
        file: BorrowedFd<'_>,
        number: u64,
        (read, write): (bool, bool),
    ) -> io::Result<()> {
        let mut flags = EventFlags::ONESHOT;
        flags.set(EventFlags::IN, read);
        flags.set(EventFlags::OUT, write);
        Ok(epoll::modify(&self.0, file, EventData::new_u64(number), flags)?)
    }

    pub(crate) fn remove(&self, file: BorrowedFd<'_>) {
        // Fails if it is not there, which is as good.
        let _ = epoll::delete(&self.0, file);
    }

    /// Sleeps until something can be told, for `timeout` at most; the numbers of what is ready, up
    /// to `most` of them.
    pub(crate) fn wait(&self, most: usize, timeout: Option<Duration>) -> io::Result<Vec<u64>> {
        let mut space = [const { MaybeUninit::uninit() }; MOST_READY];
        let space = &mut space[..most.clamp(1, MOST_READY)];
        // The kernel takes no more milliseconds than these before Linux 5.11.
        let longest = Duration::from_millis(i32::MAX as u64);
        let timeout: Option<Timespec> = timeout.map(|timeout| timespec(timeout.min(longest)));
        match epoll::wait(&self.0, space, timeout.as_ref()) {
            Ok((events, _)) => Ok(events.iter().map(|event| event.data.u64()).collect()),
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A descriptor that is readable from `set` to `clear`.
#[derive(Debug)]
pub(crate) struct Signal(OwnedFd);

impl Signal {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    pub(crate) fn set(&self) {
        // Fails only if it is set almost 2⁶⁴ times already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    pub(crate) fn clear(&self) {
        // Fails if it is not set, which is as good.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
