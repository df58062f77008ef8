//! What nodes say to each other besides the messages of their users.

use barewire_derive::BareSchema;

use crate::address::{ActorId, NodeId};
use crate::cause::Cause;

/// What an actor is told by its system or by others, beside its messages.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Signal {
    /// Stop after the message in hand; what waits becomes dead letters.
    Stop,
    /// Take no more messages, handle those that wait, then stop.
    Drain,
    /// Stop now, in the middle of a message if need be.
    Kill,
    /// The other has linked itself.
    Link(ActorId),
    /// The other has undone the link.
    Unlink(ActorId),
}

/// One thing that is said.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Body {
    /// Nothing but that the sender lives, and what it has received.
    Alive,
    /// Tell me when that actor of yours ends.
    Watch { watch: u64, target: u64 },
    /// No longer.
    Unwatch { watch: u64, target: u64 },
    /// An actor that you watch has ended.
    Ended { watch: u64, cause: Cause },
    /// For one of your actors.
    Signal { target: u64, signal: Signal },
    /// The sender, a worker, has set itself up.
    Ready,
    /// The receiver is to shut itself down.
    Shutdown,
    /// A question of yours has no answer.
    Refused { ask: u64, why: Refused },
    /// The sender has shut itself down.
    Leaving,
    /// The sender has given the receiver up, and does not listen to it any more.
    GivenUp,
}

/// What travels from one node to another.
///
/// ```text
/// sequence      0: said once, and nobody minds if it is lost; else counted from 1, without a gap
/// acknowledged  the sender has received everything up to this
/// ```
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Packet {
    pub(crate) from: NodeId,
    pub(crate) sequence: u64,
    pub(crate) acknowledged: u64,
    pub(crate) body: Body,
}

/// Why a question has no answer.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Refused {
    Gone(Cause),
    Full,
    Unanswered,
    Invalid,
}
