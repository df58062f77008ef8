//! What goes wrong between the one who sends and the one who is meant.

use std::fmt;

use crate::cause::Cause;

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TellError {
    /// The actor is no longer there, and why.
    Gone(Cause),
    /// Its mailbox, or the inbox of its process, is full.
    Full,
    /// The message does not fit: a value exceeds its cap, or the message its slot.
    TooLarge(String),
    /// The shared memory of its process cannot be used.
    Transport(String),
}

impl TellError {
    /// Whether the actor is no longer there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone(_))
    }

    /// Whether there was no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full)
    }
}

impl fmt::Display for TellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(cause) => write!(f, "the actor is gone: {cause}"),
            Self::Full => f.write_str("the mailbox is full"),
            Self::TooLarge(why) => write!(f, "the message is too large: {why}"),
            Self::Transport(why) => write!(f, "the message cannot be sent: {why}"),
        }
    }
}

impl std::error::Error for TellError {}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The question was not sent.
    NotSent(TellError),
    /// The actor ended before it answered, and why.
    Gone(Cause),
    /// No answer came before the deadline. Whether the question was handled is not known.
    TimedOut,
    /// The actor has handled the question and given no answer.
    Unanswered,
    /// There was no room for the question.
    Full,
    /// The answer does not fit, or is none of its type.
    Invalid(String),
}

impl AskError {
    /// Whether the actor is no longer there.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::NotSent(TellError::Gone(_)))
    }

    /// Whether the deadline passed.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut)
    }
}

impl From<TellError> for AskError {
    fn from(error: TellError) -> Self {
        match error {
            TellError::Gone(cause) => Self::Gone(cause),
            TellError::Full => Self::Full,
            other => Self::NotSent(other),
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => error.fmt(f),
            Self::Gone(cause) => write!(f, "the actor ended before it answered: {cause}"),
            Self::TimedOut => f.write_str("no answer came before the deadline"),
            Self::Unanswered => f.write_str("the question was handled, but not answered"),
            Self::Full => f.write_str("the mailbox is full"),
            Self::Invalid(why) => write!(f, "the answer is invalid: {why}"),
        }
    }
}

impl std::error::Error for AskError {}

/// Why there is no reference of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody has that name.
    Unknown {
        /// The name.
        name: String,
    },
    /// Its messages or its answers are of another type than the caller's.
    SchemaMismatch {
        /// The name.
        name: String,
        /// The type that the caller has in mind.
        expected: &'static str,
    },
    /// It had that name, and is gone.
    Gone(Cause),
    /// The registry cannot be read.
    Registry(String),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "nobody has the name {name}"),
            Self::SchemaMismatch { name, expected } => {
                write!(f, "{name} takes messages of another schema than {expected}")
            }
            Self::Gone(cause) => write!(f, "the actor of that name is gone: {cause}"),
            Self::Registry(why) => write!(f, "the registry cannot be read: {why}"),
        }
    }
}

impl std::error::Error for LookupError {}

/// Why a system, an actor or a name could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemError {
    /// Another actor has that name.
    NameTaken(String),
    /// The name is not one that can be had.
    InvalidName(String),
    /// No tokio runtime is running here.
    NoRuntime,
    /// The registry has no room, or cannot be used.
    Registry(String),
    /// The shared memory cannot be made.
    Memory(String),
    /// A thread or a process cannot be started.
    Start(String),
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken(name) => write!(f, "another actor has the name {name}"),
            Self::InvalidName(why) => write!(f, "an invalid name: {why}"),
            Self::NoRuntime => f.write_str("no tokio runtime is running here"),
            Self::Registry(why) => write!(f, "the registry: {why}"),
            Self::Memory(why) => write!(f, "the shared memory of the system: {why}"),
            Self::Start(why) => write!(f, "cannot start: {why}"),
        }
    }
}

impl std::error::Error for SystemError {}

/// What a worker needs is looked up, told and asked while it sets itself up.
macro_rules! cannot_start {
    ($($error:ty),*) => {$(
        impl From<$error> for SystemError {
            fn from(error: $error) -> Self {
                Self::Start(error.to_string())
            }
        }
    )*};
}

cannot_start!(LookupError, TellError, AskError);
