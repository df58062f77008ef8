//! The server's side: who answers, and the calls that were taken.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use barewire_schema::check;

use super::answers::StreamedReply;
use super::loan::ReplyLoan;
use super::payload::is_encoded;
use super::place::{Place, Received};
use super::shape::SLOTS;
use super::shared::Shared;
use super::slots::{CallId, Letting};
use crate::codec::{Decode, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;

/// After so many calls, the search begins at another slot of each line.
const CALLS_A_SLOT: usize = 16;

/// One who answers calls, from any thread.
///
/// Made by [`Service::server`](super::Service::server). A thread can wait for the calls of several
/// services, beside other things, with a [`WaitSet`](crate::ipc::WaitSet):
///
/// ```
/// # extern crate barewire_runtime as barewire;
/// use barewire::ipc::{Service, WaitSet};
///
/// # fn main() -> barewire::Result<()> {
/// # let name = |what| format!("docs-{what}-{}", std::process::id());
/// let squares = Service::<u32, u64>::builder(name("squares")).create()?;
/// let names = Service::<u32, [u8; 4]>::builder(name("names")).create()?;
/// let (first, second) = (squares.server()?, names.server()?);
/// let mut set = WaitSet::new();
/// set.add(&first, "squares")?;
/// set.add(&second, "names")?;
///
/// let client = names.client()?;
/// let pending = client.start(&3)?;
/// for key in set.wait()? {
///     match key {
///         "names" => second.try_next()?.expect("nobody else takes it").reply(b"trio")?,
///         other => unreachable!("nobody asks for {other}"),
///     }
/// }
/// assert_eq!(*pending.wait()?, *b"trio");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server<Request: FixedLayout, Reply: FixedLayout> {
    pub(super) shared: Arc<Shared>,
    /// The line after that of the last call.
    line: AtomicUsize,
    taken: AtomicUsize,
    _calls: PhantomData<fn(Request) -> Reply>,
}

impl<Request: FixedLayout, R: FixedLayout> Server<Request, R> {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.count_server(true);
        let (line, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { shared: Arc::clone(shared), line, taken, _calls: PhantomData }
    }

    /// Takes a call, if one waits. Clients take turns.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    #[inline]
    pub fn try_next(&self) -> Result<Option<Call<'_, Request, R>>> {
        Ok(self.take().map(|call| Call::new(&self.shared, call)))
    }

    /// Takes a call; waits until one comes.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn next(&self) -> Result<Call<'_, Request, R>> {
        let detail = "no call came";
        self.next_until(None)?.ok_or_else(|| self.shared.error(ErrorKind::TimedOut, detail))
    }

    /// Takes a call; `None` if none has come within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn next_timeout(&self, timeout: Duration) -> Result<Option<Call<'_, Request, R>>> {
        self.next_until(Instant::now().checked_add(timeout))
    }

    fn next_until(&self, deadline: Option<Instant>) -> Result<Option<Call<'_, Request, R>>> {
        let attempt = || Ok::<_, Error>(self.take());
        let (shared, event) = (&*self.shared, self.shared.calls());
        let call = event.wait_as(shared.wait(), deadline, attempt, || shared.recover())?;
        Ok(call.map(|call| Call::new(shared, call)))
    }

    #[inline]
    pub(super) fn take(&self) -> Option<CallId> {
        let taken = self.taken.load(Ordering::Relaxed);
        let first = taken / CALLS_A_SLOT % SLOTS;
        let call = self.shared.slots().take((self.line.load(Ordering::Relaxed), first))?;
        self.line.store(call.line + 1, Ordering::Relaxed);
        self.taken.store(taken.wrapping_add(1), Ordering::Relaxed);
        Some(call)
    }
}

impl<Request: FixedLayout, R: FixedLayout> Drop for Server<Request, R> {
    fn drop(&mut self) {
        self.shared.count_server(false);
    }
}

/// The slot of a taken call and how far its frames are filled; let go when dropped.
pub(super) struct Held<'s> {
    pub(super) shared: &'s Shared,
    pub(super) call: CallId,
    pub(super) index: u64,
}

