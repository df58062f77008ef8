//! Typed values between processes: shared state and queues.

mod message;
mod queue;
mod region;

pub use crate::sync::Wait;
pub use message::MessageHeader;
pub use queue::{
    Batch, Loan, MAX_CAPACITY, MAX_SLOT_BYTES, Message, MessageQueue, Overflow, QueueBuilder,
    QueueCounters, Received,
};
pub use region::{RegionBuilder, SharedRegion};
