//! Waiting for a service in other ways than by blocking: as futures, and beside other things.

use barewire_schema::check;

use super::answers::StreamedReply;
use super::client::Client;
use super::line::Line;
use super::loan::RequestLoan;
use super::pending::{PendingCall, Reply};
use super::server::{Call, Server};
use super::slots::{CallId, Progress};
use super::stream::{ReplyStream, StreamPart};
use crate::codec::Encode;
use crate::error::Result;
use crate::ipc::waitable::Waits;
use crate::layout::FixedLayout;
use crate::sync::Event;

impl Line {
    async fn reserve_async(&self) -> Result<CallId> {
        let (shared, event) = (&*self.shared, self.shared.replies(self.index));
        event.wait_async(shared.name(), || Ok(self.reserve()), || shared.recover()).await
    }

    async fn wait_async(&self, call: CallId, index: u64) -> Result<Progress> {
        let (shared, event) = (&*self.shared, self.shared.replies(self.index));
        let attempt = || {
            let found = shared.slots().progress(call, index);
            Ok((found != Progress::Waiting).then_some(found))
        };
        event.wait_async(shared.name(), attempt, || shared.recover()).await
    }
}

impl<Request: FixedLayout, R: FixedLayout> Client<Request, R> {
    /// Calls, and lets the thread do other work until the reply comes.
    ///
    /// The future runs on every executor. If it is dropped before it is done, the call is
    /// cancelled: so the executor's own clock serves as the deadline that a call should have.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call) but for `TimedOut`, and `Io` if the thread that waits cannot be
    /// started.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use barewire::ipc::Service;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let name = format!("docs-call-async-{}", std::process::id());
    /// let service = Service::<u32, u64>::builder(&name).create()?;
    /// let (client, server) = (service.client()?, service.server()?);
    ///
    /// let serving = tokio::spawn(async move {
    ///     let call = server.next_async().await?;
    ///     let square = u64::from(*call) * u64::from(*call);
    ///     call.reply(&square)
    /// });
    /// let (first, second) = tokio::join!(client.call_async(&12), serving);
    /// assert_eq!(*first?, 144);
    /// second??;
    ///
    /// let late = std::time::Duration::from_millis(5);
    /// assert!(tokio::time::timeout(late, client.call_async(&13)).await.is_err());
    /// # Ok(()) }
    /// ```
    pub async fn call_async(&self, request: &Request) -> Result<Reply<'_, R>>
    where
        Request: Encode,
    {
        self.start_async(request).await?.wait_async().await
    }

    /// As [`start`](Self::start), but lets the thread do other work while all of the client's
    /// calls are in use. If the future is dropped before it is done, no call was made.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and `Io` as for [`call_async`](Self::call_async).
    pub async fn start_async(&self, request: &Request) -> Result<PendingCall<'_, R>>
    where
        Request: Encode,
    {
        self.send(self.line.reserve_async().await?, request, false)
    }

    /// As [`call_stream`](Self::call_stream), but lets the thread do other work while all of the
    /// client's calls are in use. If the future is dropped before it is done, no call was made.
    ///
    /// # Errors
    ///
    /// As [`call_stream`](Self::call_stream), and `Io` as for [`call_async`](Self::call_async).
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use barewire::ipc::Service;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire::Result<()> {
    /// # let name = format!("docs-stream-async-{}", std::process::id());
    /// let service = Service::<u32, u32>::builder(&name).create()?;
    /// let (client, server) = (service.client()?, service.server()?);
    ///
    /// let serving = async {
    ///     let mut answer = server.next_async().await?.stream();
    ///     for number in 0..**answer.call() {
    ///         answer.send_async(&number).await?;             // waits while the client is behind
    ///     }
    ///     answer.finish();
    ///     Ok::<_, barewire::Error>(())
    /// };
    /// let receiving = async {
    ///     let mut stream = client.call_stream_async(&10).await?;
    ///     let mut sum = 0;
    ///     while let Some(part) = stream.next_part_async().await? {
    ///         sum += *part;
    ///     }
    ///     Ok::<_, barewire::Error>(sum)
    /// };
    /// let (served, sum) = tokio::join!(serving, receiving);
    /// served?;
    /// assert_eq!(sum?, 45);
    /// # Ok(()) }
    /// ```
    pub async fn call_stream_async(&self, request: &Request) -> Result<ReplyStream<'_, R>>
    where
        Request: Encode,
    {
        let call = self.line.reserve_async().await?;
        Ok(ReplyStream::new(self.send(call, request, true)?))
    }

    /// As [`loan`](Self::loan), but lets the thread do other work while all of the client's calls
    /// are in use.
    ///
    /// # Errors
    ///
    /// `Io` as for [`call_async`](Self::call_async).
    pub async fn loan_async(&self) -> Result<RequestLoan<'_, Request, R>> {
        const { check::assert_bounded(Request::TYPE) };
        Ok(RequestLoan::new(&self.line, self.line.reserve_async().await?))
    }
}

