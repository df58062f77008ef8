//! Putting messages into a queue.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use barewire_schema::Type;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::geometry::{Overflow, Plan};
use super::lanes::{Acquired, Slot, Writer};
use super::message::{QueueLoan, copied_layout};
use super::{MessageQueue, lanes};
use crate::codec::{self, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{FixedLayout, LayoutError};
use crate::sync::breathe;
use crate::sync::shelf::Taken;
use crate::sys;
use crate::value::Value;

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
        if let Some(sent) = self.send_next(message) {
            return sent;
        }
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
        if let Some(sent) = self.send_next(message) {
            return sent;
        }
        self.send_one(message, Patience::None)
    }

    /// Puts a message into the queue that `fill` writes in its slot, with no copy.
    ///
    /// The slot starts as that of a [`QueueLoan`] does. If the queue is full, as
    /// [`enqueue`](Self::enqueue). Keep `fill` short: other threads that send through the same
    /// handle wait for it.
    ///
    /// ```
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-with-{}", std::process::id());
    /// let queue = MessageQueue::<[u32; 4]>::builder(&name).create()?;
    /// queue.enqueue_with(|slot| slot[2] = 7)?;
    /// assert_eq!(*queue.dequeue()?, [0, 0, 7, 0]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `Full` with [`Overflow::Reject`].
    #[inline(always)]
    pub fn enqueue_with(&self, fill: impl FnOnce(&mut T::Layout)) -> Result<()> {
        self.send_with(Patience::Policy, fill)
    }

    /// As [`enqueue_with`](Self::enqueue_with), but waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the queue was full all the time.
    #[inline]
    pub fn enqueue_with_timeout(
        &self,
        fill: impl FnOnce(&mut T::Layout),
        timeout: Duration,
    ) -> Result<()> {
        self.send_with(Patience::timeout(timeout), fill)
    }

    /// As [`enqueue_with`](Self::enqueue_with), but says at once that the queue is full.
    ///
    /// # Errors
    ///
    /// `Full`.
    #[inline(always)]
    pub fn try_enqueue_with(&self, fill: impl FnOnce(&mut T::Layout)) -> Result<()> {
        self.send_with(Patience::None, fill)
    }

    #[inline(always)]
    fn send_with(&self, patience: Patience, fill: impl FnOnce(&mut T::Layout)) -> Result<()> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        if !self.plan.in_place {
            let mut loan = self.loan_with(patience)?;
            fill(&mut loan);
            return loan.send_as(patience);
        }
        loop {
            let mut writer = self.writer.lock();
            if let Some(slot) = writer.place() {
                let layout = self.layout_mut(slot);
                layout.zero();
                fill(layout);
                self.publish(&mut writer, 1);
                return Ok(());
            }
            drop(writer);
            self.make_room(patience)?;
        }
    }

    #[cold]
    fn make_room(&self, patience: Patience) -> Result<()> {
        self.writer(patience).map(drop)
    }

    /// Sends a message to the next slot, if that is all there is to do.
    #[inline(always)]
    fn send_next(&self, message: &T) -> Option<Result<()>>
    where
        T: Encode,
    {
        if !self.plan.in_place {
            return None;
        }
        let mut writer = self.writer.lock();
        let slot = writer.place()?;
        let stored = message.store(self.layout_mut(slot));
        if stored.is_ok() {
            self.publish(&mut writer, 1);
        }
        Some(stored.map_err(|error| self.too_large(error.to_string())))
    }

    /// The layout in a slot that this participant is filling.
    #[inline(always)]
    fn layout_mut(&self, slot: Slot) -> &mut T::Layout {
        match T::Layout::mut_from_prefix(self.held_bytes_mut(slot)) {
            Ok((layout, _)) => layout,
            Err(_) => unreachable!("a slot holds the layout"),
        }
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
        let mut sent = 0;
        while sent < messages.len() {
            sent += self.send_some(&messages[sent..], Patience::Policy)?;
        }
        Ok(())
    }

    /// As [`enqueue_batch`](Self::enqueue_batch), but waits no longer than `timeout`, and says how
    /// many are in the queue: fewer than all if there was no room until then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-batch-timeout-{}", std::process::id());
    /// let queue = MessageQueue::<u32>::builder(&name).capacity(8).create()?;
    /// let sent = queue.enqueue_batch_timeout(&[7; 100], Duration::from_millis(1))?;
    /// assert!((8..100).contains(&sent));
    /// assert_eq!(queue.len(), sent);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// `TooLarge`; messages before that one are in the queue.
    pub fn enqueue_batch_timeout(&self, messages: &[T], timeout: Duration) -> Result<usize>
    where
        T: Encode,
    {
        let patience = Patience::timeout(timeout);
        self.send_while(messages, patience, Error::is_timed_out)
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
        self.send_while(messages, Patience::None, Error::is_full)
    }

    /// Sends messages until all are sent, or there is no room; how many.
    fn send_while(
        &self,
        messages: &[T],
        patience: Patience,
        no_room: fn(&Error) -> bool,
    ) -> Result<usize>
    where
        T: Encode,
    {
        let mut sent = 0;
        while sent < messages.len() {
            match self.send_some(&messages[sent..], patience) {
                Ok(more) => sent += more,
                Err(error) if no_room(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Takes a slot to fill in place; if the queue is full, as [`enqueue`](Self::enqueue).
    ///
    /// # Errors
    ///
    /// `Full` with [`Overflow::Reject`].
    pub fn loan(&self) -> Result<QueueLoan<'_, T>> {
        self.loan_with(Patience::Policy)
    }

    /// As [`loan`](Self::loan), but waits up to `timeout` for room.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the queue was full all the time.
    pub fn loan_timeout(&self, timeout: Duration) -> Result<QueueLoan<'_, T>> {
        self.loan_with(Patience::timeout(timeout))
    }

    /// Takes a slot to fill in place, or says at once that the queue is full.
    ///
    /// # Errors
    ///
    /// `Full`.
    pub fn try_loan(&self) -> Result<QueueLoan<'_, T>> {
        self.loan_with(Patience::None)
    }

    fn loan_with(&self, patience: Patience) -> Result<QueueLoan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        if self.one_message_a_block() && !self.plan.isolated {
            return Ok(QueueLoan::in_slot(self, self.acquire(patience)?));
        }
        drop(self.writer(patience)?);
        Ok(QueueLoan::in_copy(self))
    }

    /// Large messages have a block each: it is filled first and becomes visible when it is linked.
    fn one_message_a_block(&self) -> bool {
        self.plan.shape.slots == 1
    }

    #[inline(never)]
    pub(super) fn send_one(&self, message: &T, patience: Patience) -> Result<()>
    where
        T: Encode,
    {
        self.send_some(std::slice::from_ref(message), patience).map(|_| ())
    }

    /// Sends the first of the messages, and those that fit into the same block; how many.
    #[inline(always)]
    pub(super) fn send_some(&self, messages: &[T], patience: Patience) -> Result<usize>
    where
        T: Encode,
    {
        if self.one_message_a_block() {
            let acquired = self.acquire(patience)?;
            let filled =
                messages.first().map_or(Ok(()), |one| self.fill(self.slot_of(acquired), one));
            if let Err(error) = filled {
                self.lanes().abandon(acquired);
                return Err(error);
            }
            self.send_block(acquired, 0);
            return Ok(1);
        }
        let mut writer = self.writer(patience)?;
        let Some(first) = writer.place() else {
            return Err(self.full());
        };
        let mut filled = 0;
        let mut result = Ok(());
        for (index, message) in (0..writer.left()).zip(messages) {
            let slot = first.plus(index, &self.plan.shape);
            result = self.fill(slot, message);
            if result.is_err() {
                break;
            }
            self.stamp(slot, 0);
            filled += 1;
        }
        if filled > 0 {
            self.publish(&mut writer, filled);
        }
        // What failed after others is reported by the next call, which begins with it.
        if filled > 0 { Ok(filled as usize) } else { result.map(|()| 0) }
    }

    /// Sends bytes that are a layout of `T`.
    pub(super) fn send_bytes(&self, bytes: &[u8], kind: u32, patience: Patience) -> Result<()> {
        let mut writer = self.writer(patience)?;
        let Some(slot) = writer.place() else {
            return Err(self.full());
        };
        self.segment.map().write_volatile(self.plan.payload_at(slot), bytes);
        self.stamp(slot, kind);
        self.publish(&mut writer, 1);
        Ok(())
    }

    /// The one slot of an acquired block.
    pub(super) fn slot_of(&self, acquired: Acquired) -> Slot {
        self.plan.shape.slot(acquired.block, 0)
    }

    /// Makes an acquired block visible, with its one message.
    pub(super) fn send_block(&self, acquired: Acquired, kind: u32) {
        self.stamp(self.slot_of(acquired), kind);
        let mut writer = self.writer.lock();
        // Numbers are given in the order in which messages are sent, not in that of the loans.
        self.number(acquired.block);
        self.lanes().link(&mut writer, acquired, 1);
        drop(writer);
        self.items().notify();
    }

    /// Makes `count` filled slots visible, and sees to the next block in good time.
    #[inline(always)]
    pub(super) fn publish(&self, writer: &mut Writer, count: u32) {
        self.lanes().publish(writer, count);
        self.items().notify_some(count);
        if writer.place().is_none() {
            self.open_block(writer);
        }
    }

    /// The writer, with a block open.
    #[inline(always)]
    pub(super) fn writer(&self, patience: Patience) -> Result<Taken<'_, Writer>> {
        let writer = self.writer.lock();
        if writer.place().is_some() {
            return Ok(writer);
        }
        drop(writer);
        self.with_room(patience, || {
            let mut writer = self.writer.lock();
            (writer.place().is_some() || self.open_block(&mut writer)).then_some(writer)
        })
    }

    #[cold]
    fn open_block(&self, writer: &mut Writer) -> bool {
        let Some(acquired) = self.lanes().acquire(writer) else {
            return false;
        };
        self.prepare(acquired.block);
        self.number(acquired.block);
        self.lanes().link(writer, acquired, 0);
        true
    }

    /// A block of this participant's own, in no lane yet.
    pub(super) fn acquire(&self, patience: Patience) -> Result<Acquired> {
        let acquired = self.with_room(patience, || {
            let mut writer = self.writer.lock();
            self.lanes().acquire(&mut writer)
        })?;
        self.prepare(acquired.block);
        Ok(acquired)
    }

    /// Calls `attempt` until the queue has room, as the policy and the caller's patience say.
    #[cold]
    fn with_room<R>(
        &self,
        patience: Patience,
        mut attempt: impl FnMut() -> Option<R>,
    ) -> Result<R> {
        let drop_oldest = self.plan.overflow == Overflow::DropOldest;
        let mut attempt = || loop {
            match attempt() {
                None if drop_oldest && self.drop_one() => {}
                None => {
                    // Who looks at words that consumers write slows them down.
                    breathe();
                    return Ok::<_, Error>(None);
                }
                found => return Ok(found),
            }
        };
        let deadline = match patience {
            Patience::Until(deadline) => Some(deadline),
            Patience::Policy if self.plan.overflow != Overflow::Reject => None,
            _ => {
                let mut found = attempt()?;
                if found.is_none() && self.is_time_to_recover() {
                    self.recover();
                    found = attempt()?;
                }
                return found.ok_or_else(|| self.full());
            }
        };
        let found = self.space().wait_as(self.wait, deadline, attempt, || self.recover())?;
        found.ok_or_else(|| self.timed_out("the queue stayed full"))
    }

    /// Writes what all messages of a block have in common.
    fn prepare(&self, block: u64) {
        let map = self.segment.map();
        let line = self.lanes().line(block);
        let set = |at: usize, value: u64| map.u64(line + at).store(value, Ordering::Relaxed);
        let incarnation = self.segment.incarnation();
        set(lanes::INCARNATION, incarnation as u64);
        set(lanes::INCARNATION + 8, (incarnation >> 64) as u64);
        for index in 0..self.plan.shape.slots as usize {
            map.u32(line + lanes::KINDS + index * 4).store(0, Ordering::Relaxed);
        }
    }

    /// Gives the messages of a block their numbers.
    fn number(&self, block: u64) {
        // The caller has the writer, so nobody else is here.
        let first = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(first + u64::from(self.plan.shape.slots), Ordering::Relaxed);
        let word = self.segment.map().u64(self.lanes().line(block) + lanes::SEQUENCE);
        word.store(first, Ordering::Relaxed);
    }

    /// Drops the oldest message; false if there is none.
    fn drop_one(&self) -> bool {
        let Some(run) = self.lanes().take(&mut self.readers.lock(), 1) else {
            return false;
        };
        self.counter(lanes::DROPPED).fetch_add(1, Ordering::Relaxed);
        self.acknowledge(&run);
        true
    }

    pub(super) fn full(&self) -> Error {
        Error::new(ErrorKind::Full, self.name(), "the queue is full")
    }

    #[inline(always)]
    fn fill(&self, slot: Slot, message: &T) -> Result<()>
    where
        T: Encode,
    {
        if self.plan.encoded {
            return self.fill_encoded(slot, message);
        }
        let too_large = |error: LayoutError| self.too_large(error.to_string());
        if self.plan.isolated {
            let mut copy = copied_layout::<T>(&[]);
            message.store(&mut copy).map_err(too_large)?;
            self.segment.map().write_volatile(self.plan.payload_at(slot), copy.as_bytes());
            return Ok(());
        }
        message.store(self.layout_mut(slot)).map_err(too_large)
    }

    #[cold]
    fn fill_encoded(&self, slot: Slot, message: &T) -> Result<()>
    where
        T: Encode,
    {
        let encoded = codec::encode(message);
        let (bytes, room) = (encoded.len(), self.plan.payload);
        if bytes > room {
            let detail = format!("the message takes {bytes} bytes, the queue's slots have {room}");
            return Err(self.too_large(detail));
        }
        if let Some(contract) = self.segment.contract() {
            self.keep(contract, &encoded)?;
        }
        let map = self.segment.map();
        map.write_volatile(self.plan.payload_at(slot), &encoded);
        map.u64(self.plan.length_at(slot)).store(bytes as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Refuses what the readers of the schema that the queue was made with do not know.
    fn keep(&self, contract: &Type, encoded: &[u8]) -> Result<()> {
        let refused = |error| {
            let detail = format!(
                "the queue was made with an older schema, whose readers do not know this value: \
                 {error}"
            );
            Error::new(ErrorKind::InvalidValue, self.name(), detail)
        };
        Value::decode(contract, encoded).map(drop).map_err(refused)
    }

    fn too_large(&self, detail: String) -> Error {
        Error::new(ErrorKind::TooLarge, self.name(), detail)
    }

    #[inline]
    pub(super) fn stamp(&self, slot: Slot, kind: u32) {
        let map = self.segment.map();
        if kind != 0 {
            map.u32(self.kind_at(slot)).store(kind, Ordering::Relaxed);
        }
        if self.plan.timestamps {
            let word = map.u64(Plan::timestamp_at(slot));
            word.store(sys::now_ns(), Ordering::Relaxed);
        }
    }
}
