//! Where everything of a queue stands in its segment, and what the queue was made for.

use barewire_schema::{Type, is_alignment};

use super::lanes::{Lanes, MARK_BYTES, MAX_BLOCKS, MAX_SLOTS, Shape, Slot};
use crate::layout::FixedLayout;
use crate::segment::{Geometry, MAX_PARTICIPANTS, Segment};

/// The most messages that a queue can hold.
pub const MAX_CAPACITY: usize = 1 << 19;
/// The largest slot of a queue of an unbounded type, in bytes.
pub const MAX_SLOT_BYTES: usize = 1 << 30;

const CAPACITY: usize = 0;
const BLOCKS: usize = 1;
const SLOTS: usize = 2;
const PAYLOAD: usize = 3;
const FLAGS: usize = 4;
/// What messages are aligned to, if that is more than a word.
const ALIGN: usize = 5;

const WORD: usize = 8;

const TIMESTAMPS: u64 = 1;
const AT_MOST_ONCE: u64 = 2;
const OVERFLOW_SHIFT: u32 = 2;
const ISOLATED: u64 = 16;
const KNOWN_FLAGS: u64 = 31;

/// Blocks up to this size have spare ones for every participant that can attach.
const SMALL_BLOCK_BYTES: u64 = 4096;
/// Spare blocks otherwise.
const SPARE_LARGE_BLOCKS: u64 = 16;

/// What a producer does when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// `enqueue` waits for room; the forms with a deadline wait as long as they may.
    #[default]
    Block,
    /// `enqueue` says at once that the queue is full.
    Reject,
    /// The oldest messages make room, for the `try_…` forms as well: such a queue is never full.
    /// How many were dropped, the queue's counters tell.
    DropOldest,
}

/// What the creator of a queue has chosen, and where its parts are; never read from it again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// The bytes of one message.
    pub(super) payload: usize,
    /// What a message is aligned to: a word or more.
    pub(super) align: usize,
    /// The bytes before a message: its length if that varies, its time if it has one.
    pub(super) prefix: usize,
    pub(super) encoded: bool,
    pub(super) timestamps: bool,
    pub(super) at_most_once: bool,
    pub(super) overflow: Overflow,
    pub(super) isolated: bool,
    /// Whether a message is nothing but its layout, written and read in its slot of a block.
    pub(super) in_place: bool,
}

impl Plan {
    /// With the distances that the other choices need.
    pub(super) fn measured(mut self) -> Self {
        let before = WORD * (usize::from(self.encoded) + usize::from(self.timestamps));
        self.prefix = before.next_multiple_of(self.align);
        self.in_place = self.prefix == 0 && !self.isolated && self.shape.slots > 1;
        let shape = &mut self.shape;
        let end = (self.prefix + self.payload).next_multiple_of(WORD) + MARK_BYTES;
        shape.stride = end.next_multiple_of(self.align);
        shape.window = shape.capacity.div_ceil(u64::from(shape.slots));
        shape.scarce = shape.blocks <= MAX_PARTICIPANTS as u64;
        shape.block_bytes = (shape.stride * shape.slots as usize).next_multiple_of(64);
        self
    }
    /// The bytes of the body; `None` if they are more than can be counted.
    pub(super) fn body_bytes(&self) -> Option<u64> {
        let slots = self.shape.blocks.checked_mul(self.shape.block_bytes as u64)?;
        slots.checked_add(Shape::word_bytes(self.shape.blocks))
    }
    /// Where the message of a slot stands.
    #[inline]
    pub(super) fn payload_at(&self, slot: Slot) -> usize {
        slot.at + self.prefix
    }
    pub(super) fn length_at(&self, slot: Slot) -> usize {
        self.payload_at(slot) - 8
    }
    pub(super) fn timestamp_at(slot: Slot) -> usize {
        slot.at
    }

