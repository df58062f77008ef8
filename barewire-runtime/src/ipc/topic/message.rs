//! What subscribers get: a message, a batch of them, and one message of a batch.

use std::fmt;
use std::ops::Deref;

use barewire_schema::check;
use zerocopy::{FromBytes, IntoBytes};

use super::subscriber::{Found, Subscriber};
use super::{Note, is_bounded};
use crate::codec::{self, Decode};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::MessageHeader;
use crate::layout::FixedLayout;

/// A message that was taken; dropping it lets publishers go on.
///
/// It dereferences to the fixed layout of `T`: in place, or, in a lossy or an isolated topic, a
/// copy.
pub struct TopicMessage<'s, T: FixedLayout> {
    subscriber: &'s mut Subscriber<T>,
    found: Found,
}

impl<'s, T: FixedLayout> TopicMessage<'s, T> {
    #[inline]
    pub(super) fn new(subscriber: &'s mut Subscriber<T>, found: Found) -> Self {
        Self { subscriber, found }
    }

    #[inline]
    fn item(&self) -> TopicBatchItem<'_, T> {
        TopicBatchItem { subscriber: self.subscriber, found: self.found, index: 0 }
    }

    /// How many messages were missed between the one taken before and this one.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber.missed_before()
    }

    /// Who published it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> MessageHeader {
        self.item().header()
    }

    /// The octets of the message: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        bytes_of(self.subscriber, self.found, 0)
    }

    /// The value, checked and copied out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] if the publisher wrote something that is no value of `T`.
    pub fn read(&self) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        self.item().read()
    }
}

impl<T: FixedLayout> Deref for TopicMessage<'_, T> {
    type Target = T::Layout;

    #[inline]
    fn deref(&self) -> &T::Layout {
        const { check::assert_bounded(T::TYPE) };
        layout_of::<T>(layout_bytes(self.subscriber, self.found, 0))
    }
}

impl<T: FixedLayout> Drop for TopicMessage<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.subscriber.release(self.found);
    }
}

impl<T: FixedLayout> fmt::Debug for TopicMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TopicMessage");
        shown.field("header", &self.header()).field("missed", &self.missed());
        shown.finish_non_exhaustive()
    }
}

/// Messages of one publisher, next to each other; dropping them lets publishers go on.
pub struct TopicBatch<'s, T: FixedLayout> {
    subscriber: &'s mut Subscriber<T>,
    found: Found,
}

impl<'s, T: FixedLayout> TopicBatch<'s, T> {
    pub(super) fn new(subscriber: &'s mut Subscriber<T>, found: Found) -> Self {
        Self { subscriber, found }
    }

    /// How many there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a batch is never empty")]
    pub fn len(&self) -> usize {
        self.found.count() as usize
    }

    /// How many messages were missed between the one taken before and the first of these.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.subscriber.missed_before()
    }

    /// The messages, in the order in which they were published.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TopicBatchItem<'_, T>> {
        let (subscriber, found) = (&*self.subscriber, self.found);
        (0..self.len()).map(move |index| TopicBatchItem { subscriber, found, index })
    }
}

impl<'b, T: FixedLayout> IntoIterator for &'b TopicBatch<'_, T> {
    type Item = TopicBatchItem<'b, T>;
    type IntoIter = Box<dyn ExactSizeIterator<Item = TopicBatchItem<'b, T>> + 'b>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl<T: FixedLayout> Drop for TopicBatch<'_, T> {
    fn drop(&mut self) {
        self.subscriber.release(self.found);
    }
}

impl<T: FixedLayout> fmt::Debug for TopicBatch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicBatch").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// One message of a batch.
pub struct TopicBatchItem<'b, T: FixedLayout> {
    subscriber: &'b Subscriber<T>,
    found: Found,
    index: usize,
}

impl<T: FixedLayout> TopicBatchItem<'_, T> {
    fn note(&self) -> Note {
        let subscriber = self.subscriber;
        if subscriber.copies_out {
            return subscriber.notes.get(self.index).copied().unwrap_or_default();
        }
        let position = self.found.position.wrapping_add(self.index as u64);
        subscriber.shared.note(self.found.lane(), position, size_of::<T::Layout>())
    }

    /// Who published it, when, and which one it is.
    #[must_use]
    pub fn header(&self) -> MessageHeader {
        self.note().header()
    }

    /// The octets of the message: the fixed layout, or BARE if `T` is unbounded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        bytes_of(self.subscriber, self.found, self.index)
    }

    /// The value, checked and copied out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`] if the publisher wrote something that is no value of `T`.
    pub fn read(&self) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        let invalid = |error: &dyn fmt::Display| {
            let name = self.subscriber.shared.name();
            Error::new(ErrorKind::InvalidValue, name, error.to_string())
        };
        if is_bounded::<T>() {
            let layout = layout_bytes(self.subscriber, self.found, self.index);
            return T::load(layout_of::<T>(layout)).map_err(|error| invalid(&error));
        }
        codec::decode(self.bytes()).map_err(|error| invalid(&error))
    }
}

impl<T: FixedLayout> Deref for TopicBatchItem<'_, T> {
    type Target = T::Layout;

    #[inline]
    fn deref(&self) -> &T::Layout {
        const { check::assert_bounded(T::TYPE) };
        layout_of::<T>(layout_bytes(self.subscriber, self.found, self.index))
    }
}

impl<T: FixedLayout> fmt::Debug for TopicBatchItem<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicBatchItem").field("header", &self.header()).finish_non_exhaustive()
    }
}

#[inline]
fn layout_bytes<T: FixedLayout>(subscriber: &Subscriber<T>, found: Found, index: usize) -> &[u8] {
    slot_bytes(subscriber, found, index, size_of::<T::Layout>())
}

fn bytes_of<T: FixedLayout>(subscriber: &Subscriber<T>, found: Found, index: usize) -> &[u8] {
    if is_bounded::<T>() {
        return layout_bytes(subscriber, found, index);
    }
    let most = subscriber.shared.shape.choice.payload as usize;
    let len = TopicBatchItem { subscriber, found, index }.note().bytes as usize;
    slot_bytes(subscriber, found, index, len.min(most))
}

/// The first `len` bytes of a message, which fit into a slot.
#[inline]
fn slot_bytes<T: FixedLayout>(
    subscriber: &Subscriber<T>,
    found: Found,
    index: usize,
    len: usize,
) -> &[u8] {
    let shared = &*subscriber.shared;
    if subscriber.copies_out {
        let start = index * shared.shape.stride;
        return subscriber.copies.as_bytes().get(start..start + len).unwrap_or_default();
    }
    let position = found.position.wrapping_add(index as u64);
    let address = shared.map().bytes(shared.shape.slot(found.lane(), position), len);
    // SAFETY: in bounds, as `bytes` checks; and nobody writes there, because publishers stay behind
    // the cursor, which moves past the message when the borrow of the subscriber ends (cooperative
    // peers; from others, messages are copied).
    unsafe { std::slice::from_raw_parts(address, len) }
}

#[inline]
pub(super) fn layout_of<T: FixedLayout>(bytes: &[u8]) -> &T::Layout {
    match T::Layout::ref_from_bytes(bytes) {
        Ok(layout) => layout,
        // A slot has the layout's size, and all begin at a multiple of that from a multiple of 128.
        Err(_) => unreachable!("a slot holds the layout"),
    }
}
