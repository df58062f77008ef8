//! Prospero: a cluster that loses no accepted work, on one machine or many.
//!
//! One **manager** hands out tasks, **workers** do them, **clients** ask for them.

#![forbid(unsafe_code)]

pub mod transport;
pub mod wire;
