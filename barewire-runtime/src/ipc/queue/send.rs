//! Putting messages into a queue.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use zerocopy::{FromBytes, IntoBytes};

use super::blocks::{Reader, Writer};
use super::geometry::Overflow;
use super::message::{Loan, copied_layout};
use super::{MessageQueue, blocks};
use crate::codec::{self, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{FixedLayout, LayoutError};
use crate::sync::shelf::Taken;
use crate::sys;

/// How long a call may wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// As the queue's overflow policy says.
    Policy,
    /// Until then.
    Until(Instant),
}

impl Patience {
    pub(super) fn timeout(timeout: Duration) -> Self {
        // A deadline beyond what the clock can say is none.
        Instant::now().checked_add(timeout).map_or(Self::Policy, Self::Until)
    }
}

/// A block that this participant writes in: the shelved one, or one of its own while that is away.
pub(super) struct Place<'q, T: FixedLayout> {
    queue: &'q MessageQueue<T>,
    shelved: Option<Taken<'q, Writer>>,
    own: Writer,
}

impl<T: FixedLayout> Place<'_, T> {
    #[inline]
    pub(super) fn writer(&mut self) -> &mut Writer {
        match &mut self.shelved {
            Some(writer) => writer,
            None => &mut self.own,
        }
    }

    pub(super) fn look(&self) -> &Writer {
        match &self.shelved {
            Some(writer) => writer,
            None => &self.own,
        }
    }
}

impl<T: FixedLayout> Drop for Place<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.own.position != 0 {
            self.queue.blocks().let_go(self.own.position);
        }
    }
}

impl<T: FixedLayout> MessageQueue<T> {
    /// Puts a message into the queue; if it is full, does what the queue's overflow policy says.
    ///
    /// # Errors
    ///
    /// `TooLarge` if the value exceeds a cap or the slot (the queue is unharmed then); `Full` with
    /// [`Overflow::Reject`].
    #[inline]
    pub fn enqueue(&self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        self.send_one(message, Patience::Policy)
    }

    /// As [`enqueue`](Self::enqueue), but waits up to `timeout` for room, unless the oldest
    /// messages make it.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the queue was full all the time, and `TooLarge`.
    pub fn enqueue_timeout(&self, message: &T, timeout: Duration) -> Result<()>
    where
        T: Encode,
    {
        self.send_one(message, Patience::timeout(timeout))
    }

    /// Puts a message into the queue, or says at once that it is full.
    ///
    /// # Errors
    ///
    /// `Full` and `TooLarge`.
    #[inline]
    pub fn try_enqueue(&self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        self.send_one(message, Patience::None)
    }

    /// Puts messages into the queue, in order; many at once are cheaper than one by one.
    ///
    /// # Errors
    ///
    /// As [`enqueue`](Self::enqueue); messages before the one that failed are in the queue.
    pub fn enqueue_batch(&self, messages: &[T]) -> Result<()>
    where
        T: Encode,
    {
        let mut rest = messages;
        let mut place = self.place();
        while !rest.is_empty() {
            self.reserve(place.writer(), Patience::Policy)?;
            let (sent, failed) = self.fill_block(&mut place, rest);
            if sent > 0 {
                self.commit(&mut place, sent as u32, Patience::Policy)?;
            }
            failed?;
            rest = &rest[sent..];
        }
        Ok(())
    }

    /// Puts as many of the messages into the queue as there is room for, and says how many.
    ///
    /// # Errors
    ///
    /// `TooLarge`; messages before that one are in the queue.
    pub fn try_enqueue_batch(&self, messages: &[T]) -> Result<usize>
    where
        T: Encode,
    {
        let mut total = 0;
        let mut place = self.place();
        while total < messages.len() {
            let full = |result: Result<()>| match result {
                Err(error) if error.is_full() => Ok(true),
                other => other.map(|()| false),
            };
            if full(self.reserve(place.writer(), Patience::None))? {
                break;
            }
            let (sent, failed) = self.fill_block(&mut place, &messages[total..]);
            if sent > 0 && full(self.commit(&mut place, sent as u32, Patience::None))? {
                break;
            }
            total += sent;
            failed?;
        }
        Ok(total)
    }

