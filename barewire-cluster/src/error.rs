//! What can go wrong.

use std::fmt;

use barewire_runtime::codec::DecodeError;

use crate::transport::TransportError;
use crate::wire::{Clock, Outcome, Role};

/// Why a node cannot be, or cannot do what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterError {
    /// The transport could not be opened, or has failed for good.
    Transport(TransportError),
    /// The manager's log cannot be read or written.
    Log(String),
    /// The cluster has a manager already: without consensus a second one is not safe.
    SecondManager(String),
    /// Others do or ask for tasks of that name with other schemas.
    SchemaMismatch {
        /// The name of the tasks.
        task: String,
        /// How the schemas differ.
        difference: String,
    },
    /// Nobody has answered in time; with what was waited for.
    TimedOut(String),
    /// A name or a number that cannot be; with the reason.
    Invalid(String),
    /// Only a node of that role can do it.
    WrongRole(Role),
    /// The node has ended; with the reason.
    Ended(String),
}

impl ClusterError {
    /// Whether the cluster has a manager already.
    #[must_use]
    pub fn is_second_manager(&self) -> bool {
        matches!(self, Self::SecondManager(_))
    }

    /// Whether others use other schemas.
    #[must_use]
    pub fn is_schema_mismatch(&self) -> bool {
        matches!(self, Self::SchemaMismatch { .. })
    }

    /// Whether nobody has answered in time.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut(_))
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => write!(f, "transport: {error}"),
            Self::Log(reason) => write!(f, "log: {reason}"),
            Self::SecondManager(who) => write!(
                f,
                "the cluster has a manager already ({who}), and a second one is not safe: stop \
                 that one first, or give this cluster another name"
            ),
            Self::SchemaMismatch { task, difference } => {
                write!(f, "tasks {task:?} have other schemas in this cluster: {difference}")
            }
            Self::TimedOut(what) => write!(f, "timed out: {what}"),
            Self::Invalid(reason) => f.write_str(reason),
            Self::WrongRole(role) => write!(f, "only a {role} can do that"),
            Self::Ended(reason) => write!(f, "the node has ended: {reason}"),
        }
    }
}

impl std::error::Error for ClusterError {}

impl From<TransportError> for ClusterError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// Why a task has no response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// It failed as often as it may; the last reason.
    Failed(String),
    /// It was cancelled.
    Cancelled,
    /// A deadline has passed.
    Late(Clock),
    /// So many workers have died of it that it was set aside.
    Poisoned {
        /// How many.
        workers: u32,
    },
    /// The manager did not take it; with the reason.
    Rejected(String),
    /// The response is no value of the type.
    Undecodable(DecodeError),
    /// This node has ended first. The task may be done all the same.
    Ended,
    /// There is no result yet.
    TimedOut,
}

impl TaskError {
    /// The response in an outcome, or why there is none.
    pub(crate) fn response(outcome: Outcome) -> Result<Vec<u8>, Self> {
        match outcome {
            Outcome::Done(octets) => Ok(octets),
            Outcome::Failed { reason, .. } => Err(Self::Failed(reason)),
            Outcome::Cancelled => Err(Self::Cancelled),
            Outcome::Late(clock) => Err(Self::Late(clock)),
            Outcome::Poisoned { workers } => Err(Self::Poisoned { workers }),
            Outcome::Rejected { reason } => Err(Self::Rejected(reason)),
        }
    }

    /// Whether there is no result yet.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => write!(f, "the task failed: {reason}"),
            Self::Cancelled => f.write_str("the task was cancelled"),
            Self::Late(Clock::ScheduleToStart) => f.write_str("no worker has started it in time"),
            Self::Late(Clock::StartToClose) => f.write_str("each attempt took too long"),
            Self::Late(Clock::ScheduleToClose) => f.write_str("it took too long"),
            Self::Late(Clock::Heartbeat) => f.write_str("no progress was reported in time"),
            Self::Poisoned { workers } => {
                write!(f, "the task was set aside: {workers} workers died while they did it")
            }
            Self::Rejected(reason) => write!(f, "the task was not taken: {reason}"),
            Self::Undecodable(error) => write!(f, "the response is no value of the type: {error}"),
            Self::Ended => f.write_str("the node has ended before there was a result"),
            Self::TimedOut => f.write_str("there is no result yet"),
        }
    }
}

impl std::error::Error for TaskError {}
