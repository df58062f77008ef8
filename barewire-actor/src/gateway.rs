//! Another way to a node, for those that share no memory with this one: on another machine.
//!
//! What travels is a parcel: octets that a gateway carries to [`ActorSystem::arrived`] of the
//! other node, whole and unchanged.
//!
//! ```text
//! system message   BARE of a `Packet`; numbered, acknowledged and sent again by the protocol
//! message, answer  stamp (8 bytes) | head, as in a slot (56 bytes) | payload, as in a slot
//! ```
//!
//! The stamp counts what one node sends to another; what was overtaken or has arrived before is
//! refused, so that messages are handled at most once and in order whatever the gateway does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use barewire_runtime::codec::{decode, encode};
use zerocopy::IntoBytes;

use crate::address::{ActorId, NodeId};
use crate::cause::Cause;
use crate::core::packet::Packet;
use crate::dead_letters::Undelivered;
use crate::error::TellError;
use crate::message::{self, Known, Size, Value};
use crate::node::Node;
use crate::process::frames::{Arrival, HEAD_BYTES, Head, LARGE_BYTES, MEDIUM_BYTES, SMALL_BYTES};
use crate::system::ActorSystem;

const STAMP_BYTES: usize = 8;
/// How often a message that finds its mailbox full is tried again.
const PATIENCE: Duration = Duration::from_millis(1);

/// The largest parcel.
pub const MAX_PARCEL_BYTES: usize = STAMP_BYTES + HEAD_BYTES + LARGE_BYTES;

/// What kind of parcel it is. A gateway should not let one kind wait behind another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParcelKind {
    /// Watches, ends, stop and kill, signs of life. One that is lost is sent again.
    System,
    /// What one actor tells or asks another. One that is lost is lost.
    Message,
    /// What answers a question. One that is lost lets the question end with its deadline.
    Answer,
}

/// A way to nodes that share no memory with this one, as a cluster has it; see
/// [`SystemBuilder::gateway`](crate::SystemBuilder::gateway).
///
/// A gateway carries parcels and knows who can be reached. It may lose parcels, double them and let
/// them overtake each other. When it knows that a node has ended, or has given it up, its owner
/// says so with [`ActorSystem::node_ended`].
///
/// ```
/// # use std::sync::Arc;
/// use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
/// use barewire_actor::{ActorSystem, Cause, Gateway, NodeId, ParcelKind, TellError};
///
/// /// Leads to one other machine, over whatever takes the parcels out of a channel.
/// struct Wire {
///     other: NodeId,
///     parcels: SyncSender<(ParcelKind, Vec<u8>)>,
/// }
///
/// impl Gateway for Wire {
///     fn leads_to(&self, node: NodeId) -> bool {
///         node == self.other
///     }
///
///     fn send(&self, _: NodeId, kind: ParcelKind, parcel: &[u8]) -> Result<(), TellError> {
///         match self.parcels.try_send((kind, parcel.to_vec())) {
///             Ok(()) => Ok(()),
///             Err(TrySendError::Full(_)) => Err(TellError::Full),
///             Err(TrySendError::Disconnected(_)) => Err(TellError::Gone(Cause::Unreachable)),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let name = format!("docs-gateway-{}", std::process::id());
/// # let far = ActorSystem::builder("docs").local().start()?;
/// let (parcels, outgoing) = sync_channel(1024);
/// let wire = Wire { other: far.id(), parcels };
/// let system = ActorSystem::builder(name).gateway(Arc::new(wire)).start()?;
/// // Whoever reads from the other machine hands over what was sent there:
/// assert!(system.arrived(ParcelKind::Message, b"no parcel").await.is_err());
/// # assert!(outgoing.try_recv().is_err());
/// # system.shutdown().await;
/// # Ok(()) }
/// ```
pub trait Gateway: Send + Sync + 'static {
    /// Whether it leads to that node, which is not on this machine. If it does not, the node is
    /// taken to have ended; if it does, this is not asked again. So say yes only of known nodes.
    fn leads_to(&self, node: NodeId) -> bool;

    /// Takes a parcel for a node, without waiting and without calling the actor system.
    ///
    /// # Errors
    ///
    /// [`TellError::Full`] if there is no room now; another error if it cannot be sent at all.
    fn send(&self, node: NodeId, kind: ParcelKind, parcel: &[u8]) -> Result<(), TellError>;

    /// Completes when there may be room for a parcel; if not overridden, in a millisecond.
    fn room(&self, node: NodeId, kind: ParcelKind) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let _ = (node, kind);
        Box::pin(tokio::time::sleep(Duration::from_millis(1)))
    }
}

