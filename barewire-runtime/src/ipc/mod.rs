//! Typed values between processes: shared state, queues and calls.

mod message;
mod queue;
mod region;
mod ring;
mod service;

pub use crate::sync::Wait;
pub use message::{Loan, Message, MessageHeader};
pub use queue::{MAX_CAPACITY, MAX_SLOT_BYTES, MessageQueue, QueueBuilder};
pub use region::{RegionBuilder, SharedRegion};
pub use service::{
    Call, Client, MAX_CALL_BYTES, MAX_CLIENTS, PendingCall, Reply, ReplyLoan, ReplyStream,
    RequestLoan, Server, Service, ServiceBuilder, StreamPart, StreamedReply,
};
