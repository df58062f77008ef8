//! User messages over a transport that loses, doubles and reorders: each at most once, in order.
//!
//! Between processes of one machine a queue keeps the order, and nothing of this is needed.

use std::collections::HashMap;

use crate::address::NodeId;

/// Numbers what one node sends to each of the others.
#[derive(Debug, Default)]
pub(crate) struct Outgoing(HashMap<NodeId, u64>);

impl Outgoing {
    /// What the stamp of the next message to a node will be.
    pub(crate) fn next(&self, to: NodeId) -> u64 {
        self.0.get(&to).map_or(1, |last| last + 1)
    }

    /// The stamp of the next message to a node, which is used by that.
    pub(crate) fn stamp(&mut self, to: NodeId) -> u64 {
        let last = self.0.entry(to).or_default();
        *last += 1;
        *last
    }

    /// That node has ended.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }
}

/// Refuses what was overtaken or has arrived before.
#[derive(Debug, Default)]
pub(crate) struct Incoming(HashMap<NodeId, u64>);

impl Incoming {
    /// Whether a message may be delivered: nothing later, and not itself, was delivered before.
    pub(crate) fn accepts(&mut self, from: NodeId, stamp: u64) -> bool {
        let last = self.0.entry(from).or_default();
        let accepted = stamp > *last;
        *last = stamp.max(*last);
        accepted
    }

    /// That node has ended, and is not heard again.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }
}
