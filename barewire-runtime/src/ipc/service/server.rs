//! The server's side: calls that were taken, replies, replies filled in place, and streams.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use barewire_schema::check;

use super::payload::{self, is_encoded};
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
/// Made by [`Service::server`](super::Service::server).
#[derive(Debug)]
pub struct Server<Request: FixedLayout, Reply: FixedLayout> {
    shared: Arc<Shared>,
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
    fn take(&self) -> Option<CallId> {
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
struct Held<'s> {
    shared: &'s Shared,
    call: CallId,
    index: u64,
}

impl Held<'_> {
    fn notify(&self) {
        self.shared.replies(self.call.line).notify_all();
    }

    /// The last that happens to the slot from here.
    fn reply(self, bytes: usize) {
        let this = ManuallyDrop::new(self);
        this.shared.slots().reply(this.call, bytes);
        this.notify();
    }

    fn let_go(&self, how: Letting) {
        self.shared.slots().let_go(self.call, self.index, how);
        self.notify();
    }

    fn is_cancelled(&self) -> bool {
        self.shared.slots().is_cancelled(self.call)
    }

    fn check_caller(&self) -> Result<()> {
        if self.is_cancelled() {
            let detail = "the caller has given the call up";
            return Err(self.shared.error(ErrorKind::Cancelled, detail));
        }
        Ok(())
    }

    fn store<R: FixedLayout + Encode>(&self, reply: &R) -> Result<usize> {
        let place = self.shared.frame_place(self.call, self.index);
        payload::store(self.shared.name(), place, reply)
    }

    /// Waits until the next frame may be filled; false if the deadline passed.
    fn wait_for_room(&self, deadline: Option<Instant>) -> Result<bool> {
        let slots = self.shared.slots();
        let attempt = || {
            if slots.has_room(self.call, self.index) {
                return Ok(Some(()));
            }
            self.check_caller().map(|()| None)
        };
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
/// Dropped without a reply, it tells the client so at once.
#[must_use = "a call that is dropped stays unanswered"]
pub struct Call<'s, Request: FixedLayout, R: FixedLayout> {
    held: Held<'s>,
    _call: PhantomData<fn(Request) -> R>,
}

impl<'s, Request: FixedLayout, R: FixedLayout> Call<'s, Request, R> {
    fn new(shared: &'s Shared, call: CallId) -> Self {
        Self { held: Held { shared, call, index: 0 }, _call: PhantomData }
    }

    /// The octets of the request: the fixed layout, or BARE if the type is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.held.shared.request(self.held.call, is_encoded::<Request>())
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
        payload::read(self.held.shared.name(), self.bytes())
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
    pub fn reply(self, reply: &R) -> Result<()>
    where
        R: Encode,
    {
        let bytes = self.held.store(reply)?;
        self.held.reply(bytes);
        Ok(())
    }

    /// Begins a reply that is filled in place.
    pub fn loan(self) -> ReplyLoan<'s, Request, R> {
        const { check::assert_bounded(R::TYPE) };
        payload::zero::<R>(self.held.shared.frame_place(self.held.call, 0));
        ReplyLoan { call: self, _writes: PhantomData }
    }

    /// Begins to answer with several replies.
    pub fn stream(self) -> StreamedReply<'s, Request, R> {
        StreamedReply { call: self }
    }
}

impl<Request: FixedLayout, R: FixedLayout> Deref for Call<'_, Request, R> {
    type Target = Request::Layout;

    fn deref(&self) -> &Request::Layout {
        const { check::assert_bounded(Request::TYPE) };
        payload::layout::<Request>(self.held.shared.request(self.held.call, false))
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for Call<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("call", &self.held.call).finish_non_exhaustive()
    }
}

/// A reply that is being filled in place; dropping it unsent leaves the call unanswered.
///
/// It starts as all zeroes, and dereferences to the fixed layout of the type.
#[must_use = "a reply that is not sent leaves the call unanswered"]
pub struct ReplyLoan<'s, Request: FixedLayout, R: FixedLayout> {
    call: Call<'s, Request, R>,
    // The reply is written through this handle, by one thread at a time.
    _writes: PhantomData<&'s mut R::Layout>,
}