impl<'c, R: FixedLayout> PendingCall<'c, R> {
    /// As [`wait`](Self::wait), but lets the thread do other work until the reply comes. If the
    /// future is dropped before it is done, the call is cancelled.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and `Io` as for [`Client::call_async`].
    pub async fn wait_async(self) -> Result<Reply<'c, R>> {
        let found = self.line.wait_async(self.call, 0).await?;
        self.settle(found)
    }
}

impl<'c, R: FixedLayout> ReplyStream<'c, R> {
    /// As [`next_part`](Self::next_part), but lets the thread do other work until the part comes.
    /// If the future is dropped before it is done, nothing was received.
    ///
    /// # Errors
    ///
    /// As [`next_part`](Self::next_part), and `Io` as for [`Client::call_async`].
    pub async fn next_part_async(&mut self) -> Result<Option<StreamPart<'_, 'c, R>>> {
        if self.over {
            return Ok(None);
        }
        let found = self.line.wait_async(self.call, self.index).await?;
        self.settle(found)
    }
}

impl<Request: FixedLayout, R: FixedLayout> Server<Request, R> {
    /// As [`next`](Self::next), but lets the thread do other work until a call comes. If the
    /// future is dropped before it is done, no call was taken.
    ///
    /// # Errors
    ///
    /// `Io` as for [`Client::call_async`].
    pub async fn next_async(&self) -> Result<Call<'_, Request, R>> {
        let (shared, event) = (&*self.shared, self.shared.calls());
        let attempt = || Ok(self.take());
        let call = event.wait_async(shared.name(), attempt, || shared.recover()).await?;
        Ok(Call::new(shared, call))
    }
}

impl<Request: FixedLayout, R: FixedLayout> StreamedReply<'_, Request, R> {
    /// As [`send`](Self::send), but lets the thread do other work while the client has not yet
    /// received the parts before. If the future is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and `Io` as for [`Client::call_async`].
    pub async fn send_async(&mut self, part: &R) -> Result<()>
    where
        R: Encode,
    {
        let held = &self.call.held;
        held.check_caller()?;
        let (shared, event) = (held.shared, held.shared.room(held.call.line));
        let attempt = || held.has_room().map(|room| room.then_some(()));
        event.wait_async(shared.name(), attempt, || shared.recover()).await?;
        self.send_now(part)
    }
}

impl<Request: FixedLayout, R: FixedLayout> Waits for Server<Request, R> {
    fn event(&self) -> Event<'_> {
        self.shared.calls()
    }

    fn ready(&self) -> bool {
        self.shared.slots().any_requested()
    }

    fn look_for_the_dead(&self) {
        self.shared.recover();
    }
}

impl<Request: FixedLayout, R: FixedLayout> Waits for Client<Request, R> {
    fn event(&self) -> Event<'_> {
        self.line.shared.replies(self.line.index)
    }

    fn ready(&self) -> bool {
        self.line.any_settles()
    }

    fn look_for_the_dead(&self) {
        self.line.shared.recover();
    }
}
