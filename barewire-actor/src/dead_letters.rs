//! Messages that nobody will handle, and why.

use tokio::sync::broadcast;

use crate::address::ActorId;
use crate::cause::Cause;
use crate::error::AskError;

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undelivered {
    /// The actor is no longer there.
    Gone(Cause),
    /// Its mailbox was full.
    Full,
    /// It made room for a newer one.
    Dropped,
    /// It is no value of the actor's message type.
    Invalid(String),
}

impl Undelivered {
    pub(crate) fn as_ask_error(&self) -> AskError {
        match self {
            Self::Gone(cause) => AskError::Gone(cause.clone()),
            Self::Full | Self::Dropped => AskError::Full,
            Self::Invalid(why) => AskError::Invalid(why.clone()),
        }
    }
}

/// A message that nobody will handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whom it was for.
    pub to: ActorId,
    /// Which actor has sent it, if one has.
    pub from: Option<ActorId>,
    /// Why it was not delivered.
    pub why: Undelivered,
    /// The Rust type of the message, if this process knows it.
    pub message_type: Option<&'static str>,
    /// The message in BARE, if this process knows its type.
    pub octets: Option<Vec<u8>>,
}

/// The dead letters of one system, from the moment of the call that made it.
#[derive(Debug)]
pub struct DeadLetters(pub(crate) broadcast::Receiver<DeadLetter>);

impl DeadLetters {
    /// The next one; `None` when the system has ended. Who listens too slowly misses some.
    pub async fn next(&mut self) -> Option<DeadLetter> {
        loop {
            match self.0.recv().await {
                Ok(letter) => return Some(letter),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
