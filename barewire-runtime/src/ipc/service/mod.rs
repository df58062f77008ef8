//! `Service<Request, Reply>`: calls between processes, many clients to many servers.

mod answers;
mod client;
mod line;
mod loan;
mod look;
#[cfg(test)]
mod model;
mod payload;
mod pending;
mod place;
mod server;
mod shape;
mod shared;
mod slots;
mod stream;
#[cfg(test)]
mod tests;
mod waiting;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;

pub use answers::StreamedReply;
pub use client::Client;
pub use loan::{ReplyLoan, RequestLoan};
pub use look::{LookedCall, ServiceFigures, ServiceLook};
pub use pending::{PendingCall, Reply};
pub use server::{Call, Server};
pub use shared::{MAX_CALL_BYTES, MAX_CLIENTS};
pub use stream::{ReplyStream, StreamPart};

use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::{Geometry, Kind, Place, Plan, Segment};
use crate::sync::Wait;
use payload::is_encoded;
use shape::Shape;
use shared::{LENGTH_BYTES, MAX_FRAMES, Pair, Shared};

/// Clients if no number is given.
const DEFAULT_CLIENTS: usize = 32;
/// Frames of a call if no number is given, ...
const DEFAULT_FRAMES: usize = 4;
/// ... and if a reply takes more than this.
const LARGE_REPLY_BYTES: usize = 4096;
const DEFAULT_FRAMES_OF_LARGE: usize = 2;

/// What a service is made with; see [`Service::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `create` or `open`"]
pub struct ServiceBuilder<Request, Reply> {
    name: String,
    pub(super) place: Place,
    clients: usize,
    frames: Option<usize>,
    request_bytes: Option<usize>,
    reply_bytes: Option<usize>,
    isolated: bool,
    wait: Wait,
    _call: PhantomData<fn(Request) -> Reply>,
}

impl<Request: FixedLayout, R: FixedLayout> ServiceBuilder<Request, R> {
    /// How many clients it can have at a time, each with up to eight calls at a time; 32 if not
    /// given.
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = clients;
        self
    }

    /// How many parts of a stream a server may be ahead of the client, rounded up to a power of
    /// two; 4 if not given, 2 if a reply takes more than 4096 bytes.
    pub fn frames(mut self, frames: usize) -> Self {
        self.frames = Some(frames);
        self
    }

    /// The most octets of one request. An unbounded type needs it, and only such a type has it.
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = Some(bytes);
        self
    }

    /// The most octets of one reply. An unbounded type needs it, and only such a type has it.
    pub fn reply_bytes(mut self, bytes: usize) -> Self {
        self.reply_bytes = Some(bytes);
        self
    }

    /// Participants do not trust each other: requests and replies are copied out before they are
    /// checked, and whatever another process writes into the segment can give errors, wrong values
    /// and calls that nobody has made or answers, but no panic, no endless loop and no access out
    /// of bounds. Wait with deadlines.
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// How this participant waits; [`Wait::SpinThenPark`] if not given.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Another directory than the standard one.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Place::Directory(path.into());
        self
    }

    /// Whether a service of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(&self) -> Result<bool> {
        Segment::exists(&self.plan())
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            name: &self.name,
            place: self.place.clone(),
            kind: Kind::Service,
            ty: Pair::<Request, R>::TYPE,
        }
    }

    fn invalid(&self, detail: String) -> Error {
        Error::new(ErrorKind::InvalidArgument, &*self.name, detail)
    }

    /// Opens the service, or makes it if nobody has: what every participant can do that may be the
    /// first, or the first again after all others have died. If it exists, it is as it was made.
    ///
    /// # Errors
    ///
    /// As `open` and `create`.
    pub fn open_or_create(self) -> Result<Service<Request, R>> {
        crate::segment::open_or_create(|| self.attach(), || self.make())
    }

    /// Makes the service.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument` for a number or a size out of range,
    /// `NoSpace` if the memory cannot be reserved, `Untrusted` for the directory, `Io`.
    pub fn create(self) -> Result<Service<Request, R>> {
        self.make()
    }

    pub(super) fn make(&self) -> Result<Service<Request, R>> {
        if !(1..=MAX_CLIENTS).contains(&self.clients) {
            let clients = self.clients;
            let detail = format!("{clients} clients are out of range: 1 to {MAX_CLIENTS}");
            return Err(self.invalid(detail));
        }
        let request = self.payload_bytes::<Request>("request_bytes", self.request_bytes)?;
        let reply = self.payload_bytes::<R>("reply_bytes", self.reply_bytes)?;
        let large = reply > LARGE_REPLY_BYTES;
        let frames = if large { DEFAULT_FRAMES_OF_LARGE } else { DEFAULT_FRAMES };
        let frames = self.frames.unwrap_or(frames);
        if !(1..=MAX_FRAMES).contains(&frames) {
            return Err(
                self.invalid(format!("{frames} frames are out of range: 1 to {MAX_FRAMES}"))
            );
        }
        let frames = frames.next_power_of_two();
        let request = request + if is_encoded::<Request>() { LENGTH_BYTES } else { 0 };
        let Some(shape) = Shape::new(0, self.clients, frames, request, reply) else {
            let detail = "the service would be larger than a segment can be";
            return Err(self.invalid(detail.to_owned()));
        };
        let mut geometry = Geometry::default();
        geometry[shared::CLIENTS] = self.clients as u64;
        geometry[shared::FRAMES] = frames as u64;
        geometry[shared::REQUEST] = request as u64;
        geometry[shared::REPLY] = reply as u64;
        geometry[shared::FLAGS] = if self.isolated { shared::ISOLATED } else { 0 };
        // A fresh body is all zeroes: every line and slot is free.
        let body = shape.body_bytes() as u64;
        let segment = Segment::create(&self.plan(), geometry, body, |_| Ok(()))?;
        Service::attached(segment, self.wait)
    }

    /// Opens a service that somebody has made; all but the way to wait is as it was made.
    ///
    /// # Errors
    ///
    /// `NotFound`, `SchemaMismatch` with the difference, `Malformed`, `Untrusted`, `InvalidName`,
    /// `TooManyParticipants`, `Io`.
    pub fn open(self) -> Result<Service<Request, R>> {
        self.attach()
    }

    pub(super) fn attach(&self) -> Result<Service<Request, R>> {
        let segment = Segment::open(&self.plan(), &shared::sweep_segment)?;
        Service::attached(segment, self.wait)
    }

    /// The room for one value of `T`.
    fn payload_bytes<T: FixedLayout>(&self, option: &str, given: Option<usize>) -> Result<usize> {
        match (is_encoded::<T>(), given) {
            (false, None) => Ok(size_of::<T::Layout>()),
            (false, Some(_)) => Err(self.invalid(format!(
                "the type has a fixed layout, so its room has a size already: leave {option} out"
            ))),
            (true, Some(bytes)) if (1..=MAX_CALL_BYTES).contains(&bytes) => Ok(bytes),
            (true, Some(bytes)) => Err(self.invalid(format!(
                "{option} of {bytes} is out of range: 1 to {MAX_CALL_BYTES} bytes"
            ))),
            (true, None) => Err(self.invalid(format!(
                "the type has no largest size: give it room with {option}, or cap the type's \
                 strings, lists and maps"
            ))),
        }
    }
}

