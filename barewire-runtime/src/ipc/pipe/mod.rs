//! `NamedPipe<Send, Receive>`: a stream of typed messages each way, between processes that share no
//! memory.

mod builder;
mod fifo;
mod frame;
mod handshake;
mod link;
mod meet;
mod receive;
mod send;
mod server;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use barewire_schema::BareSchema;

use crate::codec::{Decode, Encode};
use crate::error::{Error, ErrorKind, Result};
use link::Patience;
use meet::Met;

pub use builder::PipeBuilder;
pub use fifo::Fifo;
pub use frame::{DEFAULT_MESSAGE_BYTES, MAX_MESSAGE_BYTES};
pub use handshake::PIPE_VERSION;
pub use receive::{PipeMessage, PipeReceiver};
pub use send::PipeSender;
pub use server::PipeServer;

/// The most file descriptors that go with one message.
pub const MAX_DESCRIPTORS: usize = crate::sys::socket::MOST_FILES;

/// Who made the other end of a pipe, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PeerCredentials {
    /// Its process, at the time when it connected or began to listen; 0 if this process cannot see
    /// it.
    pub process: i32,
    /// Its effective user.
    pub user: u32,
    /// Its effective group.
    pub group: u32,
}

/// One end of a pipe: sends values of `S`, and receives values of `R`.
///
/// The stream between processes that do not share memory, or do not trust each other enough to:
/// whatever the other side sends, or however it ends, gives errors here, and needs no more memory
/// than the largest message. Messages have any size up to a limit of the receiving side's. They are
/// BARE, so the two sides may have different versions of the types, as long as the one that reads
/// knows what the one that writes has: each tells the other its schema first. A newer side is kept
/// to what the older one knows.
///
/// Whoever sends waits while the other side does not take what there is. Two sides that both send
/// much before they receive wait for each other for ever: [`split`](Self::split) the pipe, and
/// receive in another thread or task.
///
/// ```
/// # extern crate barewire_runtime as barewire;
/// use std::time::Duration;
/// use barewire::ipc::NamedPipe;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let name = format!("docs-lengths-{}", std::process::id());
/// let mut server = NamedPipe::<u32, String>::server(&name)?; // one process
/// # let other = name.clone();
/// # let client = std::thread::spawn(move || -> barewire::Result<()> {
/// # let name = other;
///
/// let mut pipe = NamedPipe::<String, u32>::connect(&name, Duration::from_secs(5))?; // another
/// pipe.send(&"boiling".to_owned())?;
/// assert_eq!(pipe.receive()?, 7);
/// # Ok(()) });
///
/// let mut pipe = server.accept()?;
/// while let Ok(text) = pipe.receive() {
///     pipe.send(&(text.len() as u32))?;
/// }
/// # client.join().unwrap()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct NamedPipe<S, R> {
    sender: PipeSender<S>,
    receiver: PipeReceiver<R>,
    peer: PeerCredentials,
    /// How a client finds its server again.
    origin: Option<Box<PipeBuilder<S, R>>>,
    connections: u64,
}

impl<S: BareSchema, R: BareSchema> NamedPipe<S, R> {
    /// Begins to describe a pipe to serve or to connect to.
    pub fn builder(name: impl Into<String>) -> PipeBuilder<S, R> {
        PipeBuilder::new(name.into())
    }

    /// Makes the server of a pipe in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`PipeBuilder::server`].
    pub fn server(name: impl Into<String>) -> Result<PipeServer<S, R>> {
        Self::builder(name).server()
    }

    /// Connects to the server of a pipe in the standard directory, and waits up to `timeout` for
    /// one to be there and to answer.
    ///
    /// # Errors
    ///
    /// As [`PipeBuilder::connect`].
    pub fn connect(name: impl Into<String>, timeout: Duration) -> Result<Self> {
        Self::builder(name).connect(timeout)
    }

    fn new(met: Met, origin: Option<PipeBuilder<S, R>>) -> Self {
        let Met { link, intake, agreement, peer } = met;
        let link = Arc::new(link);
        Self {
            sender: PipeSender::new(Arc::clone(&link), agreement),
            receiver: PipeReceiver::new(link, intake),
            peer,
            origin: origin.map(Box::new),
            connections: 1,
        }
    }

