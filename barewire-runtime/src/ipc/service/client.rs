//! The client's side: calls, replies that are read in place, and requests filled in place.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use barewire_schema::check;

use super::payload::{self, is_encoded};
use super::shape::SLOTS;
use super::shared::Shared;
use super::slots::{CallId, Cancelled, Progress};
use super::stream::ReplyStream;
use crate::codec::{Decode, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;

/// So many looks of a waiter look at the reply alone; later ones also at what became of the call.
const QUICK_LOOKS: u32 = 256;
/// A caller that never waits looks at the clock once in so many looks, ...
const LOOKS_BETWEEN_CLOCKS: u32 = 16;
/// ... and for the dead after so long.
const TIME_BETWEEN_RECOVERIES: Duration = Duration::from_millis(4);

/// A client's line of the service; given back when dropped.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    /// A bit for each slot that no handle of this client uses. Its server may still have it.
    unused: AtomicU32,
    /// For each slot, the number of its next call if it is known to be free, else 0; written by
    /// who has taken its bit. So the words that a server may be polling are not read first.
    next: [AtomicU64; SLOTS],
    /// How many slots the servers look at; the lowest are used first.
    widest: AtomicU32,
}

impl Line {
    fn reserve(&self) -> Option<CallId> {
        let mut left = self.unused.load(Ordering::Relaxed);
        while left != 0 {
            let slot = left.trailing_zeros();
            left &= !(1 << slot);
            if self.unused.fetch_and(!(1 << slot), Ordering::Acquire) & 1 << slot == 0 {
                continue;
            }
            let call = match self.next[slot as usize].load(Ordering::Relaxed) {
                0 => self.shared.slots().next_call(self.index, slot as usize),
                number => Some(CallId::new(self.index, slot as usize, number)),
            };
            if call.is_some() {
                if slot >= self.widest.load(Ordering::Relaxed) {
                    self.shared.slots().widen(self.index, slot as usize + 1);
                    self.widest.fetch_max(slot + 1, Ordering::Relaxed);
                }
                return call;
            }
            self.unused.fetch_or(1 << slot, Ordering::Release);
        }
        None
    }

    fn reserve_until(&self, deadline: Option<Instant>) -> Result<CallId> {
        let attempt = || Ok::<_, Error>(self.reserve());
        let (shared, event) = (&*self.shared, self.shared.replies(self.index));
        let found = event.wait_as(shared.wait(), deadline, attempt, || shared.recover())?;
        let detail = "all the client's calls stayed in use";
        found.ok_or_else(|| shared.error(ErrorKind::TimedOut, detail))
    }

    /// Gives the slot of a call back to this client's other calls; whether its server is known
    /// to have let it go.
    pub(super) fn release(&self, call: CallId, free: bool) {
        let next = if free { call.next().number() } else { 0 };
        self.next[call.slot].store(next, Ordering::Relaxed);
        self.unused.fetch_or(1 << call.slot, Ordering::SeqCst);
        self.shared.replies(self.index).notify_all();
    }

    /// Gives back the slot of a call that was never made.
    fn release_unused(&self, call: CallId) {
        self.next[call.slot].store(call.number(), Ordering::Relaxed);
        self.unused.fetch_or(1 << call.slot, Ordering::SeqCst);
        self.shared.replies(self.index).notify_all();
    }

    /// Ends a call whatever has become of it, and gives its slot back.
    pub(super) fn end(&self, call: CallId) -> Cancelled {
        let outcome = self.shared.slots().cancel(call);
        if outcome == Cancelled::Taken {
            self.shared.room(self.index).notify_all();
        }
        self.release(call, outcome == Cancelled::Untaken);
        outcome
    }

    #[inline]
    fn publish(&self, call: CallId, stream: bool) {
        let slots = self.shared.slots();
        slots.prepare(call, stream);
        slots.publish(call);
        self.shared.calls().notify();
    }

    /// Waits until the frame of that index has come, or something else became of the call.
    pub(super) fn wait(
        &self,
        call: CallId,
        index: u64,
        deadline: Option<Instant>,
    ) -> Option<Progress> {
        let slots = self.shared.slots();
        let mut looks = 0;
        let attempt = || {
            looks += 1;
            let quick = looks < QUICK_LOOKS;
            let found = if quick { slots.look(call, index) } else { slots.progress(call, index) };
            Ok::<_, std::convert::Infallible>((found != Progress::Waiting).then_some(found))
        };
        let (shared, event) = (&*self.shared, self.shared.replies(self.index));
        match event.wait_as(shared.wait(), deadline, attempt, || shared.recover()) {
            Ok(found) => found,
        }
    }

