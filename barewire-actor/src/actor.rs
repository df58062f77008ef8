//! What a user writes: an actor, and what becomes of it when something fails.

use std::fmt;
use std::future::Future;

use crate::address::ActorId;
use crate::cause::Cause;
use crate::context::Context;
use crate::message::Message;

/// A state of its own, and messages that are handled one after the other.
///
/// Methods may be written as `async fn`. While one of them waits, the actor handles nothing else,
/// except that it can be killed.
///
/// ```
/// use barewire_actor::{Actor, Context, Message, Outcome};
/// use barewire_derive::BareSchema;
///
/// #[derive(BareSchema)]
/// # #[bare(crate = "::barewire_runtime")]
/// enum Tally { Add(u64), Total }
///
/// impl Message for Tally { type Reply = u64; }
///
/// #[derive(Default)]
/// struct Counter { total: u64 }
///
/// impl Actor for Counter {
///     type Message = Tally;
///
///     async fn handle(&mut self, message: Tally, context: &mut Context<Self>) -> Outcome {
///         match message {
///             Tally::Add(amount) => self.total += amount,
///             Tally::Total => context.reply(self.total),
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait Actor: Sized + Send + 'static {
    /// What it takes.
    type Message: Message;

    /// Runs before the first message.
    fn started(&mut self, context: &mut Context<Self>) -> impl Future<Output = Outcome> + Send {
        let _ = context;
        async { Ok(()) }
    }

    /// Handles one message. A failure ends the actor, and its supervisor decides what follows.
    fn handle(
        &mut self,
        message: Self::Message,
        context: &mut Context<Self>,
    ) -> impl Future<Output = Outcome> + Send;

    /// An actor that this one watches has ended.
    fn terminated(
        &mut self,
        ended: Terminated,
        context: &mut Context<Self>,
    ) -> impl Future<Output = Outcome> + Send {
        let _ = (ended, context);
        async { Ok(()) }
    }

    /// Its last work: runs when it takes no more messages, unless it was killed, and until it is.
    /// Those who watch it are told afterwards, and its name is free only then.
    fn stopped(&mut self, cause: &Cause) -> impl Future<Output = ()> + Send {
        let _ = cause;
        async {}
    }
}

/// Whether a message was handled.
pub type Outcome = Result<(), Failure>;

/// Why an actor cannot go on.
///
/// Every error becomes one with `?`, and so does a text: `Err("no room left")?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure with a reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into().to_string())
    }
}

/// An actor that was watched has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminated {
    /// Which.
    pub actor: ActorId,
    /// Why.
    pub cause: Cause,
}
