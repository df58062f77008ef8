//! Typed values between processes: shared state and queues.

mod message;
mod queue;
mod region;
mod ring;

pub use message::{Loan, Message, MessageHeader};
pub use queue::{MAX_CAPACITY, MAX_SLOT_BYTES, MessageQueue, QueueBuilder};
pub use region::{RegionBuilder, SharedRegion};