impl<'s, Request: FixedLayout, R: FixedLayout> ReplyLoan<'s, Request, R> {
    /// The call that is being answered.
    pub fn call(&self) -> &Call<'s, Request, R> {
        &self.call
    }

    /// Answers the call.
    pub fn send(self) {
        self.call.held.reply(size_of::<R::Layout>());
    }

    fn place(&self) -> &mut [u8] {
        self.call.held.shared.frame_place(self.call.held.call, 0)
    }
}

impl<Request: FixedLayout, R: FixedLayout> Deref for ReplyLoan<'_, Request, R> {
    type Target = R::Layout;

    fn deref(&self) -> &R::Layout {
        payload::layout::<R>(self.place())
    }
}

impl<Request: FixedLayout, R: FixedLayout> DerefMut for ReplyLoan<'_, Request, R> {
    fn deref_mut(&mut self) -> &mut R::Layout {
        payload::layout_mut::<R>(self.place())
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for ReplyLoan<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyLoan").field("call", &self.call).finish_non_exhaustive()
    }
}

/// Several replies to one call; dropping it before [`finish`](Self::finish) cuts the stream short.
#[must_use = "a stream that is not finished is cut short"]
pub struct StreamedReply<'s, Request: FixedLayout, R: FixedLayout> {
    call: Call<'s, Request, R>,
}

impl<'s, Request: FixedLayout, R: FixedLayout> StreamedReply<'s, Request, R> {
    /// The call that is being answered.
    pub fn call(&self) -> &Call<'s, Request, R> {
        &self.call
    }

    /// Sends one part; waits while the client has not yet received those before.
    ///
    /// # Errors
    ///
    /// `Cancelled` if the client has given the call up or died, and `TooLarge` as for
    /// [`Call::reply`]; nothing was sent then.
    pub fn send(&mut self, part: &R) -> Result<()>
    where
        R: Encode,
    {
        self.send_until(part, None)
    }

    /// As [`send`](Self::send), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the client has not received the parts before, and as [`send`](Self::send).
    pub fn send_timeout(&mut self, part: &R, timeout: Duration) -> Result<()>
    where
        R: Encode,
    {
        self.send_until(part, Instant::now().checked_add(timeout))
    }

    /// As [`send`](Self::send), but never waits.
    ///
    /// # Errors
    ///
    /// `Full` if the client has not received the parts before, and as [`send`](Self::send).
    pub fn try_send(&mut self, part: &R) -> Result<()>
    where
        R: Encode,
    {
        let held = &self.call.held;
        held.check_caller()?;
        if !held.shared.slots().has_room(held.call, held.index) {
            let detail = "the client has not yet received the parts before";
            return Err(held.shared.error(ErrorKind::Full, detail));
        }
        self.send_now(part)
    }

    /// Ends the stream.
    pub fn finish(self) {
        let held = ManuallyDrop::new(self.call.held);
        held.let_go(Letting::End);
    }

    fn send_until(&mut self, part: &R, deadline: Option<Instant>) -> Result<()>
    where
        R: Encode,
    {
        let held = &self.call.held;
        held.check_caller()?;
        if !held.wait_for_room(deadline)? {
            let detail = "the client did not receive the parts before";
            return Err(held.shared.error(ErrorKind::TimedOut, detail));
        }
        self.send_now(part)
    }

    fn send_now(&mut self, part: &R) -> Result<()>
    where
        R: Encode,
    {
        let held = &mut self.call.held;
        let bytes = held.store(part)?;
        held.shared.slots().send_part(held.call, held.index, bytes);
        held.index += 1;
        held.notify();
        Ok(())
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for StreamedReply<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedReply").field("call", &self.call).finish_non_exhaustive()
    }
}
