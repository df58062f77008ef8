//! Who is meant: one life of a process, and one life of an actor in it.

use std::fmt;

use barewire_derive::BareSchema;
use barewire_runtime::layout::Uuid;

/// One life of an actor system in one process: 128 random bits, never used again.
#[derive(BareSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[bare(crate = "::barewire_runtime")]
pub struct NodeId(Uuid);

impl NodeId {
    pub(crate) const fn from_u128(bits: u128) -> Self {
        Self(Uuid(bits.to_be_bytes()))
    }

    /// The bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0.0)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self::from_u128)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.as_u128())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

/// One life of an actor: its node, and a number that the node gives once.
///
/// An actor that is started again by its supervisor is another one, and so has another id.
#[derive(BareSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[bare(crate = "::barewire_runtime")]
pub struct ActorId {
    node: NodeId,
    number: u64,
}

impl ActorId {
    pub(crate) const fn new(node: NodeId, number: u64) -> Self {
        Self { node, number }
    }

    /// The node that the actor lives in.
    #[must_use]
    pub const fn node(self) -> NodeId {
        self.node
    }

    /// Which of its node's actors it is; counted from 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", &self.node.to_string()[..8], self.number)
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({self})")
    }
}
