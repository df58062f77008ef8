//! `MessageQueue<T>`: a bounded queue from many processes to many.

mod batch;
mod builder;
mod dynamic;
mod geometry;
mod lanes;
mod look;
mod message;
mod rare;
mod receive;
mod send;
mod waiting;

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use super::message::MessageHeader;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::Segment;
use crate::sync::shelf::Shelf;
use crate::sync::{Event, Wait, slice};
use crate::sys::map::Mapping;
use geometry::Plan;
use lanes::{Lanes, Readers, Run, Slot, Writer};

pub use batch::QueueBatch;
pub use builder::QueueBuilder;
pub use dynamic::DynamicQueue;
pub(super) use dynamic::octets;
pub use geometry::{MAX_CAPACITY, MAX_SLOT_BYTES, Overflow};
pub use look::{QueueFigures, QueueLook, QueueTap};
pub use message::{QueueBatchItem, QueueLoan, QueueMessage};

/// After so many fruitless looks, a caller that never waits looks at the clock, and if it is time,
/// for the dead as well.
const LOOKS_BETWEEN_CLOCKS: u32 = 64;

/// What a queue has counted since it was made, over all participants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCounters {
    /// Messages that made room for newer ones ([`Overflow::DropOldest`]).
    pub dropped: u64,
    /// Messages that were being read by a process that died, in a queue made with
    /// [`at_most_once`](QueueBuilder::at_most_once).
    pub lost: u64,
    /// Messages that were given back because whoever was reading them died. One is missing if the
    /// process that gave it back died between the two steps.
    pub redelivered: u64,
}