    /// Takes a slot to fill in place; if the queue is full, as [`enqueue`](Self::enqueue).
    ///
    /// # Errors
    ///
    /// `Full` with [`Overflow::Reject`].
    pub fn loan(&self) -> Result<Loan<'_, T>> {
        self.loan_with(Patience::Policy)
    }

    /// As [`loan`](Self::loan), but waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the queue was full all the time.
    pub fn loan_timeout(&self, timeout: Duration) -> Result<Loan<'_, T>> {
        self.loan_with(Patience::timeout(timeout))
    }

    /// Takes a slot to fill in place, or says at once that the queue is full.
    ///
    /// # Errors
    ///
    /// `Full`.
    pub fn try_loan(&self) -> Result<Loan<'_, T>> {
        self.loan_with(Patience::None)
    }

    fn loan_with(&self, patience: Patience) -> Result<Loan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        let mut place = self.place();
        self.reserve(place.writer(), patience)?;
        Ok(Loan::new(self, place))
    }

    #[inline]
    fn send_one(&self, message: &T, patience: Patience) -> Result<()>
    where
        T: Encode,
    {
        let mut place = self.place();
        self.reserve(place.writer(), patience)?;
        let writer = place.writer();
        self.fill(writer.position, writer.slot(), message)?;
        self.stamp(writer.position, writer.slot(), 0);
        self.commit(&mut place, 1, patience)
    }

    #[inline]
    fn place(&self) -> Place<'_, T> {
        Place { queue: self, shelved: self.writer.take(), own: Writer::NONE }
    }

    /// Fills as many slots of the open block as there are messages for; how many, and what failed.
    fn fill_block(&self, place: &mut Place<'_, T>, messages: &[T]) -> (usize, Result<()>)
    where
        T: Encode,
    {
        let writer = place.writer();
        let first = writer.slot();
        let room = (self.plan.shape.slots - first) as usize;
        for (index, message) in messages.iter().take(room).enumerate() {
            let slot = first + index as u32;
            if let Err(error) = self.fill(writer.position, slot, message) {
                return (index, Err(error));
            }
            self.stamp(writer.position, slot, 0);
        }
        (messages.len().min(room), Ok(()))
    }

    /// Makes sure that the writer has a block with room.
    #[inline]
    pub(super) fn reserve(&self, writer: &mut Writer, patience: Patience) -> Result<()> {
        if writer.position != 0 { Ok(()) } else { self.open_block(writer, patience) }
    }

    #[cold]
    fn open_block(&self, writer: &mut Writer, patience: Patience) -> Result<()> {
        let blocks = self.blocks();
        let drop_oldest = self.plan.overflow == Overflow::DropOldest;
        let mut attempt = || {
            while !blocks.open(writer) {
                if !drop_oldest || !self.drop_one() {
                    return Ok::<_, Error>(None);
                }
            }
            Ok(Some(()))
        };
        let deadline = match patience {
            Patience::Until(deadline) => Some(deadline),
            Patience::Policy if self.plan.overflow != Overflow::Reject => None,
            _ => {
                if attempt()?.is_none() {
                    self.looks_again();
                    if attempt()?.is_none() {
                        return Err(self.full());
                    }
                }
                self.begin_block(writer);
                return Ok(());
            }
        };
        let opened = self.space().wait_as(self.wait, deadline, attempt, || self.recover())?;
        if opened.is_none() {
            return Err(self.timed_out("the queue stayed full"));
        }
        self.begin_block(writer);
        Ok(())
    }

    /// Writes what all messages of a block that was just opened have in common.
    fn begin_block(&self, writer: &Writer) {
        let map = self.segment.map();
        let line = self.blocks().line(writer.position);
        let set = |at: usize, value: u64| map.u64(line + at).store(value, Ordering::Relaxed);
        let slots = u64::from(self.plan.shape.slots);
        let incarnation = self.segment.incarnation();
        set(blocks::INCARNATION, incarnation as u64);
        set(blocks::INCARNATION + 8, (incarnation >> 64) as u64);
        set(blocks::SEQUENCE, self.sequence.fetch_add(slots, Ordering::Relaxed));
        for slot in 0..self.plan.shape.slots {
            map.u32(self.kind_at(writer.position, slot)).store(0, Ordering::Relaxed);
        }
    }

    /// Makes the next `count` slots visible; in another block if others have closed this one.
    #[inline]
    pub(super) fn commit(
        &self,
        place: &mut Place<'_, T>,
        count: u32,
        patience: Patience,
    ) -> Result<()> {
        if !self.blocks().publish(place.writer(), count) {
            self.move_on(place, count, patience)?;
        }
        self.items().notify_ordered();
        Ok(())
    }

    /// Publishes the next `count` slots of a closed block in a block opened for them.
    #[cold]
    fn move_on(&self, place: &mut Place<'_, T>, count: u32, patience: Patience) -> Result<()> {
        let mut old = *place.writer();
        let result = loop {
            *place.writer() = Writer::NONE;
            if let Err(error) = self.open_block(place.writer(), patience) {
                break Err(error);
            }
            let new = *place.writer();
            for index in 0..count {
                self.copy_slot((old.position, old.slot() + index), (new.position, index));
            }
            self.blocks().let_go(old.position);
            if self.blocks().publish(place.writer(), count) {
                return Ok(());
            }
            old = new;
        };
        *place.writer() = Writer::NONE;
        self.blocks().let_go(old.position);
        result
    }

    fn copy_slot(&self, (from_block, from): (u64, u32), (to_block, to): (u64, u32)) {
        let map = self.segment.map();
        let (source, target) =
            (self.plan.payload_at(from_block, from), self.plan.payload_at(to_block, to));
        map.copy_within(source, target, self.plan.payload);
        let copy = |from: usize, to: usize| {
            map.u64(to).store(map.u64(from).load(Ordering::Relaxed), Ordering::Relaxed);
        };
        if self.plan.encoded {
            copy(self.plan.length_at(from_block, from), self.plan.length_at(to_block, to));
        }
        if self.plan.timestamps {
            copy(self.plan.timestamp_at(from_block, from), self.plan.timestamp_at(to_block, to));
        }
        let kind = map.u32(self.kind_at(from_block, from)).load(Ordering::Relaxed);
        map.u32(self.kind_at(to_block, to)).store(kind, Ordering::Relaxed);
    }

    fn kind_at(&self, block: u64, slot: u32) -> usize {
        self.blocks().line(block) + blocks::KINDS + (slot & 7) as usize * 4
    }

    /// Drops the oldest message; false if there is none.
    fn drop_one(&self) -> bool {
        let mut reader = self.reader.take();
        let mut own = Reader::START;
        let reader = reader.as_deref_mut().unwrap_or(&mut own);
        let Some(run) = self.blocks().take(reader, 1) else {
            return false;
        };
        self.counter(blocks::DROPPED).fetch_add(1, Ordering::Relaxed);
        self.acknowledge(&run);
        true
    }

    fn full(&self) -> Error {
        Error::new(ErrorKind::Full, self.name(), "the queue is full")
    }

    #[inline]
    fn fill(&self, block: u64, slot: u32, message: &T) -> Result<()>
    where
        T: Encode,
    {
        if self.plan.encoded {
            return self.fill_encoded(block, slot, message);
        }
        let too_large = |error: LayoutError| self.too_large(error.to_string());
        if self.plan.isolated {
            let mut copy = copied_layout::<T>(&[]);
            message.store(&mut copy).map_err(too_large)?;
            self.segment.map().write_volatile(self.plan.payload_at(block, slot), copy.as_bytes());
            return Ok(());
        }
        match T::Layout::mut_from_prefix(self.held_bytes_mut(block, slot)) {
            Ok((layout, _)) => message.store(layout).map_err(too_large),
            Err(_) => unreachable!("a slot holds the layout"),
        }
    }

    fn fill_encoded(&self, block: u64, slot: u32, message: &T) -> Result<()>
    where
        T: Encode,
    {
        let encoded = codec::encode(message);
        let (bytes, room) = (encoded.len(), self.plan.payload);
        if bytes > room {
            let detail = format!("the message takes {bytes} bytes, the queue's slots have {room}");
            return Err(self.too_large(detail));
        }
        let map = self.segment.map();
        map.write_volatile(self.plan.payload_at(block, slot), &encoded);
        map.u64(self.plan.length_at(block, slot)).store(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    fn too_large(&self, detail: String) -> Error {
        Error::new(ErrorKind::TooLarge, self.name(), detail)
    }

    #[inline]
    pub(super) fn stamp(&self, block: u64, slot: u32, kind: u32) {
        let map = self.segment.map();
        if kind != 0 {
            map.u32(self.kind_at(block, slot)).store(kind, Ordering::Relaxed);
        }
        if self.plan.timestamps {
            let word = map.u64(self.plan.timestamp_at(block, slot));
            word.store(sys::now_ns(), Ordering::Relaxed);
        }
    }
}
