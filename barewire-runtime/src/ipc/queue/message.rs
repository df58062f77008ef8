//! A message that was taken, and a slot being filled.

use std::alloc::Layout;
use std::fmt;
use std::ops::{Deref, DerefMut};

use barewire_schema::check;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::blocks::Run;
use super::send::{Patience, Place};
use super::{MessageHeader, MessageQueue};
use crate::codec::Decode;
use crate::error::Result;
use crate::layout::FixedLayout;

/// A message that was taken out of a queue; dropping it acknowledges it.
///
/// It is read in place (in a copy, if the queue is isolated): it dereferences to the fixed layout of
/// `T`. Until it is dropped, it is this process's alone; if the process dies before that, another
/// one gets it, marked as redelivered.
pub struct Message<'q, T: FixedLayout> {
    run: Run,
    received: Received<'q, T>,
}

impl<'q, T: FixedLayout> Message<'q, T> {
    #[inline]
    pub(super) fn new(queue: &'q MessageQueue<T>, run: Run) -> Self {
        Self { run, received: Received::new(queue, &run, run.slot) }
    }

    /// Who sent it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> MessageHeader {
        self.received.header()
    }

    /// The octets of the message in its slot: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.received.bytes()
    }

    /// The value, checked and copied out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) if the sender wrote something
    /// that is no value of `T`.
    pub fn read(&self) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        self.received.read()
    }
}

impl<T: FixedLayout> Deref for Message<'_, T> {
    type Target = T::Layout;

    #[inline]
    fn deref(&self) -> &T::Layout {
        &self.received
    }
}

impl<T: FixedLayout> Drop for Message<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.received.queue.acknowledge(&self.run);
    }
}

impl<T: FixedLayout> fmt::Debug for Message<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("header", &self.header()).finish_non_exhaustive()
    }
}

/// One message of a [`Batch`](super::Batch); it dereferences to the fixed layout of `T`.
pub struct Received<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    block: u64,
    slot: u32,
    redelivered: bool,
    /// The bytes, if others may write to those in the segment.
    copy: Option<Copied<T>>,
}

enum Copied<T: FixedLayout> {
    Layout(Box<T::Layout>),
    Encoded(Vec<u8>),
}

impl<'q, T: FixedLayout> Received<'q, T> {
    #[inline]
    pub(super) fn new(queue: &'q MessageQueue<T>, run: &Run, slot: u32) -> Self {
        let redelivered = run.redelivered();
        let mut received = Self { queue, block: run.block, slot, redelivered, copy: None };
        if queue.plan.isolated {
            received.copy = Some(received.copied());
        }
        received
    }

    #[cold]
    fn copied(&self) -> Copied<T> {
        let mut bytes = vec![0; self.queue.length(self.block, self.slot)];
        let at = self.queue.plan.payload_at(self.block, self.slot);
        self.queue.segment.map().read_volatile(at, &mut bytes);
        if self.queue.plan.encoded {
            Copied::Encoded(bytes)
        } else {
            Copied::Layout(copied_layout::<T>(&bytes))
        }
    }

    /// Who sent it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> MessageHeader {
        self.queue.header(self.block, self.slot, self.redelivered)
    }

    /// The octets of the message in its slot: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.copy {
            Some(Copied::Layout(layout)) => layout.as_bytes(),
            Some(Copied::Encoded(bytes)) => bytes,
            None => {
                let len = self.queue.length(self.block, self.slot);
                self.queue.held_bytes(self.block, self.slot, len)
            }
        }
    }

    /// The value, checked and copied out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) if the sender wrote something
    /// that is no value of `T`.
    pub fn read(&self) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        self.queue.value(self.bytes())
    }
}

impl<T: FixedLayout> Deref for Received<'_, T> {
    type Target = T::Layout;

    #[inline]
    fn deref(&self) -> &T::Layout {
        const { check::assert_bounded(T::TYPE) };
        layout_of::<T>(self.bytes())
    }
}

