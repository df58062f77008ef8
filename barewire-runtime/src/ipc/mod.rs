//! Typed values between processes: shared state, queues, topics, calls and pipes.

mod handover;
mod looked;
mod message;
mod pipe;
mod queue;
mod region;
mod service;
mod topic;
mod wait_set;
mod waitable;

pub use crate::sync::Wait;
pub use message::MessageHeader;
pub use pipe::{
    DEFAULT_MESSAGE_BYTES, Fifo, MAX_DESCRIPTORS, MAX_MESSAGE_BYTES, NamedPipe, PIPE_VERSION,
    PeerCredentials, PipeBuilder, PipeMessage, PipeReceiver, PipeSender, PipeServer,
};
pub use queue::{
    DynamicQueue, MAX_CAPACITY, MAX_SLOT_BYTES, MessageQueue, Overflow, QueueBatch, QueueBatchItem,
    QueueBuilder, QueueCounters, QueueLoan, QueueMessage,
};
pub use region::{RegionBuilder, SharedRegion};
pub use service::{
    Call, Client, MAX_CALL_BYTES, MAX_CLIENTS, PendingCall, Reply, ReplyLoan, ReplyStream,
    RequestLoan, Server, Service, ServiceBuilder, StreamPart, StreamedReply,
};
pub use topic::{
    Arrivals, DynamicPublisher, MAX_DEPTH, MAX_PUBLISHERS, MAX_SUBSCRIBERS, Publisher, Subscriber,
    Topic, TopicBatch, TopicBatchItem, TopicBuilder, TopicLoan, TopicMessage,
};
pub use wait_set::{MAX_WAITED, MAX_WAITED_FILES, WaitSet};
pub use waitable::Waitable;
/// What [`crate::inspect`] shows of each kind of segment.
pub(crate) mod look {
    pub use super::looked::{Looked, Passed};
    pub use super::queue::{QueueFigures, QueueLook, QueueTap};
    pub use super::region::{RegionFigures, RegionLook};
    pub use super::service::{LookedCall, ServiceFigures, ServiceLook};
    pub use super::topic::{SubscriberFigures, TopicFigures, TopicLook, TopicTap};
}