impl Held<'_> {
    pub(super) fn notify(&self) {
        self.shared.replies(self.call.line).notify_all();
    }

    /// The last that happens to the slot from here.
    #[inline]
    pub(super) fn reply(self, bytes: usize) {
        let this = ManuallyDrop::new(self);
        this.shared.slots().reply(this.call, bytes);
        this.notify();
    }

    pub(super) fn let_go(&self, how: Letting) {
        self.shared.slots().let_go(self.call, self.index, how);
        self.notify();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.shared.slots().is_cancelled(self.call)
    }

    pub(super) fn check_caller(&self) -> Result<()> {
        if self.is_cancelled() {
            let detail = "the caller has given the call up";
            return Err(self.shared.error(ErrorKind::Cancelled, detail));
        }
        Ok(())
    }

    /// Where the next frame is filled.
    pub(super) fn place(&self) -> Place {
        self.shared.frame_place(self.call, self.index)
    }

    /// Whether the next frame may be filled; an error if nobody waits for it any more.
    pub(super) fn has_room(&self) -> Result<bool> {
        if self.shared.slots().has_room(self.call, self.index) {
            return Ok(true);
        }
        self.check_caller().map(|()| false)
    }

    /// Waits until the next frame may be filled; false if the deadline passed.
    pub(super) fn wait_for_room(&self, deadline: Option<Instant>) -> Result<bool> {
        let attempt = || self.has_room().map(|room| room.then_some(()));
        let (shared, event) = (self.shared, self.shared.room(self.call.line));
        let room = event.wait_as(shared.wait(), deadline, attempt, || shared.recover())?;
        Ok(room.is_some())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.let_go(Letting::GiveUp);
    }
}

/// A call that this process has taken, read in place: it dereferences to the request's layout.
///
/// If the service is isolated, it is a copy. Dropped without a reply, it tells the client so at
/// once.
#[must_use = "a call that is dropped stays unanswered"]
pub struct Call<'s, Request: FixedLayout, R: FixedLayout> {
    pub(super) held: Held<'s>,
    request: Received<Request>,
    _call: PhantomData<fn(Request) -> R>,
}

impl<'s, Request: FixedLayout, R: FixedLayout> Call<'s, Request, R> {
    #[inline]
    pub(super) fn new(shared: &'s Shared, call: CallId) -> Self {
        let encoded = is_encoded::<Request>();
        let bytes = if encoded { shared.request_length(call) } else { 0 };
        let request = shared.receive(shared.request_place(call, encoded), bytes);
        Self { held: Held { shared, call, index: 0 }, request, _call: PhantomData }
    }

    /// The octets of the request: the fixed layout, or BARE if the type is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.request.bytes(self.held.shared)
    }

    /// The request, checked and copied out.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if the client wrote something that is no value of the type.
    pub fn read(&self) -> Result<Request>
    where
        Request: for<'de> Decode<'de>,
    {
        self.request.read(self.held.shared)
    }

    /// Whether nobody waits for the reply any more. Replying does no harm then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.held.is_cancelled()
    }

    /// Answers the call.
    ///
    /// # Errors
    ///
    /// `TooLarge` if the reply exceeds a cap or the service's room for it. The call stays
    /// unanswered then.
    #[inline]
    pub fn reply(self, reply: &R) -> Result<()>
    where
        R: Encode,
    {
        let bytes = self.held.shared.store(self.held.place(), reply)?;
        self.held.reply(bytes);
        Ok(())
    }

    /// Begins a reply that is filled in place.
    pub fn loan(self) -> ReplyLoan<'s, Request, R> {
        const { check::assert_bounded(R::TYPE) };
        ReplyLoan::new(self)
    }

    /// Begins to answer with several replies.
    pub fn stream(self) -> StreamedReply<'s, Request, R> {
        StreamedReply::new(self)
    }
}

impl<Request: FixedLayout, R: FixedLayout> Deref for Call<'_, Request, R> {
    type Target = Request::Layout;

    #[inline]
    fn deref(&self) -> &Request::Layout {
        const { check::assert_bounded(Request::TYPE) };
        self.request.layout(self.held.shared)
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for Call<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("call", &self.held.call).finish_non_exhaustive()
    }
}