    pub(super) fn failure(&self, progress: Progress) -> Error {
        match progress {
            Progress::Failed => {
                let detail = "the server that had taken the call died before it answered";
                self.shared.error(ErrorKind::ServerDied, detail)
            }
            Progress::Part(_) => {
                let detail = "the server answers with a stream: use call_stream";
                self.shared.error(ErrorKind::InvalidValue, detail)
            }
            _ => self.shared.error(ErrorKind::Unanswered, "the server let the call go unanswered"),
        }
    }

    pub(super) fn late(&self, outcome: Cancelled) -> Error {
        let detail = match outcome {
            Cancelled::Untaken if self.shared.slots().servers() == 0 => {
                "the deadline passed: no server is attached to the service"
            }
            Cancelled::Untaken => "the deadline passed: every server was busy with other calls",
            _ => "the deadline passed before the server answered",
        };
        self.shared.error(ErrorKind::TimedOut, detail)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.slots().release_line(self.index);
    }
}

/// When a caller that only ever tries looks for the dead.
#[derive(Debug, Default)]
pub(super) struct Looks {
    count: u32,
    recovered: Option<Instant>,
}

impl Looks {
    pub(super) fn look(&mut self, line: &Line, call: CallId, index: u64) -> Progress {
        let slots = line.shared.slots();
        let found = slots.look(call, index);
        if found != Progress::Waiting {
            return found;
        }
        self.count = self.count.wrapping_add(1);
        if !self.count.is_multiple_of(LOOKS_BETWEEN_CLOCKS) {
            return Progress::Waiting;
        }
        let now = Instant::now();
        let since = now.duration_since(*self.recovered.get_or_insert(now));
        if since >= TIME_BETWEEN_RECOVERIES {
            self.recovered = Some(now);
            line.shared.recover();
        }
        slots.progress(call, index)
    }
}

/// One who calls; up to eight calls at a time, from any thread.
///
/// Made by [`Service::client`](super::Service::client).
#[derive(Debug)]
pub struct Client<Request: FixedLayout, Reply: FixedLayout> {
    line: Line,
    _calls: PhantomData<fn(Request) -> Reply>,
}

impl<Request: FixedLayout, R: FixedLayout> Client<Request, R> {
    pub(super) fn new(shared: &Arc<Shared>) -> Result<Self> {
        let mut line = shared.slots().claim_line();
        if line.is_none() {
            shared.recover();
            line = shared.slots().claim_line();
        }
        let Some(index) = line else {
            let detail = "has as many clients as it can have; make it with a larger `clients`";
            return Err(shared.error(ErrorKind::TooManyParticipants, detail));
        };
        let unused = AtomicU32::new((1 << SLOTS) - 1);
        let next = std::array::from_fn(|_| AtomicU64::new(0));
        let line =
            Line { shared: Arc::clone(shared), index, unused, next, widest: AtomicU32::new(1) };
        Ok(Self { line, _calls: PhantomData })
    }

    /// Calls, and waits for the reply no longer than `timeout`.
    ///
    /// The reply is read in place; its slot is used again once it is dropped. A call that is late
    /// is cancelled: its server can see that, and no reply to it reaches a later call.
    ///
    /// # Errors
    ///
    /// `TimedOut`, and the message says whether a server was attached at all; `ServerDied` as soon
    /// as the server that had taken the call is dead; `Unanswered` if it let the call go;
    /// `TooLarge` if the request exceeds a cap or the service's room for it; `InvalidValue` if the
    /// server answers with a stream.
    pub fn call(&self, request: &Request, timeout: Duration) -> Result<Reply<'_, R>>
    where
        Request: Encode,
    {
        let mut deadline = None;
        let call = match self.line.reserve() {
            Some(call) => call,
            None => {
                deadline = Instant::now().checked_add(timeout);
                self.line.reserve_until(deadline)?
            }
        };
        let pending = self.send(call, request, false)?;
        // The clock is looked at only now, while the server is at work.
        pending.wait_until(deadline.or_else(|| Instant::now().checked_add(timeout)))
    }

    /// Calls, and returns at once; waits only while all of the client's calls are in use.
    ///
    /// # Errors
    ///
    /// `TooLarge`, as for [`call`](Self::call).
    pub fn start(&self, request: &Request) -> Result<PendingCall<'_, R>>
    where
        Request: Encode,
    {
        self.send(self.line.reserve_until(None)?, request, false)
    }