impl<T: FixedLayout> fmt::Debug for Received<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("header", &self.header()).finish_non_exhaustive()
    }
}

/// The layout of so many bytes, in memory of this process.
pub(super) fn copied_layout<T: FixedLayout>(bytes: &[u8]) -> Box<T::Layout> {
    let mut layout = T::Layout::new_box_zeroed()
        .unwrap_or_else(|_| std::alloc::handle_alloc_error(Layout::new::<T::Layout>()));
    let target = layout.as_mut_bytes();
    let len = target.len().min(bytes.len());
    target[..len].copy_from_slice(&bytes[..len]);
    layout
}

pub(super) fn layout_of<T: FixedLayout>(bytes: &[u8]) -> &T::Layout {
    match T::Layout::ref_from_prefix(bytes) {
        Ok((layout, _)) => layout,
        // A slot has room for the layout and starts at a multiple of 8: checked when attaching.
        Err(_) => unreachable!("a slot holds the layout"),
    }
}

/// A slot of the queue that is being filled in place; dropping it unsent gives it back.
///
/// It starts as all zeroes, and dereferences to the fixed layout of `T`. Messages that are sent
/// while it is being filled do not wait for it.
#[must_use = "a loan that is not sent is given back"]
pub struct Loan<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    place: Place<'q, T>,
    kind: u32,
    /// What is filled instead of the slot, if others may write to that.
    copy: Option<Box<T::Layout>>,
}

impl<'q, T: FixedLayout> Loan<'q, T> {
    pub(super) fn new(queue: &'q MessageQueue<T>, place: Place<'q, T>) -> Self {
        let mut loan = Self { queue, place, kind: 0, copy: None };
        if queue.plan.isolated {
            loan.copy = Some(copied_layout::<T>(&[]));
        } else {
            loan.slot().fill(0);
        }
        loan
    }

    /// Sets the number that the receiver finds in the header.
    pub fn set_kind(&mut self, kind: u32) {
        self.kind = kind;
    }

    /// Makes the message visible to the consumers.
    ///
    /// # Errors
    ///
    /// `Full` with [`Overflow::Reject`](super::Overflow::Reject), if the process stood still
    /// meanwhile and others have used up the room.
    pub fn send(mut self) -> Result<()> {
        let writer = *self.place.writer();
        if let Some(copy) = self.copy.take() {
            let at = self.queue.plan.payload_at(writer.position, writer.slot());
            self.queue.segment.map().write_volatile(at, copy.as_bytes());
        }
        self.queue.stamp(writer.position, writer.slot(), self.kind);
        self.queue.commit(&mut self.place, 1, Patience::Policy)
    }

    fn slot(&mut self) -> &mut [u8] {
        let writer = *self.place.writer();
        self.queue.held_bytes_mut(writer.position, writer.slot())
    }
}

impl<T: FixedLayout> Deref for Loan<'_, T> {
    type Target = T::Layout;

    fn deref(&self) -> &T::Layout {
        if let Some(copy) = &self.copy {
            return copy;
        }
        let writer = self.place.look();
        let bytes = size_of::<T::Layout>();
        layout_of::<T>(self.queue.held_bytes(writer.position, writer.slot(), bytes))
    }
}

impl<T: FixedLayout> DerefMut for Loan<'_, T> {
    fn deref_mut(&mut self) -> &mut T::Layout {
        let writer = *self.place.writer();
        if let Some(copy) = &mut self.copy {
            return copy;
        }
        let slot = self.queue.held_bytes_mut(writer.position, writer.slot());
        match T::Layout::mut_from_prefix(slot) {
            Ok((layout, _)) => layout,
            Err(_) => unreachable!("a slot holds the layout"),
        }
    }
}

impl<T: FixedLayout> fmt::Debug for Loan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loan").field("kind", &self.kind).finish_non_exhaustive()
    }
}
