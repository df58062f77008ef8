//! Requests and replies that are filled in place.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::line::Line;
use super::pending::PendingCall;
use super::place::Draft;
use super::server::Call;
use super::slots::CallId;
use super::stream::ReplyStream;
use crate::error::Result;
use crate::layout::FixedLayout;

/// A call that is not made yet; given back when dropped.
struct Reserved<'c> {
    line: &'c Line,
    call: CallId,
}

impl Reserved<'_> {
    /// The call, to be made.
    fn used(self) -> CallId {
        ManuallyDrop::new(self).call
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.line.release_unused(self.call);
    }
}

/// A request that is being filled in place; dropping it unsent gives it back.
///
/// It starts as all zeroes, and dereferences to the fixed layout of the type.
#[must_use = "a loan that is not sent is given back"]
pub struct RequestLoan<'c, Request: FixedLayout, R: FixedLayout> {
    reserved: Reserved<'c>,
    draft: Draft<Request>,
    _reply: PhantomData<fn() -> R>,
}

impl<'c, Request: FixedLayout, R: FixedLayout> RequestLoan<'c, Request, R> {
    pub(super) fn new(line: &'c Line, call: CallId) -> Self {
        let draft = line.shared.draft(line.shared.request_place(call, false));
        Self { reserved: Reserved { line, call }, draft, _reply: PhantomData }
    }

    /// Makes the call.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn send(self) -> Result<PendingCall<'c, R>> {
        Ok(self.make(false))
    }

    /// Makes the call, for a stream of replies.
    ///
    /// # Errors
    ///
    /// None today; a service may come to be closed.
    pub fn send_stream(self) -> Result<ReplyStream<'c, R>> {
        Ok(ReplyStream::new(self.make(true)))
    }

    fn make(self, stream: bool) -> PendingCall<'c, R> {
        let line = self.reserved.line;
        self.draft.write(&line.shared);
        let call = self.reserved.used();
        line.publish(call, stream);
        PendingCall::new(line, call)
    }
}

impl<Request: FixedLayout, R: FixedLayout> Deref for RequestLoan<'_, Request, R> {
    type Target = Request::Layout;

    fn deref(&self) -> &Request::Layout {
        self.draft.layout(&self.reserved.line.shared)
    }
}

impl<Request: FixedLayout, R: FixedLayout> DerefMut for RequestLoan<'_, Request, R> {
    fn deref_mut(&mut self) -> &mut Request::Layout {
        self.draft.layout_mut(&self.reserved.line.shared)
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for RequestLoan<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestLoan").field("call", &self.reserved.call).finish_non_exhaustive()
    }
}

/// A reply that is being filled in place; dropping it unsent leaves the call unanswered.
///
/// It starts as all zeroes, and dereferences to the fixed layout of the type.
#[must_use = "a reply that is not sent leaves the call unanswered"]
pub struct ReplyLoan<'s, Request: FixedLayout, R: FixedLayout> {
    call: Call<'s, Request, R>,
    draft: Draft<R>,
}

impl<'s, Request: FixedLayout, R: FixedLayout> ReplyLoan<'s, Request, R> {
    pub(super) fn new(call: Call<'s, Request, R>) -> Self {
        let draft = call.held.shared.draft(call.held.place());
        Self { call, draft }
    }

    /// The call that is being answered.
    pub fn call(&self) -> &Call<'s, Request, R> {
        &self.call
    }

    /// Answers the call.
    pub fn send(self) {
        self.draft.write(self.call.held.shared);
        self.call.held.reply(size_of::<R::Layout>());
    }
}

impl<Request: FixedLayout, R: FixedLayout> Deref for ReplyLoan<'_, Request, R> {
    type Target = R::Layout;

    fn deref(&self) -> &R::Layout {
        self.draft.layout(self.call.held.shared)
    }
}

impl<Request: FixedLayout, R: FixedLayout> DerefMut for ReplyLoan<'_, Request, R> {
    fn deref_mut(&mut self) -> &mut R::Layout {
        self.draft.layout_mut(self.call.held.shared)
    }
}

impl<Request: FixedLayout, R: FixedLayout> fmt::Debug for ReplyLoan<'_, Request, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyLoan").field("call", &self.call).finish_non_exhaustive()
    }
}