    /// As [`start`](Self::start), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if no call came free, and as [`start`](Self::start).
    pub fn start_timeout(&self, request: &Request, timeout: Duration) -> Result<PendingCall<'_, R>>
    where
        Request: Encode,
    {
        let deadline = Instant::now().checked_add(timeout);
        self.send(self.line.reserve_until(deadline)?, request, false)
    }

    /// As [`start`](Self::start), but never waits.
    ///
    /// # Errors
    ///
    /// `Full` if all of the client's calls are in use, and as [`start`](Self::start).
    pub fn try_start(&self, request: &Request) -> Result<PendingCall<'_, R>>
    where
        Request: Encode,
    {
        self.send(self.try_reserve()?, request, false)
    }

    /// Calls for a stream of replies; waits only while all of the client's calls are in use.
    ///
    /// # Errors
    ///
    /// `TooLarge`, as for [`call`](Self::call).
    pub fn call_stream(&self, request: &Request) -> Result<ReplyStream<'_, R>>
    where
        Request: Encode,
    {
        let pending = self.send(self.line.reserve_until(None)?, request, true)?;
        Ok(ReplyStream::new(pending))
    }

    /// As [`call_stream`](Self::call_stream), but never waits.
    ///
    /// # Errors
    ///
    /// `Full` if all of the client's calls are in use, and as [`call_stream`](Self::call_stream).
    pub fn try_call_stream(&self, request: &Request) -> Result<ReplyStream<'_, R>>
    where
        Request: Encode,
    {
        Ok(ReplyStream::new(self.send(self.try_reserve()?, request, true)?))
    }

    /// Takes a request to fill in place; waits while all of the client's calls are in use.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn loan(&self) -> Result<RequestLoan<'_, Request, R>> {
        const { check::assert_bounded(Request::TYPE) };
        Ok(RequestLoan::new(self, self.line.reserve_until(None)?))
    }

    /// As [`loan`](Self::loan), but never waits.
    ///
    /// # Errors
    ///
    /// `Full` if all of the client's calls are in use.
    pub fn try_loan(&self) -> Result<RequestLoan<'_, Request, R>> {
        const { check::assert_bounded(Request::TYPE) };
        Ok(RequestLoan::new(self, self.try_reserve()?))
    }

    fn try_reserve(&self) -> Result<CallId> {
        let full = || self.line.shared.error(ErrorKind::Full, "all the client's calls are in use");
        self.line.reserve().ok_or_else(full)
    }

    fn send(&self, call: CallId, request: &Request, stream: bool) -> Result<PendingCall<'_, R>>
    where
        Request: Encode,
    {
        let shared = &*self.line.shared;
        let encoded = is_encoded::<Request>();
        let place = shared.request_place(call, encoded);
        match payload::store(shared.name(), place, request) {
            Ok(bytes) if encoded => shared.set_request_length(call, bytes),
            Ok(_) => (),
            Err(error) => {
                self.line.release_unused(call);
                return Err(error);
            }
        }
        self.line.publish(call, stream);
        Ok(PendingCall::new(&self.line, call))
    }
}

/// A call that was made and not yet answered; dropping it cancels the call.
#[must_use = "a pending call that is dropped is cancelled"]
pub struct PendingCall<'c, R: FixedLayout> {
    pub(super) line: &'c Line,
    pub(super) call: CallId,
    looks: Looks,
    _reply: PhantomData<fn() -> R>,
}

impl<'c, R: FixedLayout> PendingCall<'c, R> {
    fn new(line: &'c Line, call: CallId) -> Self {
        Self { line, call, looks: Looks::default(), _reply: PhantomData }
    }

    /// The reply if it has come, else the pending call again.
    ///
    /// It looks for a dead server too, every few milliseconds if it is called so often.
    ///
    /// # Errors
    ///
    /// `ServerDied`, `Unanswered` and `InvalidValue` as for [`Client::call`].
    pub fn try_wait(mut self) -> Result<std::result::Result<Reply<'c, R>, Self>> {
        match self.looks.look(self.line, self.call, 0) {
            Progress::Waiting => Ok(Err(self)),
            found => self.settle(found).map(Ok),
        }
    }

    /// Waits for the reply, however long the server takes.
    ///
    /// # Errors
    ///
    /// `ServerDied`, `Unanswered` and `InvalidValue` as for [`Client::call`].
    pub fn wait(self) -> Result<Reply<'c, R>> {
        self.wait_until(None)
    }

    /// Waits for the reply no longer than `timeout`; the call is cancelled then.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn wait_timeout(self, timeout: Duration) -> Result<Reply<'c, R>> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// Whether a server has taken the call.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.line.shared.slots().is_taken(self.call)
    }

    /// Gives the call up. Dropping it does the same.
    pub fn cancel(self) {}

    fn wait_until(self, deadline: Option<Instant>) -> Result<Reply<'c, R>> {
        match self.line.wait(self.call, 0, deadline) {
            Some(found) => self.settle(found),
            None => Err(self.end_late()),
        }
    }

    fn end_late(self) -> Error {
        let this = ManuallyDrop::new(self);
        this.line.late(this.line.end(this.call))
    }

    fn settle(self, found: Progress) -> Result<Reply<'c, R>> {
        let Progress::Last(bytes) = found else {
            return Err(self.line.failure(found));
        };
        let this = ManuallyDrop::new(self);
        Ok(Reply { line: this.line, call: this.call, bytes, _reply: PhantomData })
    }
}

