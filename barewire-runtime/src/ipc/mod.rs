//! Typed values between processes: shared state and queues.

mod message;
mod queue;
mod region;
mod wait_set;
mod waitable;

pub use crate::sync::Wait;
pub use message::MessageHeader;
pub use queue::{
    Batch, Loan, MAX_CAPACITY, MAX_SLOT_BYTES, Message, MessageQueue, Overflow, QueueBuilder,
    QueueCounters, Received,
};
pub use region::{RegionBuilder, SharedRegion};
pub use wait_set::{MAX_WAITED, MAX_WAITED_FILES, WaitSet};
pub use waitable::Waitable;
