//! Why an actor is no longer there.

use std::fmt;

use barewire_derive::BareSchema;

use crate::address::ActorId;

/// The most octets of a failure's text that travel.
pub(crate) const MAX_REASON_BYTES: usize = 120;

/// Why an actor is no longer there.
///
/// [`Unreachable`](Self::Unreachable) alone says that it may still be alive.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
#[non_exhaustive]
pub enum Cause {
    /// It stopped, by itself or because it was asked to.
    Stopped,
    /// It was killed by request.
    Killed,
    /// It failed: an error, or a panic.
    Failed {
        /// What the failure said.
        #[bare(max = 120)]
        reason: String,
    },
    /// It was linked to an actor that failed.
    Linked {
        /// That actor.
        to: ActorId,
    },
    /// No such actor ever was, or it ended so long ago that nobody remembers why.
    Unknown,
    /// Its actor system was shut down.
    SystemStopped,
    /// Its process ended with this code.
    Exited {
        /// The code.
        code: i32,
    },
    /// Its process was ended by this signal.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// Its process ended; how, only its parent knows.
    ProcessEnded,
    /// It cannot be reached any more; whether it lives is not known.
    Unreachable,
}

impl Cause {
    /// A failure whose text fits into a message.
    pub(crate) fn failed(reason: &str) -> Self {
        let mut end = reason.len().min(MAX_REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self::Failed { reason: reason[..end].to_owned() }
    }

    /// Whether it ended as it was meant to: it was asked to, or did so by itself.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Stopped | Self::SystemStopped)
    }

    /// Whether its process is known to have ended.
    #[must_use]
    pub fn is_process_end(&self) -> bool {
        matches!(self, Self::Exited { .. } | Self::Signalled { .. } | Self::ProcessEnded)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("it stopped"),
            Self::Killed => f.write_str("it was killed"),
            Self::Failed { reason } => write!(f, "it failed: {reason}"),
            Self::Linked { to } => write!(f, "it was linked to {to}, which failed"),
            Self::Unknown => f.write_str("no such actor is known"),
            Self::SystemStopped => f.write_str("its actor system was shut down"),
            Self::Exited { code } => write!(f, "its process ended with code {code}"),
            Self::Signalled { signal } => write!(f, "its process was ended by signal {signal}"),
            Self::ProcessEnded => f.write_str("its process ended"),
            Self::Unreachable => f.write_str("it cannot be reached"),
        }
    }
}
