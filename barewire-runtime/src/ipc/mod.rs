//! Typed values between processes: shared state, queues and topics.

mod message;
mod queue;
mod region;
mod topic;

pub use crate::sync::Wait;
pub use message::MessageHeader;
pub use queue::{
    Batch, Loan, MAX_CAPACITY, MAX_SLOT_BYTES, Message, MessageQueue, Overflow, QueueBuilder,
    QueueCounters, Received,
};
pub use region::{RegionBuilder, SharedRegion};
pub use topic::{
    MAX_DEPTH, MAX_PUBLISHERS, MAX_SUBSCRIBERS, Publisher, Subscriber, Topic, TopicBatch,
    TopicBuilder, TopicItem, TopicLoan, TopicMessage,
};
