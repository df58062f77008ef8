//! What nodes say to each other, as a state machine without I/O: time and packets go in, actions
//! come out.
//!
//! | file | what for |
//! |---|---|
//! | `packet` | what travels |
//! | `lane` | sequences, acknowledgements, resending: one peer's system messages |
//! | `protocol` | watches, signals, heartbeats, quarantine by incarnation |
//! | `asks` | questions that wait for an answer or their deadline |
//! | `order` | user messages over a transport that loses, doubles and reorders |
//! | `simulator` | the tests: many nodes, one seed, a history that is checked |

pub(crate) mod asks;
mod lane;
pub(crate) mod order;
pub(crate) mod packet;
pub(crate) mod protocol;
#[cfg(test)]
mod simulator;

/// Microseconds since some start, which is the caller's.
pub(crate) type Time = u64;
