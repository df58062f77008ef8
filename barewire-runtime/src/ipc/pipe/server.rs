//! The server of a pipe: its name, and the clients that come.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use barewire_schema::BareSchema;

use super::builder::{PipeBuilder, trusted};
use super::handshake::{Handshake, Offer};
use super::link::{Link, Patience};
use super::meet::{HANDSHAKE_PATIENCE, Meeting};
use super::{NamedPipe, PeerCredentials};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::Directory;
use crate::sync::files::{Direction, Watch};
use crate::sys::poll::Watched;
use crate::sys::{file, socket};

/// How many clients the kernel lets wait for the server.
const BACKLOG: i32 = 1024;
/// How many clients can be in the middle of their handshakes; the oldest one makes room.
const MOST_MEETINGS: usize = 1024;
/// How long to wait for somebody who gives or removes a name right now.
const GATE_PATIENCE: Duration = Duration::from_secs(5);
/// The number of the listener among what is watched.
const LISTENER: u64 = 0;

/// The server of a [`NamedPipe`]: gives a connection to every client that comes.
///
/// A client that says nothing, or the wrong things, delays no other: [`accept`](Self::accept) goes
/// on with all of them at once, and returns the first that is through, or what was wrong with one.
/// While nobody calls it, clients wait.
///
/// As a descriptor it is readable while something has come, for a [`WaitSet`](crate::ipc::WaitSet)
/// or whatever else waits for descriptors. Its name goes when it is dropped; the connections stay.
pub struct PipeServer<S, R> {
    builder: PipeBuilder<S, R>,
    directory: Directory,
    listener: OwnedFd,
    inode: (u64, u64),
    offer: Offer,
    hello: Vec<u8>,
    watched: Watched,
    meetings: BTreeMap<u64, Meeting>,
    next: u64,
    /// One copy for each client, besides the server's own.
    clients: Arc<()>,
    watch: OnceLock<Watch>,
}

impl<S, R> fmt::Debug for PipeServer<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeServer")
            .field("name", &self.builder.name)
            .field("meetings", &self.meetings.len())
            .finish_non_exhaustive()
    }
}

impl<S: BareSchema, R: BareSchema> PipeServer<S, R> {
    pub(super) fn new(builder: PipeBuilder<S, R>) -> Result<Self> {
        let name = &builder.name;
        let fault = |doing| move |error| Error::system(name, doing, error);
        let offer = builder.offer()?;
        let hello = offer.hello(name)?;
        let directory = builder.open_directory()?;
        let listener = named(&directory, name)?;
        socket::set_nonblocking(&listener).map_err(fault("cannot set up the pipe"))?;
        let facts = file::facts_at(&directory.handle, name);
        let inode = facts.map_err(fault("cannot examine the pipe"))?.inode;
        let watched = Watched::new().and_then(|watched| {
            watched.add(listener.as_fd(), LISTENER)?;
            Ok(watched)
        });
        let watched = watched.map_err(fault("cannot wait for clients"))?;
        Ok(Self {
            directory,
            listener,
            inode,
            offer,
            hello,
            watched,
            meetings: BTreeMap::new(),
            next: LISTENER + 1,
            clients: Arc::new(()),
            watch: OnceLock::new(),
            builder,
        })
    }