    /// The plan for so many messages of so many bytes.
    pub(super) fn new(ty: &Type, capacity: usize, payload: usize) -> Self {
        let bytes = payload.next_multiple_of(8) as u64;
        // Blocks of several messages make small messages cheap; few large ones would waste room.
        let mut slots = MAX_SLOTS;
        while slots > 1
            && (bytes * u64::from(slots) > SMALL_BLOCK_BYTES || capacity < 16 * slots as usize)
        {
            slots /= 2;
        }
        let block_bytes = bytes * u64::from(slots);
        let small = block_bytes <= SMALL_BLOCK_BYTES;
        let spare = if small { MAX_PARTICIPANTS as u64 } else { SPARE_LARGE_BLOCKS };
        let blocks = ((capacity as u64).div_ceil(u64::from(slots)) + spare).next_power_of_two();
        Self {
            shape: Shape { blocks, slots, capacity: capacity as u64, ..Shape::default() },
            payload,
            align: ty.layout().map_or(WORD, |layout| (layout.align as usize).max(WORD)),
            prefix: 0,
            encoded: ty.layout().is_none(),
            timestamps: false,
            at_most_once: false,
            overflow: Overflow::Block,
            isolated: false,
            in_place: false,
        }
    }

    pub(super) fn to_words(self) -> Geometry {
        let mut words = Geometry::default();
        words[CAPACITY] = self.shape.capacity;
        words[BLOCKS] = self.shape.blocks;
        words[SLOTS] = u64::from(self.shape.slots);
        words[PAYLOAD] = self.payload as u64;
        let flag = |flag: u64, set: bool| if set { flag } else { 0 };
        words[FLAGS] = flag(TIMESTAMPS, self.timestamps)
            | flag(AT_MOST_ONCE, self.at_most_once)
            | ((self.overflow as u64) << OVERFLOW_SHIFT)
            | flag(ISOLATED, self.isolated);
        words[ALIGN] = if self.align > WORD { self.align as u64 } else { 0 };
        words
    }

    /// The plan that a segment's header describes, if it fits together and into the body.
    pub(super) fn read(segment: &Segment, encoded: bool) -> Option<Self> {
        Self::of(segment.geometry(), segment.body(), encoded)
    }

    /// Likewise, of a header's geometry, and of where the body is and its bytes.
    pub(super) fn of(
        words: &Geometry,
        (base, bytes): (usize, usize),
        encoded: bool,
    ) -> Option<Self> {
        let [capacity, blocks, payload] = [CAPACITY, BLOCKS, PAYLOAD].map(|at| words[at]);
        let align = words[ALIGN];
        let slots = u32::try_from(words[SLOTS]).ok()?;
        let flags = words[FLAGS];
        let overflow = match flags >> OVERFLOW_SHIFT & 3 {
            0 => Overflow::Block,
            1 => Overflow::Reject,
            2 => Overflow::DropOldest,
            _ => return None,
        };
        let sane = (1..=MAX_CAPACITY as u64).contains(&capacity)
            && slots.is_power_of_two()
            && slots <= MAX_SLOTS
            && blocks.is_power_of_two()
            && blocks > capacity / u64::from(slots)
            && blocks <= MAX_BLOCKS
            && (1..=MAX_SEGMENT_PAYLOAD).contains(&payload)
            && (align == 0 || align > WORD as u64 && is_alignment(align))
            && flags & !KNOWN_FLAGS == 0;
        if !sane {
            return None;
        }
        let mut plan = Self {
            shape: Shape { base, blocks, slots, capacity, ..Shape::default() },
            payload: usize::try_from(payload).ok()?,
            align: WORD.max(align as usize),
            prefix: 0,
            encoded,
            timestamps: flags & TIMESTAMPS != 0,
            at_most_once: flags & AT_MOST_ONCE != 0,
            overflow,
            isolated: flags & ISOLATED != 0,
            in_place: false,
        }
        .measured();
        plan.shape.data = base.checked_add(usize::try_from(Shape::word_bytes(blocks)).ok()?)?;
        (plan.body_bytes()? <= bytes as u64).then_some(plan)
    }
}

/// The most bytes of one slot, bounded types included.
const MAX_SEGMENT_PAYLOAD: u64 = crate::segment::MAX_SEGMENT_BYTES;

/// The bytes of a message of `T` in a queue, if they do not depend on the queue.
pub(super) fn fixed_payload<T: FixedLayout>() -> Option<usize> {
    T::TYPE.layout().is_some().then_some(size_of::<T::Layout>())
}

/// Gives back what a dead participant of a queue held.
pub(super) fn sweep(segment: &Segment, dead: u8, still_dead: &dyn Fn() -> bool) {
    if let Some(plan) = Plan::read(segment, false) {
        let lanes = Lanes { words: segment.map(), shape: &plan.shape, me: segment.index() };
        lanes.sweep(dead, !plan.at_most_once, still_dead);
    }
}
