//! The client's side: who calls, and how.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barewire_schema::check;

use super::line::Line;
use super::loan::RequestLoan;
use super::payload::is_encoded;
use super::pending::{PendingCall, Reply};
use super::shared::Shared;
use super::slots::CallId;
use super::stream::ReplyStream;
use crate::codec::Encode;
use crate::error::{ErrorKind, Result};
use crate::layout::FixedLayout;

/// One who calls; up to eight calls at a time, from any thread.
///
/// Made by [`Service::client`](super::Service::client). In a [`WaitSet`](crate::ipc::WaitSet) it is
/// ready while something has become of a call: then `try_wait` or `try_next_part` of that call
/// finds it.
///
/// ```
/// # extern crate barewire_runtime as barewire;
/// use barewire::ipc::{Service, WaitSet};
///
/// # fn main() -> barewire::Result<()> {
/// # let name = format!("docs-client-set-{}", std::process::id());
/// let service = Service::<u32, u32>::builder(&name).create()?;
/// let (client, server) = (service.client()?, service.server()?);
/// let mut set = WaitSet::new();
/// set.add(&client, "client")?;
///
/// let pending = client.start(&20)?;
/// assert!(set.try_wait()?.is_empty());
/// server.next()?.reply(&21)?;
/// assert_eq!(set.wait()?, ["client"]);
/// let reply = pending.try_wait()?.expect("the set has said so");
/// assert_eq!(*reply, 21);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Client<Request: FixedLayout, Reply: FixedLayout> {
    pub(super) line: Line,
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
        Ok(Self { line: Line::new(shared, index), _calls: PhantomData })
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

    /// As [`call_stream`](Self::call_stream), but waits no longer than `timeout`. The parts are
    /// waited for [with timeouts of their own](ReplyStream::next_part_timeout).
    ///
    /// # Errors
    ///
    /// `TimedOut` if no call came free, and as [`call_stream`](Self::call_stream).
    pub fn call_stream_timeout(
        &self,
        request: &Request,
        timeout: Duration,
    ) -> Result<ReplyStream<'_, R>>
    where
        Request: Encode,
    {
        let deadline = Instant::now().checked_add(timeout);
        let pending = self.send(self.line.reserve_until(deadline)?, request, true)?;
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
        Ok(RequestLoan::new(&self.line, self.line.reserve_until(None)?))
    }

    /// As [`loan`](Self::loan), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if no call came free.
    pub fn loan_timeout(&self, timeout: Duration) -> Result<RequestLoan<'_, Request, R>> {
        const { check::assert_bounded(Request::TYPE) };
        let deadline = Instant::now().checked_add(timeout);
        Ok(RequestLoan::new(&self.line, self.line.reserve_until(deadline)?))
    }

    /// As [`loan`](Self::loan), but never waits.
    ///
    /// # Errors
    ///
    /// `Full` if all of the client's calls are in use.
    pub fn try_loan(&self) -> Result<RequestLoan<'_, Request, R>> {
        const { check::assert_bounded(Request::TYPE) };
        Ok(RequestLoan::new(&self.line, self.try_reserve()?))
    }

    fn try_reserve(&self) -> Result<CallId> {
        let full = || self.line.shared.error(ErrorKind::Full, "all the client's calls are in use");
        self.line.reserve().ok_or_else(full)
    }

    #[inline]
    pub(super) fn send(
        &self,
        call: CallId,
        request: &Request,
        stream: bool,
    ) -> Result<PendingCall<'_, R>>
    where
        Request: Encode,
    {
        let shared = &*self.line.shared;
        let encoded = is_encoded::<Request>();
        match shared.store(shared.request_place(call, encoded), request) {
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
