//! The protocol as state machines without I/O: time, randomness and octets go in, frames, records
//! and actions come out.
//!
//! | file | what for |
//! |---|---|
//! | `link` | frames between two incarnations: numbered, acknowledged, resent, in order |
//! | `members` | who there is, who is silent, who is dead; fences |
//! | `follow` | which manager a worker or client follows |
//! | `manager` | tasks, from acceptance to acknowledgement |
//! | `worker` | what a worker has taken on |
//! | `client` | what a client has asked for |
//! | `simulator` | the tests: a whole cluster from one seed, and a checker of its history |

pub(crate) mod client;
mod follow;
pub(crate) mod link;
pub(crate) mod manager;
pub(crate) mod members;
pub(crate) mod random;
#[cfg(test)]
mod simulator;
pub(crate) mod worker;

use crate::transport::Sent;
use crate::wire::Incarnation;

/// Microseconds since some start, which is the caller's.
pub(crate) type Time = u64;

/// A time that never comes.
pub(crate) const NEVER: Time = Time::MAX;

/// Where frames go: to one node, or to everybody.
pub(crate) type Sink<'a> = dyn FnMut(Incarnation, &[u8]) -> Sent + 'a;