/// A node behind a gateway.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) node: NodeId,
}

impl Line {
    /// Sends a message or an answer.
    pub(crate) fn send<T: Value>(
        &self,
        home: &Node,
        kind: ParcelKind,
        mut head: Head,
        value: &T,
    ) -> Result<(), TellError> {
        let room = match T::SIZE {
            Size::Small => SMALL_BYTES,
            Size::Medium => MEDIUM_BYTES,
            Size::Large => LARGE_BYTES,
            Size::None => {
                let why = "the type's layout is larger than the largest message";
                return Err(TellError::TooLarge(why.to_owned()));
            }
        };
        // Words, since a layout wants to be aligned.
        let mut payload = vec![0_u64; room / 8];
        let written = message::write(value, payload.as_mut_bytes());
        let length = written.map_err(|why| TellError::TooLarge(why.0))?;
        head.length = length as u32;
        // Under one lock, so that what is stamped first is sent first.
        home.stamped(self.node, |stamp| {
            let mut parcel = Vec::with_capacity(STAMP_BYTES + HEAD_BYTES + length);
            parcel.extend_from_slice(&stamp.to_le_bytes());
            parcel.extend_from_slice(&encode(&head));
            parcel.extend_from_slice(&payload.as_bytes()[room - length..]);
            self.gateway.send(self.node, kind, &parcel)
        })
    }

    /// One that does not go through is sent again by the protocol.
    pub(crate) fn say(&self, packet: &Packet) {
        let _ = self.gateway.send(self.node, ParcelKind::System, &encode(packet));
    }
}

/// A message or an answer, taken apart.
struct Parcel {
    stamp: u64,
    head: Head,
    payload: Vec<u64>,
}

impl Parcel {
    fn read(octets: &[u8]) -> Option<Self> {
        let (stamp, rest) = octets.split_at_checked(STAMP_BYTES)?;
        let (head, rest) = rest.split_at_checked(HEAD_BYTES)?;
        let head: Head = decode(head).ok()?;
        if rest.len() != head.length as usize || rest.len() > LARGE_BYTES {
            return None;
        }
        let mut payload = vec![0_u64; rest.len().div_ceil(8)];
        let target = payload.as_mut_bytes();
        let start = target.len() - rest.len();
        target[start..].copy_from_slice(rest);
        Some(Self { stamp: u64::from_le_bytes(stamp.try_into().ok()?), head, payload })
    }
}

impl ActorSystem {
    /// Takes a parcel that a gateway has carried here. Waits while a mailbox made to
    /// [`Block`](crate::Overflow::Block) is full; await one parcel of a sender's messages before
    /// the next, or they will be in another order and so be refused.
    ///
    /// # Errors
    ///
    /// `Transport` if it is no parcel of that kind.
    pub async fn arrived(&self, kind: ParcelKind, parcel: &[u8]) -> Result<(), TellError> {
        let node = &self.node;
        let invalid = || TellError::Transport("this is no parcel of that kind".to_owned());
        if kind == ParcelKind::System {
            node.receive(decode(parcel).map_err(|_| invalid())?);
            return Ok(());
        }
        let Parcel { stamp, head, payload } = Parcel::read(parcel).ok_or_else(invalid)?;
        let arrival = Arrival::new(&head, payload.as_bytes());
        if kind == ParcelKind::Answer {
            if let Some(waiter) = node.end_ask(arrival.to) {
                waiter.answer(arrival.payload, arrival.length);
            }
            return Ok(());
        }
        if !node.accepts(arrival.from.node(), stamp) {
            tracing::debug!(from = %arrival.from, stamp, "a message came twice, or too late");
            return Ok(());
        }
        loop {
            match node.cell(arrival.to) {
                Ok(cell) if cell.deliver(std::slice::from_ref(&arrival)) == 1 => return Ok(()),
                Ok(_) => tokio::time::sleep(PATIENCE).await,
                Err(cause) => {
                    let to = ActorId::new(node.id, arrival.to);
                    node.undelivered(to, &arrival, Undelivered::Gone(cause));
                    return Ok(());
                }
            }
        }
    }

    /// A node behind the gateway has ended, or was given up: whoever watches an actor there, or
    /// waits for an answer from there, is told. It is not heard again.
    pub fn node_ended(&self, node: NodeId, cause: &Cause) {
        if self.node.node_ended(node, cause).is_some() {
            self.node.forget(node, cause);
        }
    }
}