    /// The pipe's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.sender.name()
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> PeerCredentials {
        self.peer
    }

    /// How many connections this client has had; see [`reconnect`](PipeBuilder::reconnect).
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    /// The end that sends, with the calls that a pipe does not have itself.
    pub fn sender(&mut self) -> &mut PipeSender<S> {
        &mut self.sender
    }

    /// The end that receives, with the calls that a pipe does not have itself.
    pub fn receiver(&mut self) -> &mut PipeReceiver<R> {
        &mut self.receiver
    }

    /// Both ends, for two threads or tasks. The connection ends when both are dropped.
    #[must_use]
    pub fn split(self) -> (PipeSender<S>, PipeReceiver<R>) {
        (self.sender, self.receiver)
    }

    /// Sends what was accepted, and ends the connection: the other side receives all, and then that
    /// the pipe is closed. Dropping it does not wait for what is not sent yet.
    ///
    /// # Errors
    ///
    /// `Closed` and `Io`: something was not sent.
    pub fn close(mut self) -> Result<()> {
        self.sender.flush()
    }

    /// Connects to the server again, or to one that has come in its place, within `timeout`.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if this is no client that has found its server by name; as
    /// [`PipeBuilder::connect`]. The pipe is as it was then.
    pub fn reconnect(&mut self, timeout: Duration) -> Result<()> {
        let Some(origin) = &self.origin else {
            return Err(self.no_origin());
        };
        let fresh = origin.connect_ref(timeout)?;
        let connections = self.connections + 1;
        *self = Self { connections, ..fresh };
        Ok(())
    }

    /// As [`reconnect`](Self::reconnect), but lets the thread do other work meanwhile.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing has changed.
    ///
    /// # Errors
    ///
    /// As [`reconnect`](Self::reconnect), and `Io` if no thread can be started.
    pub async fn reconnect_async(&mut self, timeout: Duration) -> Result<()>
    where
        S: 'static,
        R: 'static,
    {
        let Some(origin) = &self.origin else {
            return Err(self.no_origin());
        };
        let fresh = PipeBuilder::clone(origin).connect_async(timeout).await?;
        let connections = self.connections + 1;
        *self = Self { connections, ..fresh };
        Ok(())
    }

    fn no_origin(&self) -> Error {
        let detail = "was not found by its name, so it cannot be found again";
        Error::new(ErrorKind::InvalidArgument, self.name(), detail)
    }

    /// Whether the call can be made once more, since the server was found again.
    #[cold]
    fn found_again(&mut self, error: &Error) -> bool {
        let gone = matches!(error.kind(), ErrorKind::Closed | ErrorKind::Truncated);
        let timeout = self.origin.as_ref().and_then(|origin| origin.reconnect);
        gone && timeout.is_some_and(|timeout| self.reconnect(timeout).is_ok())
    }

    /// As [`PipeSender::send`].
    ///
    /// # Errors
    ///
    /// As [`PipeSender::send`].
    #[inline]
    pub fn send(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        match self.sender.send(value) {
            Err(error) if self.found_again(&error) => self.sender.send(value),
            sent => sent,
        }
    }

    /// As [`PipeSender::send_timeout`].
    ///
    /// # Errors
    ///
    /// As [`PipeSender::send_timeout`].
    pub fn send_timeout(&mut self, value: &S, timeout: Duration) -> Result<()>
    where
        S: Encode,
    {
        match self.sender.send_timeout(value, timeout) {
            Err(error) if self.found_again(&error) => self.sender.send_timeout(value, timeout),
            sent => sent,
        }
    }

    /// As [`PipeSender::try_send`].
    ///
    /// # Errors
    ///
    /// As [`PipeSender::try_send`].
    #[inline]
    pub fn try_send(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        self.sender.try_send(value)
    }

    /// As [`PipeSender::send_async`].
    ///
    /// # Errors
    ///
    /// As [`PipeSender::send_async`].
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use std::time::Duration;
    /// use barewire::ipc::NamedPipe;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let name = format!("docs-async-pipe-{}", std::process::id());
    /// let mut server = NamedPipe::<u32, u32>::server(&name)?;
    /// let serving = tokio::spawn(async move {
    ///     let mut pipe = server.accept_async().await?;
    ///     let number = pipe.receive_async().await?;
    ///     pipe.send_async(&(number * 2)).await
    /// });
    /// let client = NamedPipe::<u32, u32>::builder(&name);
    /// let mut pipe = client.connect_async(Duration::from_secs(5)).await?;
    /// pipe.send_async(&21).await?;
    /// assert_eq!(pipe.receive_async().await?, 42);
    /// serving.await??;
    /// # Ok(()) }
    /// ```
    pub async fn send_async(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        self.sender.send_async(value).await
    }

