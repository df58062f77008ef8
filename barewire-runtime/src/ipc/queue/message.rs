//! A message that was taken, and a slot being filled.

use std::alloc::Layout;
use std::fmt;
use std::ops::{Deref, DerefMut};

use barewire_schema::check;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::lanes::{Acquired, Run, Slot};
use super::rare::Rare;
use super::send::Patience;
use super::{MessageHeader, MessageQueue};
use crate::codec::Decode;
use crate::error::Result;
use crate::layout::FixedLayout;

/// Loans of messages up to this start as all zeroes.
const ZEROED_BYTES: usize = 4096;

/// A message that was taken out of a queue; dropping it acknowledges it.
///
/// It is read in place (in a copy, if the queue is isolated): if `T` has a largest size, it
/// dereferences to the fixed layout of `T`; if not, [`read`](Self::read) decodes it. Until it is
/// dropped, it is this process's alone; if the process dies before that, another one gets it,
/// marked as redelivered.
pub struct QueueMessage<'q, T: FixedLayout>(QueueBatchItem<'q, T>);

impl<'q, T: FixedLayout> QueueMessage<'q, T> {
    #[inline(always)]
    pub(super) fn new(queue: &'q MessageQueue<T>, run: Run) -> Self {
        Self(QueueBatchItem::new(queue, run))
    }

    /// Who sent it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> MessageHeader {
        self.0.header()
    }

    /// The octets of the message in its slot: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
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
        self.0.read()
    }
}

impl<T: FixedLayout> Deref for QueueMessage<'_, T> {
    type Target = T::Layout;

    #[inline(always)]
    fn deref(&self) -> &T::Layout {
        &self.0
    }
}

impl<T: FixedLayout> Drop for QueueMessage<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.queue.acknowledge(&self.0.run);
    }
}

impl<T: FixedLayout> fmt::Debug for QueueMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueMessage").field("header", &self.header()).finish_non_exhaustive()
    }
}

/// One message of a [`QueueBatch`](super::QueueBatch); it dereferences to the fixed layout of `T`.
pub struct QueueBatchItem<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    /// The run that begins with it, or in a batch, that it is part of.
    run: Run,
    /// The bytes, if others may write to those in the segment.
    copy: Rare<Copied<T>>,
}

enum Copied<T: FixedLayout> {
    Layout(Box<T::Layout>),
    Encoded(Vec<u8>),
}

impl<'q, T: FixedLayout> QueueBatchItem<'q, T> {
    #[inline(always)]
    pub(super) fn new(queue: &'q MessageQueue<T>, run: Run) -> Self {
        let copy = if queue.plan.isolated { Self::copied(queue, run) } else { Rare::none() };
        Self { queue, run, copy }
    }

    #[inline(always)]
    fn slot(&self) -> Slot {
        self.run.slot(&self.queue.plan.shape)
    }

    #[cold]
    fn copied(queue: &MessageQueue<T>, run: Run) -> Rare<Copied<T>> {
        let slot = run.slot(&queue.plan.shape);
        let mut bytes = vec![0; queue.length(slot)];
        queue.segment.map().read_volatile(queue.plan.payload_at(slot), &mut bytes);
        Rare::some(if queue.plan.encoded {
            Copied::Encoded(bytes)
        } else {
            Copied::Layout(copied_layout::<T>(&bytes))
        })
    }

