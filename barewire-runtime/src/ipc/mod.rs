//! Typed values between processes: shared state, queues and topics.

mod message;
mod queue;
mod region;
mod ring;
mod topic;

pub use message::{Loan, Message, MessageHeader};
pub use queue::{MAX_CAPACITY, MAX_SLOT_BYTES, MessageQueue, QueueBuilder};
pub use region::{RegionBuilder, SharedRegion};
pub use topic::{
    MAX_DEPTH, MAX_PUBLISHERS, MAX_SUBSCRIBERS, Publisher, Subscriber, Topic, TopicBatch,
    TopicBuilder, TopicItem, TopicLoan, TopicMessage,
};
