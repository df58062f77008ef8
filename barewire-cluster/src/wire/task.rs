//! Dispatches, options and outcomes of tasks.

use std::fmt;

use barewire_derive::BareSchema;

/// One attempt at one task. With the worker's incarnation, which the frame says, no two are alike.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[bare(crate = "::barewire_runtime")]
pub struct Dispatch {
    /// The task, as the manager numbers it in this epoch.
    pub task: u64,
    /// Which attempt; counted from 1.
    pub attempt: u32,
    /// The epoch of the manager.
    pub epoch: u64,
}

/// The four deadlines of a task, in milliseconds; none unless given.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[bare(crate = "::barewire_runtime")]
pub struct Deadlines {
    /// From acceptance until a worker starts it for the first time.
    pub schedule_to_start_ms: Option<u64>,
    /// From a start to the end of that attempt; then it is tried again.
    pub start_to_close_ms: Option<u64>,
    /// From acceptance until the end, all attempts together.
    pub schedule_to_close_ms: Option<u64>,
    /// Between two reports of progress of a running attempt; then it is tried again.
    pub heartbeat_ms: Option<u64>,
}

/// How often a task is tried, and when.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Retry {
    /// How many attempts may fail; 3 unless given. An attempt that is lost with its worker or
    /// manager has not failed.
    pub attempts: u32,
    /// How long to wait after the first failure, in milliseconds; each wait is twice the last.
    pub first_ms: u64,
    /// The longest wait, in milliseconds.
    pub longest_ms: u64,
    /// By how much a wait is shortened at random, at most, in per cent.
    pub jitter_percent: u8,
    /// A task during which so many workers have died is set aside.
    pub poison_limit: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, first_ms: 100, longest_ms: 10_000, jitter_percent: 50, poison_limit: 3 }
    }
}

/// What may differ from task to task.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq, Default)]
#[bare(crate = "::barewire_runtime")]
pub struct TaskOptions {
    /// What the worker must have.
    pub labels: Vec<String>,
    /// Until when things must have happened.
    pub deadlines: Deadlines,
    /// What happens when an attempt fails.
    pub retry: Retry,
}

/// One of the four deadlines.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub enum Clock {
    /// Accepted, and not started in time.
    ScheduleToStart,
    /// An attempt took too long.
    StartToClose,
    /// All attempts together took too long.
    ScheduleToClose,
    /// No progress was reported in time.
    Heartbeat,
}

/// How far a task is.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq, Default)]
#[bare(crate = "::barewire_runtime")]
pub struct Progress {
    /// How much is done.
    pub done: u64,
    /// Of how much; 0 if that is not known.
    pub total: u64,
    /// What is being done.
    pub note: String,
}

/// How an attempt, or a task, has ended.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub enum Outcome {
    /// The response, as BARE octets.
    Done(Vec<u8>),
    /// It failed.
    Failed {
        /// Why.
        reason: String,
        /// Whether another attempt could succeed.
        retry: bool,
    },
    /// It was given up because somebody asked for that.
    Cancelled,
    /// A deadline has passed.
    Late(Clock),
    /// So many workers have died of it that it is set aside.
    Poisoned {
        /// How many.
        workers: u32,
    },
    /// The manager did not take it.
    Rejected {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(_) => f.write_str("done"),
            Self::Failed { reason, .. } => write!(f, "failed: {reason}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Late(clock) => write!(f, "late: {clock:?}"),
            Self::Poisoned { workers } => write!(f, "set aside: {workers} workers died of it"),
            Self::Rejected { reason } => write!(f, "rejected: {reason}"),
        }
    }
}
