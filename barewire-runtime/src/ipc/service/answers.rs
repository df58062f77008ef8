//! Several replies to one call, as their server sends them.

use std::fmt;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use super::server::Call;
use super::slots::Letting;
use crate::codec::Encode;
use crate::error::{ErrorKind, Result};
use crate::layout::FixedLayout;

/// Several replies to one call; dropping it before [`finish`](Self::finish) cuts the stream short.
#[must_use = "a stream that is not finished is cut short"]
pub struct StreamedReply<'s, Request: FixedLayout, R: FixedLayout> {
    pub(super) call: Call<'s, Request, R>,
}

impl<'s, Request: FixedLayout, R: FixedLayout> StreamedReply<'s, Request, R> {
    pub(super) fn new(call: Call<'s, Request, R>) -> Self {
        Self { call }
    }

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

    pub(super) fn send_now(&mut self, part: &R) -> Result<()>
    where
        R: Encode,
    {
        let held = &mut self.call.held;
        let bytes = held.shared.store(held.place(), part)?;
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
