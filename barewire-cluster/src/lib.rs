//! Prospero: a cluster that loses no accepted work, on one machine or many.
//!
//! One **manager** hands out tasks, **workers** do them, **clients** ask for them.

#![forbid(unsafe_code)]

#[allow(dead_code)]
mod core;
mod counters;
mod error;
#[allow(dead_code)]
mod log;
mod schema;
pub mod transport;
pub mod wire;

pub use counters::Counters;
pub use error::{ClusterError, TaskError};
pub use log::Durability;