/// A bounded queue of `T` from many processes to many, each message to one of them.
///
/// Messages of one producer are taken in its order. Those of different producers are in no order,
/// even if one was sent after another: producers do not meet. A message taken by a process that
/// dies before it has dropped it is delivered again, and says so. The queue lives for as long as
/// somebody is attached to it. Threads may share one attached queue; they are one producer then.
///
/// ```
/// use barewire_runtime::ipc::MessageQueue;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-{}", std::process::id());
/// let queue = MessageQueue::<u32>::builder(&name).capacity(64).create()?;
/// queue.enqueue(&7)?;
///
/// let other = MessageQueue::<u32>::open(&name)?;       // in another process, as a rule
/// let message = other.dequeue()?;
/// assert_eq!(*message, 7);                             // read in place
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MessageQueue<T: FixedLayout> {
    segment: Segment,
    plan: Plan,
    wait: Wait,
    writer: Shelf<Writer>,
    readers: Shelf<Readers>,
    sequence: AtomicU64,
    looks: AtomicU32,
    /// When it was attached, and when a caller that never waits has looked for the dead last, in
    /// nanoseconds since then.
    since: Instant,
    recovered_ns: AtomicU64,
    _message: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> MessageQueue<T> {
    /// Begins to describe a queue to create or open.
    pub fn builder(name: impl Into<String>) -> QueueBuilder<T> {
        QueueBuilder::new(name.into())
    }

    /// Makes a queue for 1024 messages in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`QueueBuilder::create`].
    ///
    /// ```
    /// use barewire_runtime::ipc::MessageQueue;
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-create-{}", std::process::id());
    /// let queue = MessageQueue::<u32>::create(&name)?;
    /// assert!(MessageQueue::<u32>::exists(&name)?);
    /// # Ok(()) }
    /// ```
    pub fn create(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).create()
    }

    /// Opens a queue in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`QueueBuilder::open`].
    pub fn open(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).open()
    }

    /// Whether a queue of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(name: impl Into<String>) -> Result<bool> {
        Self::builder(name).exists()
    }

    fn attached(segment: Segment, wait: Wait) -> Result<Self> {
        let fixed = geometry::fixed_payload::<T>();
        let legal = Plan::read(&segment, fixed.is_none()).filter(|plan| match fixed {
            Some(bytes) => plan.payload == bytes.max(1) && plan.align >= align_of::<T::Layout>(),
            None => plan.payload <= MAX_SLOT_BYTES,
        });
        let Some(plan) = legal else {
            let detail = "has a header whose sizes do not fit together";
            return Err(Error::new(ErrorKind::Malformed, segment.name(), detail));
        };
        Ok(Self::planned(segment, plan, wait))
    }

    /// A queue whose plan was checked.
    fn planned(segment: Segment, plan: Plan, wait: Wait) -> Self {
        Self {
            segment,
            plan,
            wait,
            writer: Shelf::new(Writer::new()),
            readers: Shelf::new(Readers::new(&plan.shape)),
            sequence: AtomicU64::new(0),
            looks: AtomicU32::new(0),
            since: Instant::now(),
            recovered_ns: AtomicU64::new(0),
            _message: PhantomData,
        }
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }

    /// How many messages wait at least before the queue is full.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.plan.shape.capacity as usize
    }

    /// How many messages wait, at about the time of the call; those delivered again not counted.
    ///
    /// May exceed the [capacity](Self::capacity) by up to seven for every producer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes().len() as usize
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the queue has counted so far.
    #[must_use]
    pub fn counters(&self) -> QueueCounters {
        let count = |at: usize| self.counter(at).load(Ordering::Relaxed);
        QueueCounters {
            dropped: count(lanes::DROPPED),
            lost: count(lanes::LOST),
            redelivered: count(lanes::REDELIVERED),
        }
    }

    /// Detaches from the queue; the last one out removes it. Dropping it does the same.
    pub fn close(self) {}

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    #[inline(always)]
    fn lanes(&self) -> Lanes<'_, Mapping> {
        Lanes { words: self.segment.map(), shape: &self.plan.shape, me: self.segment.index() }
    }

    fn counter(&self, at: usize) -> &AtomicU64 {
        self.segment.map().u64(self.plan.shape.base + at)
    }

    fn event(&self, at: usize) -> Event<'_> {
        self.segment.event(self.plan.shape.base + at)
    }
    /// Notified when messages have become visible.
    fn items(&self) -> Event<'_> {
        self.event(lanes::ITEMS_EVENT)
    }
    /// Notified when messages were acknowledged.
    fn space(&self) -> Event<'_> {
        self.event(lanes::SPACE_EVENT)
    }

    fn recover(&self) {
        if self.segment.recover(&geometry::sweep) {
            self.items().notify_all();
            self.space().notify_all();
        }
    }

    /// Whether a caller that never waits has looked in vain so often that it looks for the dead.
    #[inline]
    fn is_time_to_recover(&self) -> bool {
        // Threads may count over each other: it need not be exact.
        let looks = self.looks.load(Ordering::Relaxed).wrapping_add(1);
        self.looks.store(looks, Ordering::Relaxed);
        looks.is_multiple_of(LOOKS_BETWEEN_CLOCKS) && self.is_a_slice_later()
    }

    #[cold]
    fn is_a_slice_later(&self) -> bool {
        let now = self.since.elapsed().as_nanos() as u64;
        let since = now.saturating_sub(self.recovered_ns.load(Ordering::Relaxed));
        let due = u128::from(since) >= slice().as_nanos();
        if due {
            self.recovered_ns.store(now, Ordering::Relaxed);
        }
        due
    }

    fn timed_out(&self, detail: &'static str) -> Error {
        Error::new(ErrorKind::TimedOut, self.name(), detail)
    }

    /// Bytes of a message that this participant writes or has taken.
    #[inline(always)]
    fn held_bytes(&self, slot: Slot, len: usize) -> &[u8] {
        let len = len.min(self.plan.payload);
        let address = self.segment.map().bytes(self.plan.payload_at(slot), len);
        // SAFETY: in bounds, as `bytes` checks; and nobody writes there, since the protocol opens
        // a block anew only when nothing in it is held or being read (cooperative peers).
        unsafe { std::slice::from_raw_parts(address, len) }
    }

    /// Bytes of a slot that this participant is filling; the caller is the only one who does.
    #[expect(clippy::mut_from_ref, reason = "holding the block is what is exclusive")]
    #[inline(always)]
    fn held_bytes_mut(&self, slot: Slot) -> &mut [u8] {
        let len = self.plan.payload;
        let address = self.segment.map().bytes(self.plan.payload_at(slot), len);
        // SAFETY: in bounds, as `bytes` checks; the slot is not visible yet, and its block is held
        // by the one call or loan that has taken the writer from its shelf.
        unsafe { std::slice::from_raw_parts_mut(address, len) }
    }

    fn header(&self, slot: Slot, redelivered: bool) -> MessageHeader {
        header(&self.lanes(), &self.plan, slot, redelivered)
    }

    fn kind_at(&self, slot: Slot) -> usize {
        kind_at(&self.lanes(), slot)
    }

    /// How many bytes a message that this participant has taken has.
    #[inline(always)]
    fn length(&self, slot: Slot) -> usize {
        if !self.plan.encoded {
            return size_of::<T::Layout>();
        }
        let word = self.segment.map().u64(self.plan.length_at(slot));
        usize::try_from(word.load(Ordering::Relaxed)).unwrap_or(usize::MAX).min(self.plan.payload)
    }

    #[inline(always)]
    fn acknowledge(&self, run: &Run) {
        self.lanes().acknowledge(run);
        self.space().notify();
    }
}

/// What is written beside the message of a slot.
fn header(lanes: &Lanes<'_, Mapping>, plan: &Plan, slot: Slot, redelivered: bool) -> MessageHeader {
    let map = lanes.words;
    let line = lanes.line(slot.block());
    let word = |at: usize| map.u64(line + at).load(Ordering::Relaxed);
    let timestamp_ns =
        if plan.timestamps { map.u64(Plan::timestamp_at(slot)).load(Ordering::Relaxed) } else { 0 };
    let incarnation =
        u128::from(word(lanes::INCARNATION)) | u128::from(word(lanes::INCARNATION + 8)) << 64;
    MessageHeader {
        sequence: word(lanes::SEQUENCE).wrapping_add(u64::from(slot.index())),
        incarnation,
        timestamp_ns,
        kind: map.u32(kind_at(lanes, slot)).load(Ordering::Relaxed),
        redelivered,
    }
}

fn kind_at(lanes: &Lanes<'_, Mapping>, slot: Slot) -> usize {
    lanes.line(slot.block()) + lanes::KINDS + (slot.index() & 7) as usize * 4
}

impl<T: FixedLayout> Drop for MessageQueue<T> {
    fn drop(&mut self) {
        self.segment.leave(&geometry::sweep);
        self.items().notify_all();
        self.space().notify_all();
    }
}
