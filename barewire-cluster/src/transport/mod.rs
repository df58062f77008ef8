//! What carries frames between nodes.
//!
//! | module | carries over |
//! |---|---|
//! | [`memory`] | queues in shared memory, between processes of one machine |
//! | [`pipe`] | named pipes, between processes of one machine that share no memory |
//! | [`udp`] | UDP, with multicast, between machines |
//! | `zenoh` | zenoh, between machines, also through others; with the feature `zenoh` |
//!
//! The protocol expects little of a transport: frames may be lost, doubled, delayed and overtaken,
//! and it makes up for all of that. It expects that a frame arrives whole or not at all, that
//! [`send`](Transport::send) never waits, and that nothing the network does is a panic.

mod bell;
pub mod memory;
pub mod pipe;
pub mod udp;
#[cfg(feature = "zenoh")]
pub mod zenoh;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::Incarnation;

/// What a frame has room for with every transport, in octets.
pub const LEAST_FRAME: usize = 1024;

/// What has come over a transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Octets that should be a frame; nothing of them was checked.
    Frame(&'a [u8]),
    /// A node can be reached from now on. Optional: what it says shows the same.
    Seen(Incarnation),
    /// A node has ended, as a **fact** that the kernel has told: never a guess, never a timeout.
    Lost(Incarnation),
}

/// What has become of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, and may yet be lost.
    Taken,
    /// There is no room at present. The frame was not sent; the caller tries again soon.
    Full,
    /// There is no way to that node: none is known yet, or it is gone.
    NoWay,
}

/// A transport that has failed for good; or could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// What was being done, with which address or name.
    pub doing: String,
    /// What the system or library says.
    pub reason: String,
}

impl TransportError {
    /// An error while doing something.
    pub fn new(doing: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { doing: doing.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.reason)
    }
}

impl std::error::Error for TransportError {}

/// Makes a [`receive`](Transport::receive) in another thread return early.
pub trait Wake: Send + Sync {
    /// The receive that waits, or if none does, the next one, returns at once. Never waits.
    fn wake(&self);
}

/// Carries frames from one node, one incarnation, to others. One thread uses it.
///
/// It is opened for one cluster and one incarnation, and dropping it leaves nothing behind.
pub trait Transport: Send {
    /// The most octets of one frame that [`send`](Self::send) and
    /// [`broadcast`](Self::broadcast) take, [`LEAST_FRAME`] or more; it never changes. The protocol
    /// fills frames up to this, and cuts larger messages in parts itself: a transport for datagrams
    /// says what fits in one, and cuts nothing.
    fn largest_frame(&self) -> usize;

    /// Whether every death of another node comes as [`Event::Lost`]. If so, no timeout declares
    /// anybody dead.
    fn tells_deaths(&self) -> bool;

    /// Sends a frame to one node. Never waits.
    ///
    /// # Errors
    ///
    /// Only if the transport as a whole is of no use any more. What concerns one node or one frame
    /// is said by [`Sent`].
    fn send(&mut self, to: Incarnation, frame: &[u8]) -> Result<Sent, TransportError>;

    /// Sends a frame to every node that can be reached, also to such as are not known yet. It may
    /// or may not come back to the sender. Never waits.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn broadcast(&mut self, frame: &[u8]) -> Result<Sent, TransportError>;

    /// Hands over what has come, in turn; if nothing has, waits up to `patience` for the first, or
    /// until woken. Ends after a bounded number of events, even if more keep coming.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn receive(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TransportError>;

    /// What wakes [`receive`](Self::receive).
    fn waker(&self) -> Arc<dyn Wake>;
}
