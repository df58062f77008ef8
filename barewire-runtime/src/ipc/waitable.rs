//! What can be waited for together with other things.

use crate::sync::Event;

/// An event, a look at its condition, and a look for the dead: all that a wait needs.
///
/// It is what makes a type [`Waitable`], and cannot be named outside of this crate.
pub trait Waits: Sync {
    /// The event that is notified after the condition may have come to hold.
    fn event(&self) -> Event<'_>;

    /// Whether a call that takes something without waiting would find it right now.
    fn ready(&self) -> bool;

    /// Gives back what dead participants held.
    fn look_for_the_dead(&self);
}

/// What a [`WaitSet`](super::WaitSet) can wait for, besides file descriptors.
///
/// | what | is ready while |
/// |---|---|
/// | a [`MessageQueue`](super::MessageQueue) | a message can be taken |
/// | the [`Arrivals`](super::Arrivals) of a topic's subscriber | a message can be taken |
/// | a [`Server`](super::Server) | a call can be taken |
/// | a [`Client`](super::Client) | a reply, a part or an end can be received for one of its calls |
///
/// It is sealed: nothing outside of this crate can be one, but a descriptor can stand in a set for
/// whatever has one.
pub trait Waitable: Waits {}

impl<W: Waits> Waitable for W {}