    /// Who sent it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> MessageHeader {
        self.queue.header(self.slot(), self.run.redelivered())
    }

    /// The octets of the message in its slot: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    #[inline(always)]
    pub fn bytes(&self) -> &[u8] {
        match self.copy.get() {
            Some(Copied::Layout(layout)) => layout.as_bytes(),
            Some(Copied::Encoded(bytes)) => bytes,
            None => self.queue.held_bytes(self.slot(), self.queue.length(self.slot())),
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

impl<T: FixedLayout> Deref for QueueBatchItem<'_, T> {
    type Target = T::Layout;

    #[inline(always)]
    fn deref(&self) -> &T::Layout {
        const { check::assert_bounded(T::TYPE) };
        layout_of::<T>(self.bytes())
    }
}

impl<T: FixedLayout> fmt::Debug for QueueBatchItem<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueBatchItem").field("header", &self.header()).finish_non_exhaustive()
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

#[inline(always)]
pub(super) fn layout_of<T: FixedLayout>(bytes: &[u8]) -> &T::Layout {
    match T::Layout::ref_from_prefix(bytes) {
        Ok((layout, _)) => layout,
        // A slot has room for the layout and starts where its alignment lets it: checked when
        // attaching.
        Err(_) => unreachable!("a slot holds the layout"),
    }
}

/// A message that is being filled; dropping it unsent gives its room back.
///
/// It dereferences to the fixed layout of `T`. One of up to 4 KiB starts as all zeroes. A larger
/// one starts as any octets, those of earlier messages of this queue as a rule, since to zero it
/// would take as long as to fill it: write all of it, or call [`zero`](Self::zero) first.
///
/// A message of more than a few hundred bytes is filled where its receiver reads it; a smaller one
/// is copied there when it is sent, which costs less than a slot of its own would.
#[must_use = "a loan that is not sent is given back"]
pub struct QueueLoan<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    kind: u32,
    place: Place<T>,
}

enum Place<T: FixedLayout> {
    Slot(Acquired),
    Copy(Box<T::Layout>),
    Sent,
}

impl<'q, T: FixedLayout> QueueLoan<'q, T> {
    pub(super) fn in_slot(queue: &'q MessageQueue<T>, acquired: Acquired) -> Self {
        let mut loan = Self { queue, kind: 0, place: Place::Slot(acquired) };
        if size_of::<T::Layout>() <= ZEROED_BYTES {
            loan.zero();
        }
        loan
    }

    pub(super) fn in_copy(queue: &'q MessageQueue<T>) -> Self {
        Self { queue, kind: 0, place: Place::Copy(copied_layout::<T>(&[])) }
    }

    /// Makes the message all zeroes.
    pub fn zero(&mut self) {
        (**self).zero();
    }

    /// Sets the number that the receiver finds in the header.
    pub fn set_kind(&mut self, kind: u32) {
        self.kind = kind;
    }

    /// Makes the message visible to the consumers.
    ///
    /// # Errors
    ///
    /// As [`MessageQueue::enqueue`], for a small message.
    pub fn send(self) -> Result<()> {
        self.send_as(Patience::Policy)
    }

    pub(super) fn send_as(mut self, patience: Patience) -> Result<()> {
        match std::mem::replace(&mut self.place, Place::Sent) {
            Place::Slot(acquired) => self.queue.send_block(acquired, self.kind),
            Place::Copy(copy) => {
                self.queue.send_bytes(copy.as_bytes(), self.kind, patience)?;
            }
            Place::Sent => {}
        }
        Ok(())
    }
}

impl<T: FixedLayout> Deref for QueueLoan<'_, T> {
    type Target = T::Layout;

    fn deref(&self) -> &T::Layout {
        match &self.place {
            Place::Copy(copy) => copy,
            Place::Slot(acquired) => {
                let slot = self.queue.slot_of(*acquired);
                layout_of::<T>(self.queue.held_bytes(slot, size_of::<T::Layout>()))
            }
            Place::Sent => unreachable!("sending takes the loan"),
        }
    }
}

impl<T: FixedLayout> DerefMut for QueueLoan<'_, T> {
    fn deref_mut(&mut self) -> &mut T::Layout {
        match &mut self.place {
            Place::Copy(copy) => copy,
            Place::Slot(acquired) => {
                let slot = self.queue.slot_of(*acquired);
                match T::Layout::mut_from_prefix(self.queue.held_bytes_mut(slot)) {
                    Ok((layout, _)) => layout,
                    Err(_) => unreachable!("a slot holds the layout"),
                }
            }
            Place::Sent => unreachable!("sending takes the loan"),
        }
    }
}

impl<T: FixedLayout> Drop for QueueLoan<'_, T> {
    fn drop(&mut self) {
        if let Place::Slot(acquired) = self.place {
            self.queue.lanes().abandon(acquired);
        }
    }
}

impl<T: FixedLayout> fmt::Debug for QueueLoan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueLoan").field("kind", &self.kind).finish_non_exhaustive()
    }
}