/// Calls from many clients to many servers, each answered by one of them, or ended by an error.
///
/// A server that dies ends the calls that it had taken, at once; those that no server has taken
/// wait for another one until their deadline. A call is never served twice. Every reply belongs to
/// its call: one that comes too late reaches nobody.
///
/// ```
/// # extern crate barewire_runtime as barewire;
/// use std::time::Duration;
/// use barewire::ipc::Service;
///
/// # fn main() -> barewire::Result<()> {
/// let name = format!("docs-square-{}", std::process::id());
/// let service = Service::<u32, u64>::builder(&name).create()?;
/// let server = service.server()?;
///
/// let answering = std::thread::spawn(move || -> barewire::Result<()> {
///     let call = server.next()?;
///     let square = u64::from(*call) * u64::from(*call);  // read in place
///     call.reply(&square)
/// });
///
/// let other = Service::<u32, u64>::open(&name)?;         // in another process, as a rule
/// let client = other.client()?;
/// let reply = client.call(&12, Duration::from_secs(1))?;
/// assert_eq!(*reply, 144);                               // read in place
/// # answering.join().unwrap()
/// # }
/// ```
///
/// A server may answer with several replies, which the client receives one by one:
///
/// ```
/// # extern crate barewire_runtime as barewire;
/// use barewire::ipc::Service;
///
/// # fn main() -> barewire::Result<()> {
/// # let name = format!("docs-count-{}", std::process::id());
/// let service = Service::<u32, u32>::builder(&name).create()?;
/// let (client, server) = (service.client()?, service.server()?);
///
/// let mut stream = client.call_stream(&3)?;
/// let mut answer = server.next()?.stream();
/// for number in 0..**answer.call() {
///     answer.send(&number)?;                             // waits while the client is behind
/// }
/// answer.finish();
///
/// let mut sum = 0;
/// while let Some(part) = stream.next_part()? {
///     sum += *part;
/// }
/// assert_eq!(sum, 0 + 1 + 2);
/// # Ok(()) }
/// ```
pub struct Service<Request: FixedLayout, Reply: FixedLayout> {
    shared: Arc<Shared>,
    _call: PhantomData<fn(Request) -> Reply>,
}

impl<Request: FixedLayout, R: FixedLayout> Service<Request, R> {
    /// Begins to describe a service to create or open.
    pub fn builder(name: impl Into<String>) -> ServiceBuilder<Request, R> {
        ServiceBuilder {
            name: name.into(),
            place: Place::Standard,
            clients: DEFAULT_CLIENTS,
            frames: None,
            request_bytes: None,
            reply_bytes: None,
            isolated: false,
            wait: Wait::default(),
            _call: PhantomData,
        }
    }

    /// Makes a service for 32 clients in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`ServiceBuilder::create`].
    pub fn create(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).create()
    }

    /// Opens a service in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`ServiceBuilder::open`].
    pub fn open(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).open()
    }

    /// Whether a service of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(name: impl Into<String>) -> Result<bool> {
        Self::builder(name).exists()
    }

    pub(super) fn segment(&self) -> &Segment {
        self.shared.segment()
    }

    fn attached(segment: Segment, wait: Wait) -> Result<Self> {
        let shared = Arc::new(Shared::new::<Request, R>(segment, wait)?);
        Ok(Self { shared, _call: PhantomData })
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.name()
    }

    /// How many clients it can have at a time, as it was made.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.shared.shape().clients
    }

    /// How many processes serve, at some moment during the call; the dead do not count.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.shared.servers()
    }

    /// One who calls. A process may have several, and a client outlives the service's handle.
    ///
    /// # Errors
    ///
    /// `TooManyParticipants` if the service has as many clients as it was made for.
    pub fn client(&self) -> Result<Client<Request, R>> {
        Client::new(&self.shared)
    }

    /// One who answers. A process may have several, and a server outlives the service's handle.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn server(&self) -> Result<Server<Request, R>> {
        Ok(Server::new(&self.shared))
    }

    /// Gives this handle up. The process leaves the service with its last client and server, and
    /// the last process out removes it. Dropping it does the same.
    pub fn close(self) {}
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for Service<Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("shared", &self.shared).finish_non_exhaustive()
    }
}
