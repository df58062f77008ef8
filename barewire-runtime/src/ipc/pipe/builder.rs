//! What a pipe is made with, and how a client finds its server.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use barewire_schema::BareSchema;

use super::frame::{DEFAULT_MESSAGE_BYTES, MAX_MESSAGE_BYTES};
use super::handshake::Offer;
use super::meet::Meeting;
use super::{MAX_DESCRIPTORS, NamedPipe, PeerCredentials, PipeServer};
use crate::error::{Error, ErrorKind, Result};
use crate::segment::{Directory, check_name};
use crate::sys::{self, file, socket};

/// How long to wait before another look for a server.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);
/// How many clients a server has at most if nothing else is said.
const DEFAULT_CLIENTS: usize = 1024;

/// Who may be at the other end.
#[derive(Clone)]
enum Peers {
    SameUser,
    Those(Arc<dyn Fn(&PeerCredentials) -> bool + Send + Sync>),
}

/// What a pipe is made with; see [`NamedPipe::builder`].
#[must_use = "a builder does nothing until `server` or `connect`"]
pub struct PipeBuilder<S, R> {
    pub(super) name: String,
    directory: Option<PathBuf>,
    largest: usize,
    files: usize,
    peers: Peers,
    pub(super) clients: usize,
    pub(super) reconnect: Option<Duration>,
    _values: PhantomData<fn(S) -> R>,
}

impl<S, R> Clone for PipeBuilder<S, R> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            directory: self.directory.clone(),
            peers: self.peers.clone(),
            _values: PhantomData,
            ..*self
        }
    }
}

impl<S, R> fmt::Debug for PipeBuilder<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeBuilder")
            .field("name", &self.name)
            .field("largest", &self.largest)
            .field("files", &self.files)
            .field("same_user", &matches!(self.peers, Peers::SameUser))
            .finish_non_exhaustive()
    }
}

