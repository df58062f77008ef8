//! Olivier.
#![forbid(unsafe_code)]
mod address;
mod cause;
mod core;
pub use address::{ActorId, NodeId};
pub use cause::Cause;