    /// As [`PipeSender::send_with_descriptors`].
    ///
    /// # Errors
    ///
    /// As [`PipeSender::send_with_descriptors`].
    pub fn send_with_descriptors(&mut self, value: &S, files: &[impl AsFd]) -> Result<()>
    where
        S: Encode,
    {
        self.sender.send_with_descriptors(value, files)
    }

    /// As [`PipeReceiver::receive`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::receive`].
    #[inline]
    pub fn receive(&mut self) -> Result<R>
    where
        R: for<'de> Decode<'de>,
    {
        loop {
            self.settle(Patience::Forever)?;
            match self.receiver.receive() {
                Err(error) if self.found_again(&error) => {}
                received => return received,
            }
        }
    }

    /// As [`PipeReceiver::receive_timeout`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::receive_timeout`].
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<R>>
    where
        R: for<'de> Decode<'de>,
    {
        self.settle(Patience::timeout(timeout))?;
        match self.receiver.receive_timeout(timeout) {
            Err(error) if self.found_again(&error) => self.receiver.receive_timeout(timeout),
            received => received,
        }
    }

    /// As [`PipeReceiver::try_receive`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::try_receive`].
    #[inline]
    pub fn try_receive(&mut self) -> Result<Option<R>>
    where
        R: for<'de> Decode<'de>,
    {
        self.settle(Patience::None)?;
        self.receiver.try_receive()
    }

    /// As [`PipeReceiver::receive_async`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::receive_async`].
    pub async fn receive_async(&mut self) -> Result<R>
    where
        R: for<'de> Decode<'de>,
    {
        if !self.sender.is_flushed() {
            self.sender.flush_async().await?;
        }
        self.receiver.receive_async().await
    }

    /// As [`PipeReceiver::receive_message`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::receive_message`].
    #[inline]
    pub fn receive_message(&mut self) -> Result<PipeMessage<'_, R>> {
        self.settle(Patience::Forever)?;
        self.receiver.receive_message()
    }

    /// As [`PipeReceiver::receive_message_timeout`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::receive_message_timeout`].
    pub fn receive_message_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<PipeMessage<'_, R>>> {
        self.settle(Patience::timeout(timeout))?;
        self.receiver.receive_message_timeout(timeout)
    }

    /// As [`PipeReceiver::receive_message_async`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::receive_message_async`].
    pub async fn receive_message_async(&mut self) -> Result<PipeMessage<'_, R>> {
        if !self.sender.is_flushed() {
            self.sender.flush_async().await?;
        }
        self.receiver.receive_message_async().await
    }

    /// As [`PipeReceiver::try_receive_message`].
    ///
    /// # Errors
    ///
    /// As [`PipeReceiver::try_receive_message`].
    #[inline]
    pub fn try_receive_message(&mut self) -> Result<Option<PipeMessage<'_, R>>> {
        self.settle(Patience::None)?;
        self.receiver.try_receive_message()
    }

    /// Sends what was accepted and had no room before, while there is nothing to receive: the other
    /// side may wait for it.
    #[inline]
    fn settle(&mut self, patience: Patience) -> Result<()> {
        if self.sender.is_flushed() { Ok(()) } else { self.settle_what_is_left(patience) }
    }

    #[cold]
    fn settle_what_is_left(&mut self, patience: Patience) -> Result<()> {
        loop {
            self.sender.try_settle();
            if self.sender.is_flushed()
                || !self.sender.link().ready((true, true), patience)?
                || self.receiver.link().ready((true, false), Patience::None)?
            {
                return Ok(());
            }
        }
    }
}

impl<S, R> AsFd for NamedPipe<S, R> {
    /// Readable while octets have come that were not read from the kernel. Before waiting for that,
    /// receive until there is nothing: more messages may have been read already.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sender.link().as_fd()
    }
}
