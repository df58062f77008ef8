//! What is known of a message besides its value: who sent it, when, and which one it is.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who sent a message, when, and which one it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MessageHeader {
    pub(super) sequence: u64,
    pub(super) incarnation: u128,
    /// Nanoseconds since 1970, 0 if the messages carry no time.
    pub(super) timestamp_ns: u64,
    pub(super) kind: u32,
    pub(super) redelivered: bool,
}

impl fmt::Debug for MessageHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageHeader")
            .field("sender", &self.sender())
            .field("sequence", &self.sequence)
            .field("kind", &self.kind)
            .field("timestamp", &self.timestamp())
            .field("redelivered", &self.redelivered)
            .finish()
    }
}

impl MessageHeader {
    /// The message's id: unique, as computed from its sender's incarnation and its number.
    ///
    /// The same message has the same id when it is delivered again. The id is a UUID of version 8.
    #[must_use]
    pub fn id(&self) -> uuid::Uuid {
        let mixed = self.incarnation.wrapping_add(u128::from(self.sequence));
        uuid::Builder::from_custom_bytes(mixed.to_be_bytes()).into_uuid()
    }

    /// The number of this message among those of its sender: rising, perhaps with gaps.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The life of the process that sent it: 128 random bits.
    #[must_use]
    pub fn sender(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.incarnation)
    }

    /// The sender's own number for what this message is; 0 unless it set another.
    #[must_use]
    pub fn kind(&self) -> u32 {
        self.kind
    }

    /// When it was sent, by the sender's clock; `None` unless made with `timestamps`.
    #[must_use]
    pub fn timestamp(&self) -> Option<SystemTime> {
        (self.timestamp_ns != 0).then(|| UNIX_EPOCH + Duration::from_nanos(self.timestamp_ns))
    }

    /// Whether it was given to a process before, which died before it acknowledged.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }
}
