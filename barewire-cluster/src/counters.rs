//! What a node has counted.

/// What a node has counted since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Frames of this cluster that were taken.
    pub frames: u64,
    /// Frames that had come before, or were replayed.
    pub doubled: u64,
    /// Frames that had to be sent again, to nodes that are gone by now.
    pub resent: u64,
    /// Octets that do not begin like a frame.
    pub foreign: u64,
    /// Frames of another version of the protocol.
    pub other_version: u64,
    /// Frames of another cluster.
    pub other_cluster: u64,
    /// Frames that break off or hold what is no message.
    pub malformed: u64,
    /// Frames that are meant for another node.
    pub misdirected: u64,
    /// Messages that do not belong where they stood, or make no sense from who said them.
    pub misplaced: u64,
    /// Frames of incarnations that are dead.
    pub fenced: u64,
    /// Frames of more nodes than a node can know.
    pub crowded: u64,
    /// Tasks that a manager has accepted, in this life.
    pub accepted: u64,
    /// Results that a manager has accepted, in this life.
    pub finished: u64,
    /// Dispatches after the first of a task.
    pub retried: u64,
    /// Results that a manager has refused: of an attempt, worker or epoch that is over.
    pub stale: u64,
    /// Tasks that were asked for again and were known.
    pub known: u64,
}

impl Counters {
    /// How many frames were refused as no frames of this cluster and version.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.foreign + self.other_version + self.other_cluster + self.malformed
    }
}
