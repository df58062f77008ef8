//! Several replies to one call: the client receives them one by one, each in place.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::task::Poll;
use std::time::{Duration, Instant};

use barewire_schema::check;

use super::line::{Line, Looks};
use super::pending::PendingCall;
use super::place::Received;
use super::slots::{CallId, Progress};
use crate::codec::Decode;
use crate::error::{Error, Result};
use crate::layout::FixedLayout;

/// The replies to one call, in their order; dropping it before the end cancels the call.
///
/// The server may be ahead by the service's number of frames; then it waits for this client.
/// A single reply is a stream of one.
#[must_use = "a stream that is dropped is cancelled"]
pub struct ReplyStream<'c, R: FixedLayout> {
    pub(super) line: &'c Line,
    pub(super) call: CallId,
    pub(super) index: u64,
    /// The end was seen, or an error: nothing more comes.
    pub(super) over: bool,
    looks: Looks,
    _reply: PhantomData<fn() -> R>,
}

impl<'c, R: FixedLayout> ReplyStream<'c, R> {
    pub(super) fn new(pending: PendingCall<'c, R>) -> Self {
        let pending = ManuallyDrop::new(pending);
        let (line, call) = (pending.line, pending.call);
        Self { line, call, index: 0, over: false, looks: Looks::default(), _reply: PhantomData }
    }

    /// The next part, however long the server takes; `None` at the end.
    ///
    /// # Errors
    ///
    /// `ServerDied` and `Unanswered` (the server cut the stream short), after all the parts that
    /// it had sent. After an error comes `None`.
    pub fn next_part(&mut self) -> Result<Option<StreamPart<'_, 'c, R>>> {
        self.next_until(None)
    }

    /// As [`next_part`](Self::next_part), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut`, after which the call is cancelled, and as [`next_part`](Self::next_part).
    pub fn next_part_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<StreamPart<'_, 'c, R>>> {
        self.next_until(Instant::now().checked_add(timeout))
    }

    /// As [`next_part`](Self::next_part), but never waits.
    ///
    /// # Errors
    ///
    /// As [`next_part`](Self::next_part).
    pub fn try_next_part(&mut self) -> Result<Poll<Option<StreamPart<'_, 'c, R>>>> {
        if self.over {
            return Ok(Poll::Ready(None));
        }
        match self.looks.look(self.line, self.call, self.index) {
            Progress::Waiting => Ok(Poll::Pending),
            found => self.settle(found).map(Poll::Ready),
        }
    }

    /// Gives the rest up. Dropping it does the same.
    pub fn cancel(self) {}

    fn next_until(&mut self, deadline: Option<Instant>) -> Result<Option<StreamPart<'_, 'c, R>>> {
        if self.over {
            return Ok(None);
        }
        match self.line.wait(self.call, self.index, deadline) {
            Some(found) => self.settle(found),
            None => Err(self.end_late()),
        }
    }

    fn end_late(&mut self) -> Error {
        self.over = true;
        self.line.late(self.line.end(self.call))
    }

    pub(super) fn settle(&mut self, found: Progress) -> Result<Option<StreamPart<'_, 'c, R>>> {
        let (bytes, last) = match found {
            Progress::Part(bytes) => (bytes, false),
            Progress::Last(bytes) => (bytes, true),
            ended => {
                self.over = true;
                self.line.end(self.call);
                return match ended {
                    Progress::Ended => Ok(None),
                    _ => Err(self.line.failure(ended)),
                };
            }
        };
        self.line.set_settled(self.call);
        let shared = &*self.line.shared;
        let received = shared.receive(shared.frame_place(self.call, self.index), bytes);
        Ok(Some(StreamPart { stream: self, received, last }))
    }
}

impl<R: FixedLayout> Drop for ReplyStream<'_, R> {
    fn drop(&mut self) {
        if !self.over {
            self.line.end(self.call);
        }
    }
}

impl<R: FixedLayout> fmt::Debug for ReplyStream<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ReplyStream");
        debug.field("call", &self.call).field("index", &self.index).finish_non_exhaustive()
    }
}

/// One part of a stream, read in place; dropping it gives its room back to the server.
///
/// If the service is isolated, it is a copy.
pub struct StreamPart<'s, 'c, R: FixedLayout> {
    stream: &'s mut ReplyStream<'c, R>,
    received: Received<R>,
    last: bool,
}

impl<R: FixedLayout> StreamPart<'_, '_, R> {
    /// The octets of the part: the fixed layout, or BARE if the type is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.received.bytes(&self.stream.line.shared)
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
        self.received.read(&self.stream.line.shared)
    }
}

impl<R: FixedLayout> Deref for StreamPart<'_, '_, R> {
    type Target = R::Layout;

    fn deref(&self) -> &R::Layout {
        const { check::assert_bounded(R::TYPE) };
        self.received.layout(&self.stream.line.shared)
    }
}

impl<R: FixedLayout> Drop for StreamPart<'_, '_, R> {
    fn drop(&mut self) {
        let (line, call) = (self.stream.line, self.stream.call);
        self.stream.index += 1;
        if self.last {
            self.stream.over = true;
            line.end(call);
            return;
        }
        line.shared.slots().acknowledge(call, self.stream.index);
        line.shared.room(line.index).notify_all();
        // The next part may have come already: then a wait set of another thread waits for this.
        line.set_awaited(call, self.stream.index);
        line.shared.replies(line.index).notify_all();
    }
}

impl<R: FixedLayout> fmt::Debug for StreamPart<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamPart").field("index", &self.stream.index).finish_non_exhaustive()
    }
}
