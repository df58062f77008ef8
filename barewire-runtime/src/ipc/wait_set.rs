//! `WaitSet`: wait for the first of many queues, subscribers, services and file descriptors.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use super::waitable::{Waitable, Waits};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::reactor::Registration;
use crate::sync::slice;
use crate::sys::futex;
use crate::sys::poll::{self, Signal};

/// The most queues, subscribers and services that one set can hold.
pub const MAX_WAITED: usize = 127;

/// The most file descriptors that one set can hold.
pub const MAX_WAITED_FILES: usize = 512;

/// How often all members are looked at before the first sleep, divided by their number.
const LOOKS: usize = 256;

/// The subject of a set's errors.
const NAME: &str = "wait set";

/// Queues, subscribers of topics, services and file descriptors, of which a thread waits for the
/// first that is ready.
///
/// Every member has a key, by which it is reported. A member is ready while a call that does not
/// wait would succeed: while a message or a call can be taken or a reply received, or a descriptor
/// can be read, was closed at its other end or is faulty. It is reported for as long as that lasts
/// (level-triggered), so nothing is missed if less is taken than there is. Others may be faster:
/// take what was reported with a call that does not wait, and be prepared to find nothing.
///
/// ```
/// use barewire_runtime::ipc::{MessageQueue, WaitSet};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let name = |what| format!("docs-{what}-{}", std::process::id());
/// let orders = MessageQueue::<u32>::builder(name("orders")).create()?;
/// let prices = MessageQueue::<u64>::builder(name("prices")).create()?;
/// let (pipe, _writer) = std::io::pipe()?;
///
/// let mut set = WaitSet::new();
/// set.add(&orders, "orders")?;
/// set.add(&prices, "prices")?;
/// set.add_descriptor(&pipe, "pipe")?;
///
/// prices.enqueue(&31)?;
/// for key in set.wait()? {
///     match key {
///         "prices" => assert_eq!(*prices.try_dequeue()?.expect("nobody else takes it"), 31),
///         other => unreachable!("{other} is not ready"),
///     }
/// }
/// assert!(set.try_wait()?.is_empty());
/// # Ok(()) }
/// ```
pub struct WaitSet<'a, K> {
    members: Vec<(&'a dyn Waits, K)>,
    files: Vec<(BorrowedFd<'a>, K)>,
    /// Set by the thread that waits for tasks, if there are descriptors to wait for as well.
    signal: Option<Arc<Signalled>>,
    /// Whether a wait does not look at everything for a moment before it sleeps.
    sleeps_at_once: bool,
}

#[derive(Debug)]
struct Signalled(Signal);

impl Wake for Signalled {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

impl<K> Default for WaitSet<'_, K> {
    fn default() -> Self {
        Self { members: Vec::new(), files: Vec::new(), signal: None, sleeps_at_once: false }
    }
}

impl<'a, K: Copy> WaitSet<'a, K> {
    /// A set without members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets every wait sleep as soon as no member is ready. Otherwise it looks again for a moment,
    /// some microseconds, before it sleeps.
    #[must_use]
    pub fn sleep_at_once(mut self) -> Self {
        self.sleeps_at_once = true;
        self
    }

    /// Adds a queue, the [`Arrivals`](super::Arrivals) of a subscriber, a server or a client.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the set has [`MAX_WAITED`] of them.
    pub fn add(&mut self, member: &'a impl Waitable, key: K) -> Result<()> {
        if self.members.len() == MAX_WAITED {
            let detail = format!("has {MAX_WAITED} members already, which is the limit");
            return Err(Error::new(ErrorKind::InvalidArgument, NAME, detail));
        }
        self.members.push((member, key));
        Ok(())
    }

    /// Adds a file descriptor, to be read from.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the set has [`MAX_WAITED_FILES`] of them; `Io` if the process can open
    /// no more descriptors.
    pub fn add_descriptor(&mut self, file: &'a impl AsFd, key: K) -> Result<()> {
        if self.files.len() == MAX_WAITED_FILES {
            let detail = format!("has {MAX_WAITED_FILES} descriptors already, which is the limit");
            return Err(Error::new(ErrorKind::InvalidArgument, NAME, detail));
        }
        if self.signal.is_none() {
            let doing = "cannot make a descriptor for wakes";
            let signal = Signal::new().map_err(|error| Error::system(NAME, doing, error))?;
            self.signal = Some(Arc::new(Signalled(signal)));
        }
        self.files.push((file.as_fd(), key));
        Ok(())
    }

    /// The keys of all members that are ready; waits while there is none.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the set is empty; `Io` if the system refuses to wait.
    pub fn wait(&mut self) -> Result<Vec<K>> {
        self.wait_until(None)
    }

    /// The keys of all members that are ready; none if none has become ready within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Vec<K>> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// The keys of all members that are ready now.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn try_wait(&mut self) -> Result<Vec<K>> {
        self.check()?;
        self.ready(Duration::ZERO)
    }

    fn check(&self) -> Result<()> {
        if self.members.is_empty() && self.files.is_empty() {
            let detail = "has no members, so nothing could end the wait";
            return Err(Error::new(ErrorKind::InvalidArgument, NAME, detail));
        }
        Ok(())
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Result<Vec<K>> {
        self.check()?;
        let looks = if self.sleeps_at_once { 0 } else { LOOKS / self.members.len().max(1) };
        for _ in 0..looks {
            if self.members.iter().any(|(member, _)| member.ready()) {
                break;
            }
            std::hint::spin_loop();
        }
        let ready = self.ready(Duration::ZERO)?;
        if !ready.is_empty() {
            return Ok(ready);
        }
        let mut looked_at = Instant::now();
        loop {
            let now = Instant::now();
            let left = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
            if left.is_zero() || now.duration_since(looked_at) >= slice() {
                self.members.iter().for_each(|(member, _)| member.look_for_the_dead());
                looked_at = now;
            }
            let ready = match &self.signal {
                None => self.sleep_on_events(left.min(slice())),
                Some(signal) => self.sleep_on_files(signal, left.min(slice()))?,
            };
            if !ready.is_empty() || left.is_zero() {
                return Ok(ready);
            }
        }
    }

    fn ready_members(&self) -> impl Iterator<Item = K> {
        self.members.iter().filter(|(member, _)| member.ready()).map(|(_, key)| *key)
    }

    /// All that is ready; waits for a descriptor, if there are any, for `timeout` at most.
    fn ready(&self, timeout: Duration) -> Result<Vec<K>> {
        let Some(signal) = &self.signal else {
            return Ok(self.ready_members().collect());
        };
        let mut files: Vec<_> = self.files.iter().map(|(file, _)| *file).collect();
        files.push(signal.0.as_fd());
        let readable = poll::readable(&files, timeout)
            .map_err(|error| Error::system(NAME, "cannot wait for descriptors", error))?;
        let readable = self.files.iter().zip(readable).filter(|(_, readable)| *readable);
        Ok(self.ready_members().chain(readable.map(|((_, key), _)| *key)).collect())
    }

    /// Sleeps on the events themselves, as one sleeper of each.
    fn sleep_on_events(&self, timeout: Duration) -> Vec<K> {
        let seen: Vec<u32> =
            self.members.iter().map(|(member, _)| member.event().enter()).collect();
        let mut ready: Vec<K> = self.ready_members().collect();
        if ready.is_empty() && !timeout.is_zero() {
            let events = self.members.iter().map(|(member, _)| member.event().sequence());
            let words: Vec<_> = events.zip(seen.iter().copied()).collect();
            futex::wait_any(&words, Some(timeout));
        }
        let events = self.members.iter().map(|(member, _)| member.event());
        events.zip(&seen).for_each(|(event, seen)| event.leave(*seen));
        if !ready.is_empty() {
            return ready;
        }
        for ((member, key), seen) in self.members.iter().zip(seen) {
            if !member.ready() {
                continue;
            }
            ready.push(*key);
            // A set takes nothing, so a wake that it was given is passed on to one who may.
            if member.event().has_called_since(seen) {
                member.event().notify();
            }
        }
        ready
    }

    /// Sleeps on the descriptors, and on one that the thread that waits for tasks signals.
    fn sleep_on_files(&self, signal: &Arc<Signalled>, timeout: Duration) -> Result<Vec<K>> {
        let waker = Waker::from(Arc::clone(signal));
        let mut registrations: Vec<_> =
            self.members.iter().map(|(member, _)| Registration::new(member.event())).collect();
        for registration in &mut registrations {
            let entered = registration.enter(&waker);
            entered.map_err(|error| Error::system(NAME, "cannot wait for others", error))?;
        }
        let before = self.ready_members().next().is_some();
        let ready = self.ready(if before { Duration::ZERO } else { timeout });
        for (registration, (member, _)) in registrations.iter_mut().zip(&self.members) {
            registration.leave();
            if !member.ready() {
                registration.spent();
            }
        }
        // What is dropped here passes on other wakes that it was given: a set takes nothing.
        drop(registrations);
        signal.0.clear();
        ready
    }
}

impl<K: fmt::Debug> fmt::Debug for WaitSet<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<_> = self.members.iter().map(|(_, key)| key).collect();
        let files: Vec<_> = self.files.iter().map(|(_, key)| key).collect();
        f.debug_struct("WaitSet").field("members", &members).field("files", &files).finish()
    }
}
