//! A call that was made, and the reply to it.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::time::{Duration, Instant};

use barewire_schema::check;

use super::line::{Line, Looks};
use super::place::Received;
use super::slots::{CallId, Progress};
use crate::codec::Decode;
use crate::error::{Error, Result};
use crate::layout::FixedLayout;

/// A call that was made and not yet answered; dropping it cancels the call.
#[must_use = "a pending call that is dropped is cancelled"]
pub struct PendingCall<'c, R: FixedLayout> {
    pub(super) line: &'c Line,
    pub(super) call: CallId,
    looks: Looks,
    _reply: PhantomData<fn() -> R>,
}

impl<'c, R: FixedLayout> PendingCall<'c, R> {
    #[inline]
    pub(super) fn new(line: &'c Line, call: CallId) -> Self {
        Self { line, call, looks: Looks::default(), _reply: PhantomData }
    }

    /// The reply if it has come, else the pending call again.
    ///
    /// It looks for a dead server too, every few milliseconds if it is called so often.
    ///
    /// # Errors
    ///
    /// `ServerDied`, `Unanswered` and `InvalidValue` as for [`Client::call`](super::Client::call).
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
    /// `ServerDied`, `Unanswered` and `InvalidValue` as for [`Client::call`](super::Client::call).
    pub fn wait(self) -> Result<Reply<'c, R>> {
        self.wait_until(None)
    }

    /// Waits for the reply no longer than `timeout`; the call is cancelled then.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`](super::Client::call).
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

    #[inline]
    pub(super) fn wait_until(self, deadline: Option<Instant>) -> Result<Reply<'c, R>> {
        match self.line.wait(self.call, 0, deadline) {
            Some(found) => self.settle(found),
            None => Err(self.end_late()),
        }
    }

    fn end_late(self) -> Error {
        let this = ManuallyDrop::new(self);
        this.line.late(this.line.end(this.call))
    }

    #[inline]
    pub(super) fn settle(self, found: Progress) -> Result<Reply<'c, R>> {
        let Progress::Last(bytes) = found else {
            return Err(self.line.failure(found));
        };
        let this = ManuallyDrop::new(self);
        let (line, call) = (this.line, this.call);
        line.set_settled(call);
        let received = line.shared.receive(line.shared.frame_place(call, 0), bytes);
        Ok(Reply { line, call, received })
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
/// Its slot carries another call once it is dropped. If the service is isolated, it is a copy.
pub struct Reply<'c, R: FixedLayout> {
    line: &'c Line,
    call: CallId,
    received: Received<R>,
}

impl<R: FixedLayout> Reply<'_, R> {
    /// The octets of the reply: the fixed layout, or BARE if the type is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.received.bytes(&self.line.shared)
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
        self.received.read(&self.line.shared)
    }
}

impl<R: FixedLayout> Deref for Reply<'_, R> {
    type Target = R::Layout;

    #[inline]
    fn deref(&self) -> &R::Layout {
        const { check::assert_bounded(R::TYPE) };
        self.received.layout(&self.line.shared)
    }
}

impl<R: FixedLayout> Drop for Reply<'_, R> {
    #[inline]
    fn drop(&mut self) {
        self.line.release(self.call, true);
    }
}

impl<R: FixedLayout> fmt::Debug for Reply<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("call", &self.call).finish_non_exhaustive()
    }
}