impl<R: FixedLayout> Drop for PendingCall<'_, R> {
    fn drop(&mut self) {
        self.line.end(self.call);
    }
}

impl<R: FixedLayout> fmt::Debug for PendingCall<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingCall").field("call", &self.call).finish_non_exhaustive()
    }
}

/// The reply to a call, read in place: it dereferences to the fixed layout of the type.
///
/// Its slot carries another call once it is dropped.
pub struct Reply<'c, R: FixedLayout> {
    line: &'c Line,
    call: CallId,
    bytes: usize,
    _reply: PhantomData<fn() -> R>,
}

impl<R: FixedLayout> Reply<'_, R> {
    /// The octets of the reply: the fixed layout, or BARE if the type is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.line.shared.frame(self.call, 0, self.bytes)
    }

    /// The value, checked and copied out.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if the server wrote something that is no value of the type.
    pub fn read(&self) -> Result<R>
    where
        R: for<'de> Decode<'de>,
    {
        let shared = &*self.line.shared;
        let bytes = if is_encoded::<R>() { self.bytes } else { shared.reply_bytes() };
        payload::read(shared.name(), shared.frame(self.call, 0, bytes))
    }
}

impl<R: FixedLayout> Deref for Reply<'_, R> {
    type Target = R::Layout;

    fn deref(&self) -> &R::Layout {
        const { check::assert_bounded(R::TYPE) };
        let shared = &*self.line.shared;
        payload::layout::<R>(shared.frame(self.call, 0, shared.reply_bytes()))
    }
}

impl<R: FixedLayout> Drop for Reply<'_, R> {
    fn drop(&mut self) {
        self.line.release(self.call, true);
    }
}

impl<R: FixedLayout> fmt::Debug for Reply<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("call", &self.call).finish_non_exhaustive()
    }
}

/// A request that is being filled in place; dropping it unsent gives it back.
///
/// It starts as all zeroes, and dereferences to the fixed layout of the type.
#[must_use = "a loan that is not sent is given back"]
pub struct RequestLoan<'c, Request: FixedLayout, R: FixedLayout> {
    line: &'c Line,
    call: CallId,
    // The request is written through this handle, by one thread at a time.
    _writes: PhantomData<&'c mut Request::Layout>,
    _reply: PhantomData<fn() -> R>,
}

impl<'c, Request: FixedLayout, R: FixedLayout> RequestLoan<'c, Request, R> {
    fn new(client: &'c Client<Request, R>, call: CallId) -> Self {
        let loan = Self { line: &client.line, call, _writes: PhantomData, _reply: PhantomData };
        payload::zero::<Request>(loan.line.shared.request_place(call, false));
        loan
    }

    /// Makes the call.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn send(self) -> Result<PendingCall<'c, R>> {
        let this = ManuallyDrop::new(self);
        this.line.publish(this.call, false);
        Ok(PendingCall::new(this.line, this.call))
    }
}

impl<Request: FixedLayout, R: FixedLayout> Deref for RequestLoan<'_, Request, R> {
    type Target = Request::Layout;

    fn deref(&self) -> &Request::Layout {
        payload::layout::<Request>(self.line.shared.request_place(self.call, false))
    }
}

impl<Request: FixedLayout, R: FixedLayout> DerefMut for RequestLoan<'_, Request, R> {
    fn deref_mut(&mut self) -> &mut Request::Layout {
        payload::layout_mut::<Request>(self.line.shared.request_place(self.call, false))
    }
}

impl<Request: FixedLayout, R: FixedLayout> Drop for RequestLoan<'_, Request, R> {
    fn drop(&mut self) {
        self.line.release_unused(self.call);
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for RequestLoan<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLoan").field("call", &self.call).finish_non_exhaustive()
    }
}
