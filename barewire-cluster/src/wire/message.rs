//! One thing that is said.

use barewire_derive::BareSchema;
use barewire_runtime::layout::Uuid;

use super::{Dispatch, Incarnation, Outcome, Progress, Role, TaskOptions};

/// The sender is there; said again and again, to everybody or in answer to one.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Alive {
    /// What the node is called.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// Counts up, so that what was recorded and is replayed does not pass for a sign of life.
    pub beat: u64,
    /// A manager's epoch, which rises with each start from the same log; otherwise that of the
    /// manager that the node follows, 0 if none.
    pub epoch: u64,
    /// Which log that manager continues.
    pub log: Uuid,
}

/// What a worker takes on.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Credits {
    /// How many tasks it has at once, waiting or running.
    pub credits: u32,
    /// How many of them run at once.
    pub parallel: u32,
    /// What tasks may ask of a worker.
    pub labels: Vec<String>,
}

/// A kind of tasks that the sender does, or asks for.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Declaration {
    /// The sender's number for it.
    pub index: u16,
    /// What it is called.
    pub name: String,
    /// The schemas of request and response, as BARE text.
    pub request: String,
    /// The same of the response.
    pub response: String,
    /// The fingerprints of both.
    pub wire: (Uuid, Uuid),
}

/// What the manager says to a [`Declaration`].
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub enum Declared {
    /// Its number in this manager's epoch.
    Accepted {
        /// The number.
        kind: u16,
    },
    /// Others have declared the same name with other schemas.
    Mismatch {
        /// How they differ.
        difference: String,
    },
}

/// A task that a client asks for.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Submission {
    /// The client's number for it; counted from 1.
    pub number: u64,
    /// The kind, as the manager numbers it.
    pub kind: u16,
    /// A name for the work itself: a second task with the same key is not done, but gets the
    /// result of the first.
    pub key: Option<Uuid>,
    /// What differs from the ordinary.
    pub options: Option<TaskOptions>,
    /// The request, as BARE octets.
    pub request: Vec<u8>,
}

/// A task that a worker is to do.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Wanted {
    /// Which attempt at which task it is.
    pub dispatch: Dispatch,
    /// The kind, as the manager numbers it.
    pub kind: u16,
    /// Whether the worker says so before it starts.
    pub announce: bool,
    /// The request, as BARE octets.
    pub request: Vec<u8>,
}

/// Why a node is not let in.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub enum Refusal {
    /// The cluster has a manager already.
    OtherManager {
        /// What it is called.
        name: String,
        /// Who it is.
        incarnation: Incarnation,
        /// Its epoch.
        epoch: u64,
    },
    /// It has as many nodes as it can have.
    TooManyNodes,
}

/// One thing that is said from node to node.
///
/// Those marked *once* travel in frames that are not counted ([`SAID_ONCE`](super::SAID_ONCE)); a
/// later one makes up for what is lost. All others arrive in order, once, or their receiver is
/// gone.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub enum Message {
    /// *Once.* Who is there? Everybody answers with `Alive`.
    Discover,
    /// *Once.* The sender lives.
    Alive(Alive),
    /// *Once.* The sender goes.
    Leave,
    /// *Once.* The receiver was declared dead: it must come back as another incarnation.
    Fenced,
    /// *Once.* The receiver is not let in.
    Refused(Refusal),
    /// *Once.* Nothing; what counts is what the header acknowledges.
    Nothing,
    /// *Once*, manager to worker with each heartbeat: give these up.
    Revoke {
        /// Which attempts.
        dispatches: Vec<Dispatch>,
    },

    /// Worker to manager.
    Credits(Credits),
    /// Worker or client to manager.
    Declare(Declaration),
    /// The manager's answer.
    Declared {
        /// The number in the declaration.
        index: u16,
        /// The answer.
        verdict: Declared,
    },

    /// Client to manager, before anything else: what it has asked for, under whichever
    /// incarnation, is its own.
    Open {
        /// Chosen once by the client, at random.
        session: Uuid,
        /// The results of all below this have arrived.
        floor: u64,
    },
    /// Client to manager.
    Submit(Submission),
    /// Client to manager: give the task up.
    Cancel {
        /// The client's number for it.
        number: u64,
    },
    /// Client to manager: these results have arrived and need not be kept.
    Acknowledge {
        /// The client's numbers for them.
        numbers: Vec<u64>,
    },
    /// Manager to client: the task has come to its end.
    Finished {
        /// The client's number for it.
        number: u64,
        /// How many attempts there were.
        attempts: u32,
        /// How it has ended.
        outcome: Outcome,
    },
    /// Manager to client.
    Progressed {
        /// The client's number for the task.
        number: u64,
        /// How far it is.
        progress: Progress,
    },

    /// Manager to worker.
    Assign(Wanted),
    /// Worker to manager: it starts now.
    Started {
        /// What starts.
        dispatch: Dispatch,
    },
    /// Worker to manager: it goes on.
    Progress {
        /// What goes on.
        dispatch: Dispatch,
        /// How far it is.
        progress: Progress,
    },
    /// Worker to manager: it has ended.
    Completed {
        /// What has ended.
        dispatch: Dispatch,
        /// How.
        outcome: Outcome,
    },

    /// Anybody to manager: give this worker no more tasks, and let it go when it has none. Manager
    /// to that worker: so it was asked, also of managers to come.
    Drain {
        /// Which worker.
        worker: Incarnation,
    },
    /// Manager to worker: it has no tasks, and gets no more.
    Drained,
    /// Anybody to manager: end the cluster. Manager to all, *once*: it ends.
    Shutdown,
    /// A piece of a message that is larger than a frame; its pieces follow each other.
    Part {
        /// Whether it is the last piece.
        last: bool,
        /// Octets of the message as it is encoded.
        octets: Vec<u8>,
    },
    /// Octets for what stands on top of the cluster, at most once, in order; on the channel of
    /// actors' system messages *once*.
    Octets {
        /// Who of the receiver is meant.
        channel: u64,
        /// What is said.
        octets: Vec<u8>,
    },
    /// Anybody to anybody: the sender carries an actor system.
    Carries {
        /// Which life of it.
        actors: Uuid,
    },
    /// Anybody to anybody: so many octets of the sender's channel have been taken, all in all.
    Taken {
        /// The channel.
        channel: u64,
        /// How many.
        octets: u64,
    },
    /// *Once*, anybody to anybody: the receiver's actors are not heard any more.
    Parted {
        /// The actor system; all zeroes if the receiver is not heard at all.
        actors: Uuid,
    },
    /// Anybody to anybody: an actor of the sender's has that name.
    Published {
        /// The name.
        name: String,
        /// The reference that leads to it, as it is encoded.
        reference: Vec<u8>,
    },
    /// Anybody to anybody: an actor of the sender's has that name no more.
    Withdrawn {
        /// The name.
        name: String,
    },
}
