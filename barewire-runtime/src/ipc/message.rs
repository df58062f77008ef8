//! What goes through a queue: the header, a message that was taken, and a slot being filled.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barewire_schema::check;
use zerocopy::FromBytes;

use super::queue::MessageQueue;
use super::ring::Taken;
use crate::codec::{self, Decode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;

/// The bytes before every message: see the offsets below.
///
/// ```text
///  0   8  sequence number of its sender
///  8  16  incarnation of its sender
/// 24   8  nanoseconds since 1970
/// 32   4  kind, the sender's own number
/// 36   4  bytes of the message
/// 40  24  zero
/// ```
pub(super) const HEADER_BYTES: usize = 64;

/// Who sent a message, when, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageHeader {
    pub(super) sequence: u64,
    pub(super) incarnation: u128,
    pub(super) timestamp_ns: u64,
    pub(super) kind: u32,
    pub(super) bytes: u32,
    pub(super) redelivered: bool,
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

    /// The number of this message among those of its sender, from 0.
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

    /// When it was put into the queue, by the sender's clock.
    #[must_use]
    pub fn timestamp(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.timestamp_ns)
    }

    /// Whether it was given to a process before, which died before it acknowledged.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.redelivered
    }

    pub(super) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.timestamp_ns.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.kind.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER_BYTES], redelivered: bool) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            sequence: word(0),
            incarnation: u128::from(word(8)) | u128::from(word(16)) << 64,
            timestamp_ns: word(24),
            kind: half(32),
            bytes: half(36),
            redelivered,
        }
    }
}

/// A message that was taken out of a queue; dropping it acknowledges it.
///
/// It is read in place: it dereferences to the fixed layout of `T`. Until it is dropped, it is this
/// process's alone; if the process dies before that, another one gets it, marked as redelivered.
pub struct Message<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    block: u32,
    header: MessageHeader,
}

impl<'q, T: FixedLayout> Message<'q, T> {
    pub(super) fn new(queue: &'q MessageQueue<T>, taken: Taken) -> Self {
        let mut bytes = [0; HEADER_BYTES];
        bytes.copy_from_slice(queue.held_bytes(taken.block, 0, HEADER_BYTES));
        let header = MessageHeader::from_bytes(&bytes, taken.redelivered);
        Self { queue, block: taken.block, header }
    }

    fn layout(&self) -> &T::Layout {
        let bytes = size_of::<T::Layout>();
        layout_of::<T>(self.queue.held_bytes(self.block, HEADER_BYTES, bytes))
    }

    /// Who sent it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> &MessageHeader {
        &self.header
    }

    /// The octets of the message in its slot: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let len = (self.header.bytes as usize).min(self.queue.payload_bytes());
        self.queue.held_bytes(self.block, HEADER_BYTES, len)
    }

    /// The value, checked and copied out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] if the sender wrote something that is no value of `T`.
    pub fn read(&self) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        let invalid = |error: &dyn fmt::Display| {
            Error::new(ErrorKind::InvalidValue, self.queue.name(), error.to_string())
        };
        if self.queue.is_encoded() {
            codec::decode(self.bytes()).map_err(|error| invalid(&error))
        } else {
            T::load(self.layout()).map_err(|error| invalid(&error))
        }
    }
}

impl<T: FixedLayout> Deref for Message<'_, T> {
    type Target = T::Layout;

    fn deref(&self) -> &T::Layout {
        const { check::assert_bounded(T::TYPE) };
        self.layout()
    }
}

fn layout_of<T: FixedLayout>(bytes: &[u8]) -> &T::Layout {
    match T::Layout::ref_from_bytes(bytes) {
        Ok(layout) => layout,
        // A slot has room for the layout and starts at a multiple of 64: checked when attaching.
        Err(_) => unreachable!("a slot holds the layout"),
    }
}

impl<T: FixedLayout> Drop for Message<'_, T> {
    fn drop(&mut self) {
        self.queue.release(self.block);
    }
}

impl<T: FixedLayout> fmt::Debug for Message<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A slot of the queue that is being filled in place; dropping it unsent gives it back.
///
/// It starts as all zeroes, and dereferences to the fixed layout of `T`.
#[must_use = "a loan that is not sent is given back"]
pub struct Loan<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    block: u32,
    kind: u32,
    // The slot is written through this handle, by one thread at a time.
    _writes: PhantomData<&'q mut T::Layout>,
}

impl<'q, T: FixedLayout> Loan<'q, T> {
    pub(super) fn new(queue: &'q MessageQueue<T>, block: u32) -> Self {
        let mut loan = Self { queue, block, kind: 0, _writes: PhantomData };
        loan.bytes_mut().fill(0);
        loan
    }

    /// Sets the number that the receiver finds in the header.
    pub fn set_kind(&mut self, kind: u32) {
        self.kind = kind;
    }

    /// Makes the message visible to the consumers; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn send(self) -> Result<()> {
        self.queue.stamp(self.block, self.kind, size_of::<T::Layout>());
        let sent = self.queue.publish(self.block, None);
        if sent.is_ok() {
            std::mem::forget(self);
        }
        sent
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.queue.held_bytes_mut(self.block, HEADER_BYTES, size_of::<T::Layout>())
    }
}

impl<T: FixedLayout> Deref for Loan<'_, T> {
    type Target = T::Layout;

    fn deref(&self) -> &T::Layout {
        layout_of::<T>(self.queue.held_bytes(self.block, HEADER_BYTES, size_of::<T::Layout>()))
    }
}

impl<T: FixedLayout> DerefMut for Loan<'_, T> {
    fn deref_mut(&mut self) -> &mut T::Layout {
        match T::Layout::mut_from_bytes(self.bytes_mut()) {
            Ok(layout) => layout,
            Err(_) => unreachable!("a slot holds the layout"),
        }
    }
}

impl<T: FixedLayout> Drop for Loan<'_, T> {
    fn drop(&mut self) {
        self.queue.release(self.block);
    }
}

impl<T: FixedLayout> fmt::Debug for Loan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("block", &self.block).finish_non_exhaustive()
    }
}