impl<S: BareSchema, R: BareSchema> PipeBuilder<S, R> {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            directory: None,
            largest: DEFAULT_MESSAGE_BYTES,
            files: 0,
            peers: Peers::SameUser,
            clients: DEFAULT_CLIENTS,
            reconnect: None,
            _values: PhantomData,
        }
    }

    /// Another directory than the standard one.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// The most octets of a message that this side takes, 16 MiB if not given; the other side
    /// learns of it. So much memory a connection may need, for messages that are so large.
    pub fn message_bytes(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// The most file descriptors that this side takes with one message; none if not given.
    ///
    /// What comes without having been asked for is closed by the kernel.
    pub fn descriptors(mut self, most: usize) -> Self {
        self.files = most;
        self
    }

    /// Who may be at the other end; without this, processes of the same user.
    ///
    /// Whoever is refused is told so. The directory and the name stay this user's own: others come
    /// by a socket that was handed to them ([`over`](Self::over)).
    pub fn peers(
        mut self,
        accepts: impl Fn(&PeerCredentials) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.peers = Peers::Those(Arc::new(accepts));
        self
    }

    /// How many clients the server can have at a time, 1024 if not given; more are refused, and
    /// told so.
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// A client whose server is gone looks up to `timeout` for one that has come in its place, and
    /// goes on with that one: in [`send`](NamedPipe::send) and [`receive`](NamedPipe::receive) and
    /// their forms with a timeout. The forms that never wait, the futures, and the ends that a pipe
    /// was [`split`](NamedPipe::split) into report `Closed`, and nothing else: after that,
    /// [`NamedPipe::reconnect`] or [`NamedPipe::reconnect_async`] goes on.
    ///
    /// What was sent to a server that died may be lost, and what it answered as well: a protocol on
    /// top that must not lose anything sends again, and sees by
    /// [`connections`](NamedPipe::connections) when.
    pub fn reconnect(mut self, timeout: Duration) -> Self {
        self.reconnect = Some(timeout);
        self
    }

    /// Makes the server of the pipe, which is found as soon as this returns.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if it has a server that lives, or something else has its name; `Untrusted`
    /// for a link, another owner, or a directory that others may write in; `InvalidName`,
    /// `InvalidArgument`, `Io`.
    pub fn server(self) -> Result<PipeServer<S, R>> {
        PipeServer::new(self)
    }

    /// Connects to the server of the pipe, and waits up to `timeout` for one to be there and to
    /// answer.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no server in that time, `TimedOut` if there is one that does not
    /// answer, `Closed` if the last one went in the middle of its answer; `SchemaMismatch` with the
    /// difference, `Refused` with the reason, `Malformed` if it is no such pipe; `Untrusted` as for
    /// [`server`](Self::server); `InvalidName`, `InvalidArgument`, `Io`.
    pub fn connect(self, timeout: Duration) -> Result<NamedPipe<S, R>> {
        self.connect_ref(timeout)
    }

    pub(super) fn connect_ref(&self, timeout: Duration) -> Result<NamedPipe<S, R>> {
        let directory = self.open_directory()?;
        let offer = self.offer()?;
        let hello = offer.hello(&self.name)?;
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let absence = match self.reach(&directory)? {
                Reached::Socket(socket) => {
                    let peer = self.admit(&socket)?;
                    let meeting = Meeting::new(&self.name, socket, (offer, &hello), peer, None);
                    match meeting.wait(deadline) {
                        Ok(met) => return Ok(NamedPipe::new(met, Some(self.clone()))),
                        // Its server has ended just now; there may be another.
                        Err(error) if error.is_closed() => error,
                        Err(error) => return Err(error),
                    }
                }
                Reached::Absent => {
                    Error::new(ErrorKind::NotFound, &*self.name, "there is no server of it")
                }
                Reached::Busy => {
                    let detail = "its server does not answer, and too many wait for it";
                    Error::new(ErrorKind::TimedOut, &*self.name, detail)
                }
            };
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(absence);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// As [`connect`](Self::connect), but lets the thread do other work meanwhile: another one
    /// connects. The future runs on every executor.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and `Io` if no thread can be started.
    pub async fn connect_async(self, timeout: Duration) -> Result<NamedPipe<S, R>>
    where
        S: 'static,
        R: 'static,
    {
        /// Who waits, and what has come of it.
        type Place<S, R> = Mutex<(Option<Waker>, Option<Result<NamedPipe<S, R>>>)>;
        let place: Arc<Place<S, R>> = Arc::new(Mutex::new((None, None)));
        let (name, there) = (self.name.clone(), Arc::clone(&place));
        let thread = std::thread::Builder::new().name("barewire-connect".to_owned());
        let started = thread.spawn(move || {
            let connected = self.connect(timeout);
            let mut place = there.lock().unwrap_or_else(PoisonError::into_inner);
            place.1 = Some(connected);
            let waker = place.0.take();
            drop(place);
            waker.into_iter().for_each(Waker::wake);
        });
        started.map_err(|error| Error::system(&name, "cannot start a thread", error))?;
        std::future::poll_fn(|context| {
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            let old = place.0.replace(context.waker().clone());
            let found = place.1.take();
            drop(place);
            drop(old);
            found.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Makes a pipe of a socket that is connected already: one of a pair, inherited, or handed over
    /// to a process that sees no directory. Both sides do the same.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use std::os::unix::net::UnixStream;
    /// use std::time::Duration;
    /// use barewire::ipc::NamedPipe;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (here, there) = UnixStream::pair()?;
    /// let wait = Duration::from_secs(5);
    /// let worker = std::thread::spawn(move || { // another process, as a rule
    ///     let mut pipe = NamedPipe::<u64, u32>::builder("square").over(there, wait)?;
    ///     let number = u64::from(pipe.receive()?);
    ///     pipe.send(&(number * number))
    /// });
    /// let mut pipe = NamedPipe::<u32, u64>::builder("square").over(here, wait)?;
    /// pipe.send(&12)?;
    /// assert_eq!(pipe.receive()?, 144);
    /// # worker.join().unwrap()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Closed` if the other side is gone, and as [`connect`](Self::connect).
    pub fn over(self, socket: impl Into<OwnedFd>, timeout: Duration) -> Result<NamedPipe<S, R>> {
        let socket = socket.into();
        let offer = self.offer()?;
        let hello = offer.hello(&self.name)?;
        let peer = self.admit(&socket)?;
        let meeting = Meeting::new(&self.name, socket, (offer, &hello), peer, None);
        Ok(NamedPipe::new(meeting.wait(Instant::now().checked_add(timeout))?, None))
    }

    pub(super) fn open_directory(&self) -> Result<Directory> {
        check_name(&self.name)?;
        self.directory.as_ref().map_or_else(Directory::standard, Directory::at)
    }

    pub(super) fn offer(&self) -> Result<Offer> {
        let problem = if self.largest == 0 || self.largest > MAX_MESSAGE_BYTES {
            format!("messages of {} bytes: 1 to {MAX_MESSAGE_BYTES} can be", self.largest)
        } else if self.files > MAX_DESCRIPTORS {
            format!("{} descriptors: {MAX_DESCRIPTORS} can go with a message", self.files)
        } else {
            let (sends, receives) = (Some(S::TYPE), Some(R::TYPE));
            return Ok(Offer { sends, receives, largest: self.largest, files: self.files });
        };
        Err(Error::new(ErrorKind::InvalidArgument, &*self.name, problem))
    }

    /// Who is at the other end, if it may be there.
    pub(super) fn admit(&self, socket: &OwnedFd) -> Result<PeerCredentials> {
        let found = socket::peer(socket)
            .map_err(|error| Error::system(&self.name, "cannot ask who is there", error))?;
        let peer = PeerCredentials { process: found.0, user: found.1, group: found.2 };
        let accepted = match &self.peers {
            Peers::SameUser => peer.user == sys::user(),
            Peers::Those(accepts) => accepts(&peer),
        };
        if accepted {
            return Ok(peer);
        }
        let PeerCredentials { process, user, .. } = peer;
        let detail = format!("process {process} of user {user} is not accepted at the other end");
        Err(Error::new(ErrorKind::Refused, &*self.name, detail))
    }

    fn reach(&self, directory: &Directory) -> Result<Reached> {
        let fault = |doing| move |error| Error::system(&self.name, doing, error);
        let entry = match socket::open_entry(&directory.handle, &self.name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Reached::Absent);
            }
            entry => entry.map_err(fault("cannot open the pipe"))?,
        };
        let facts = file::facts(&entry).map_err(fault("cannot examine the pipe"))?;
        trusted(&self.name, &facts)?;
        match socket::connect_to(&entry) {
            Ok(Some(socket)) => Ok(Reached::Socket(socket)),
            Ok(None) => Ok(Reached::Busy),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                directory.remove_abandoned_socket(&self.name);
                Ok(Reached::Absent)
            }
            Err(error) => Err(fault("cannot connect to the pipe")(error)),
        }
    }
}

enum Reached {
    Socket(OwnedFd),
    Absent,
    Busy,
}

/// Refuses what has the name of a pipe and is not one of this user's own.
pub(super) fn trusted(name: &str, facts: &file::Facts) -> Result<()> {
    let problem = if facts.regular && facts.owned {
        "is a file, and no pipe"
    } else if !facts.socket {
        "is no socket (links are not followed)"
    } else if !facts.owned {
        "belongs to another user"
    } else if facts.mode & 0o077 != 0 {
        "others may connect to it; a pipe has mode 0600"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Untrusted, name, problem))
}