    /// The pipe's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.builder.name
    }

    /// How many clients there are: connections that were not dropped, and handshakes.
    #[must_use]
    pub fn clients(&self) -> usize {
        Arc::strong_count(&self.clients) - 1
    }

    /// The connection to the next client; waits until one is through its handshake.
    ///
    /// # Errors
    ///
    /// What was wrong with one client; others can be accepted with the next call. `SchemaMismatch`
    /// with the difference, which the client learns too; `Refused` for one that may not be there,
    /// or that is one too many; `Malformed`, `Closed`, `Truncated` and `TimedOut` for one that does
    /// not get through its handshake. `Io`.
    pub fn accept(&mut self) -> Result<NamedPipe<S, R>> {
        loop {
            if let Some(pipe) = self.accept_within(Patience::Forever)? {
                return Ok(pipe);
            }
        }
    }

    /// The connection to the next client; `None` if none came through within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn accept_timeout(&mut self, timeout: Duration) -> Result<Option<NamedPipe<S, R>>> {
        self.accept_within(Patience::timeout(timeout))
    }

    /// The connection to a client that is through its handshake, if there is one.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub fn try_accept(&mut self) -> Result<Option<NamedPipe<S, R>>> {
        self.accept_within(Patience::None)
    }

    /// As [`accept`](Self::accept), but lets the thread do other work while it waits.
    ///
    /// The future runs on every executor. If it is dropped before it is done, no client is lost.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept).
    pub async fn accept_async(&mut self) -> Result<NamedPipe<S, R>> {
        std::future::poll_fn(|context| {
            if let Some(found) = self.accept_within(Patience::None).transpose() {
                return Poll::Ready(found);
            }
            let asked = self.watch().and_then(|watch| watch.wake(Direction::Read, context.waker()));
            match asked {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(self.fault("cannot wait for clients")(error))),
            }
        })
        .await
    }

    /// Removes the name, so that no more clients come; the connections stay.
    pub fn close(self) {}

    fn fault(&self, doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |error| Error::system(&self.builder.name, doing, error)
    }

    fn watch(&self) -> std::io::Result<&Watch> {
        if let Some(watch) = self.watch.get() {
            return Ok(watch);
        }
        let new = Watch::new(self.watched.as_fd())?;
        Ok(self.watch.get_or_init(|| new))
    }

    fn accept_within(&mut self, patience: Patience) -> Result<Option<NamedPipe<S, R>>> {
        loop {
            self.make_room()?;
            let due = self.meetings.values().filter_map(|meeting| meeting.deadline).min();
            let due = due.map(|due| due.saturating_duration_since(Instant::now()));
            let left = patience.left();
            let timeout = match (left, due) {
                (Some(left), Some(due)) => Some(left.min(due)),
                (left, due) => left.or(due),
            };
            let found = self.watched.wait(1, timeout);
            match found.map_err(self.fault("cannot wait for clients"))?.first() {
                Some(&LISTENER) => self.greet()?,
                Some(&number) => {
                    if let Some(pipe) = self.go_on(number)? {
                        return Ok(Some(pipe));
                    }
                }
                // Only now: if the server was busy elsewhere, its clients have not been late.
                None => {
                    self.expire()?;
                    if left.is_some_and(|left| left.is_zero()) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Gives up the oldest client if there are too many.
    fn make_room(&mut self) -> Result<()> {
        self.give_up(|server, _| server.meetings.len() > MOST_MEETINGS)
    }

    /// Gives up a client whose time is over. Those that came first are late first.
    fn expire(&mut self) -> Result<()> {
        let now = Instant::now();
        self.give_up(|_, meeting| meeting.deadline.is_some_and(|deadline| now >= deadline))
    }

    /// Gives up the client that came first, if it should be.
    fn give_up(&mut self, should: impl FnOnce(&Self, &Meeting) -> bool) -> Result<()> {
        let Some((&number, meeting)) = self.meetings.first_key_value() else { return Ok(()) };
        if !should(self, meeting) {
            return Ok(());
        }
        self.meetings.remove(&number).map_or(Ok(()), |meeting| Err(meeting.timed_out()))
    }

    /// Begins the handshake with a client that has come.
    fn greet(&mut self) -> Result<()> {
        let accepted = socket::accept(&self.listener);
        let Some(client) = accepted.map_err(self.fault("cannot accept a client"))? else {
            return Ok(());
        };
        let peer = match self.admitted(&client) {
            Ok(peer) => peer,
            Err(error) => {
                let link = Link::socket(&self.builder.name, client, false, None);
                let refusal = Handshake::refusal(error.detail());
                // A client that has just come has room for it.
                let _ = link.give(&[IoSlice::new(&refusal)], &[], Patience::None);
                return Err(error);
            }
        };
        let kept: Arc<()> = Arc::clone(&self.clients);
        let offer = (self.offer, &self.hello[..]);
        let mut meeting = Meeting::new(&self.builder.name, client, offer, peer, Some(kept));
        meeting.deadline = Instant::now().checked_add(HANDSHAKE_PATIENCE);
        let number = self.next;
        self.next += 1;
        let watched = &self.watched;
        let added = watched.add_silent(meeting.as_fd(), number);
        let added = added.and_then(|()| watched.once(meeting.as_fd(), number, (true, true)));
        added.map_err(self.fault("cannot wait for clients"))?;
        self.meetings.insert(number, meeting);
        Ok(())
    }

    fn admitted(&self, client: &OwnedFd) -> Result<PeerCredentials> {
        let peer = self.builder.admit(client)?;
        if self.clients() < self.builder.clients {
            return Ok(peer);
        }
        let detail = format!("the server has {} clients, which is its limit", self.clients());
        Err(Error::new(ErrorKind::Refused, &*self.builder.name, detail))
    }

    /// Goes on with a handshake for which something can be done.
    fn go_on(&mut self, number: u64) -> Result<Option<NamedPipe<S, R>>> {
        let Some(mut meeting) = self.meetings.remove(&number) else { return Ok(None) };
        if meeting.go_on()? {
            self.watched.remove(meeting.as_fd());
            return Ok(Some(NamedPipe::new(meeting.met()?, None)));
        }
        let asked = self.watched.once(meeting.as_fd(), number, meeting.wanted());
        asked.map_err(self.fault("cannot wait for clients"))?;
        self.meetings.insert(number, meeting);
        Ok(None)
    }
}

impl<S, R> AsFd for PipeServer<S, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }
}

impl<S, R> Drop for PipeServer<S, R> {
    fn drop(&mut self) {
        let Self { directory, builder, .. } = self;
        if lock(directory, &builder.name).is_ok() {
            let there = file::facts_at(&directory.handle, &builder.name);
            if there.is_ok_and(|facts| facts.inode == self.inode) {
                let _ = file::unlink(&directory.handle, &builder.name);
            }
            socket::unlock_directory(&directory.handle);
        }
    }
}

/// Takes the lock of those who name sockets.
fn lock(directory: &Directory, name: &str) -> Result<()> {
    let patience = Instant::now() + GATE_PATIENCE;
    loop {
        let taken = socket::try_lock_directory(&directory.handle)
            .map_err(|error| Error::system(name, "cannot lock the directory", error))?;
        if taken {
            return Ok(());
        }
        if Instant::now() > patience {
            let detail = "somebody stands still in the middle of naming a pipe";
            return Err(Error::new(ErrorKind::TimedOut, name, detail));
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// A socket that listens under the name of the pipe, if no living server has it.
fn named(directory: &Directory, name: &str) -> Result<OwnedFd> {
    lock(directory, name)?;
    let listener = named_locked(directory, name);
    socket::unlock_directory(&directory.handle);
    listener
}

fn named_locked(directory: &Directory, name: &str) -> Result<OwnedFd> {
    let fault = |doing| move |error| Error::system(name, doing, error);
    match socket::open_entry(&directory.handle, name) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        entry => {
            let entry = entry.map_err(fault("cannot open the pipe"))?;
            let facts = file::facts(&entry).map_err(fault("cannot examine the pipe"))?;
            if facts.regular && facts.owned {
                let detail = "exists already and is no pipe; nothing was changed";
                return Err(Error::new(ErrorKind::AlreadyExists, name, detail));
            }
            trusted(name, &facts)?;
            if !socket::is_abandoned(&entry).map_err(fault("cannot ask who listens"))? {
                let detail = "has a server already; connect to it, or choose another name";
                return Err(Error::new(ErrorKind::AlreadyExists, name, detail));
            }
            file::unlink(&directory.handle, name).map_err(fault("cannot remove the old pipe"))?;
        }
    }
    let listener = socket::listen_at(&directory.handle, name, BACKLOG);
    listener.map_err(fault("cannot make the pipe"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A folder of the test's own.
    struct Folder(std::path::PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_clients_have_sent_is_read_before_they_are_called_late() {
        let path = format!("/dev/shm/barewire-unit-{}-late", std::process::id());
        let folder = Folder(path.into());
        let builder = NamedPipe::<u8, u8>::builder("late").directory(&folder.0);
        let mut server = builder.clone().server().expect("a new pipe");
        let join = || UnixStream::connect(folder.0.join("late")).expect("it listens");
        let (prompt, silent) = (OwnedFd::from(join()), join());
        // The server has greeted both, and each has its own hello.
        assert!(server.try_accept().expect("nothing is wrong").is_none());
        assert_eq!(server.meetings.len(), 2);
        let (offer, peer) = (server.offer, builder.admit(&prompt).expect("the same user"));
        let mut prompt = Meeting::new("late", prompt, (offer, &server.hello[..]), peer, None);
        assert!(!prompt.go_on().expect("nothing is wrong"), "it has said all that it has to say");
        // Then the server did something else until the time of both was over.
        let over = Some(Instant::now());
        server.meetings.values_mut().for_each(|meeting| meeting.deadline = over);

        let pipe = server.try_accept().expect("the prompt one is not late");
        drop(pipe.expect("it is through"));
        assert!(prompt.go_on().expect("it is accepted"));
        let late = server.try_accept().expect_err("the silent one is late");
        assert!(late.is_timed_out(), "{late}");
        assert!(server.try_accept().expect("nobody is left").is_none());
        assert_eq!(server.clients(), 0);
        drop(silent);
    }
}
