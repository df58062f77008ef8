//! Consuming: take messages from the fronts of the lanes, and acknowledge them.

use std::num::NonZeroU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::word::{Claim, Front, Next, State};
use super::{ACTIVE, CLAIMS, Lanes, PREFETCHED_BYTES, RETURNED, Shape, Slot};
use crate::segment::MAX_PARTICIPANTS;
use crate::sync::Pace;
use crate::sync::words::{Atomic, Words};

/// How often a call looks for messages in one lane that others take before it does.
const MOST_LOOKS: u32 = 16;

/// How far one lane was read, as this participant knows: a hint, shared with nobody.
#[derive(Debug, Clone, Copy)]
struct Reader {
    /// The front as last seen; 0 before the first look.
    front: Front,
    stamp: u64,
    /// The next slot that may be untaken, how many slots the block has from there on, and in how
    /// many of them a message is known to be visible.
    slot: Slot,
    left: u32,
    visible: u32,
    /// Where the mark and the claim word of the slot stand, and the block's link.
    mark_at: usize,
    claim_at: usize,
    next_at: usize,
}

impl Reader {
    #[inline(always)]
    fn advance(&mut self, messages: u32, shape: &Shape) {
        self.slot = self.slot.plus(messages, shape);
        self.mark_at += messages as usize * shape.stride;
        self.claim_at += messages as usize * 8;
        self.left = self.left.saturating_sub(messages);
        self.visible = self.visible.saturating_sub(messages);
    }
}

/// How far all lanes were read, and which one is being read.
#[derive(Debug)]
pub(in super::super) struct Readers {
    lanes: Box<[Reader; MAX_PARTICIPANTS]>,
    current: u8,
    /// What says which lanes are in use, if it is the current one alone; at first, if it is none.
    alone: [u64; 2],
    pub(in super::super) pace: Pace,
}

impl Readers {
    pub(in super::super) fn new(shape: &Shape) -> Self {
        let slot = Slot { number: 0, at: 0 };
        let (front, left, visible) = (Front(0), 0, 0);
        // Before there is a lane, that no lane is in use says that nothing follows.
        let (mark_at, claim_at, next_at) = (0, 0, shape.base + ACTIVE);
        let start = Reader { front, stamp: 0, slot, left, visible, mark_at, claim_at, next_at };
        let lanes = Box::new([start; MAX_PARTICIPANTS]);
        Self { lanes, current: 0, alone: [0, 0], pace: Pace::new() }
    }

    #[inline(always)]
    fn reader(&mut self, lane: u8) -> &mut Reader {
        &mut self.lanes[usize::from(lane) % MAX_PARTICIPANTS]
    }

    fn go_to(&mut self, lane: u8) {
        self.current = lane;
        self.alone =
            [0, 64].map(|from| 1_u64.checked_shl(u32::from(lane.wrapping_sub(from))).unwrap_or(0));
    }
}

/// A run of messages in one block that this participant has taken.
///
/// It is as large as what a call hands back in registers, absence included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Run {
    /// The slot of the first message.
    number: u64,
    claim: NonZeroU64,
}

impl Run {
    #[inline(always)]
    fn new(slot: Slot, claim: Claim) -> Option<Self> {
        // A claim always has a state, which is not 0.
        Some(Self { number: slot.number, claim: NonZeroU64::new(claim.0)? })
    }
    #[inline(always)]
    fn claim(&self) -> Claim {
        Claim(self.claim.get())
    }
    #[inline(always)]
    pub(in super::super) fn count(&self) -> u32 {
        self.claim().count()
    }
    pub(in super::super) fn redelivered(&self) -> bool {
        self.claim().redelivered()
    }
    #[inline(always)]
    pub(in super::super) fn slot(&self, shape: &Shape) -> Slot {
        shape.slot(self.number >> 8, self.number as u32 & 0xff)
    }
    /// The same run, seen from its message so many places behind the first one.
    #[inline(always)]
    pub(in super::super) fn plus(&self, places: u32) -> Self {
        Self { number: self.number + u64::from(places), ..*self }
    }
}

/// What a few words tell of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Glance {
    /// A message stands there, taken or not.
    Message,
    /// There is nothing to take.
    Nothing,
    Unknown,
}

impl<W: Words> Lanes<'_, W> {
    /// Looks where the next message of the lane that is being read will be.
    #[inline(always)]
    pub(in super::super) fn glance(&self, readers: &mut Readers) -> Glance {
        let [only_low, only_high] = readers.alone;
        let reader = readers.reader(readers.current);
        if reader.left > 0 {
            if self.mark_after(reader, 0).load(Acquire) == reader.stamp {
                return Glance::Message;
            }
        } else if self.shape.scarce {
            // A block that is full and read shall be sealed.
            return Glance::Unknown;
        }
        // If nothing is linked to the block, in the life that the reader knows, it is the lane's
        // last, and all before it was passed.
        let is_last = self.words.u64(reader.next_at).load(Acquire) == Next::open(reader.stamp).0;
        let [low, high, returned] = self.words.several(self.shape.base + ACTIVE);
        let is_alone = low.load(Acquire) == only_low && high.load(Acquire) == only_high;
        if is_last && is_alone && returned.load(Acquire) & 1 == 0 {
            Glance::Nothing
        } else {
            Glance::Unknown
        }
    }

    /// Takes the message that a glance has seen, if nobody else has.
    #[inline(always)]
    pub(in super::super) fn take_next(&self, readers: &mut Readers) -> Option<Run> {
        let reader = readers.reader(readers.current);
        let (slot, word) = (reader.slot, self.words.u64(reader.claim_at));
        let seen = Claim(word.load(Acquire));
        let claim = Claim::new(State::Reading, reader.stamp, self.me, 1);
        // As in `take_known`.
        if seen.stamp() >= reader.stamp || !word.exchange(seen.0, claim.0, AcqRel) {
            return None;
        }
        reader.advance(1, self.shape);
        Run::new(slot, claim)
    }

    /// Takes up to `most` messages; those that a dead reader had taken go first.
    #[inline(never)]
    pub(in super::super) fn take(&self, readers: &mut Readers, most: u32) -> Option<Run> {
        if self.has_returned()
            && let Some(run) = self.take_returned()
        {
            return Some(run);
        }
        // Stay in the lane of the last message up to the end of its block, then see the others.
        let current = readers.reader(readers.current);
        if most > 1
            && let Some(run) = self.take_known(current, most)
        {
            return Some(run);
        }
        self.visit_lanes(readers, |reader| self.take_known(reader, most))
    }

    /// Looks at the next message, which stays; `None` if there is none.
    pub(in super::super) fn peek<R>(
        &self,
        readers: &mut Readers,
        mut look: impl FnMut(Slot) -> R,
    ) -> Option<R> {
        self.visit_lanes(readers, |reader| {
            while self.sees(reader) {
                let word = self.claim(reader.slot.block(), reader.slot.index());
                let seen = Claim(word.load(Acquire));
                if seen.stamp() >= reader.stamp {
                    reader.advance(seen.count(), self.shape);
                    continue;
                }
                let found = look(reader.slot);
                // Untaken until now, so its block was not written anew while it was looked at.
                self.words.fence(Acquire);
                if word.load(Relaxed) == seen.0 {
                    return Some(found);
                }
            }
            None
        })
    }

    /// Whether [`take`](Self::take) would find a message.
    pub(in super::super) fn any(&self, readers: &mut Readers) -> bool {
        self.peek(readers, |_| ()).is_some() || (self.has_returned() && self.any_returned())
    }

    /// Calls `attempt` for the lanes that have messages, in turn, until it yields something.
    #[inline]
    fn visit_lanes<R>(
        &self,
        readers: &mut Readers,
        mut attempt: impl FnMut(&mut Reader) -> Option<R>,
    ) -> Option<R> {
        // From the lane after the current one to the last, then from the first to the current one.
        let mut steps = self.most_steps();
        let active = self.all_active();
        let start = (u32::from(readers.current) + 1) % MAX_PARTICIPANTS as u32;
        let mut bits = active.rotate_right(start);
        while bits != 0 {
            let lane = (bits.trailing_zeros() + start) as u8 % MAX_PARTICIPANTS as u8;
            bits &= bits - 1;
            let reader = readers.reader(lane);
            // Whoever loses this often has seen others take the messages: they make progress.
            for _ in 0..MOST_LOOKS {
                if !self.look(lane, reader, &mut steps) {
                    break;
                }
                if let Some(found) = attempt(reader) {
                    readers.go_to(lane);
                    return Some(found);
                }
            }
        }
        None
    }

    #[inline(always)]
    fn has_returned(&self) -> bool {
        self.word(RETURNED).load(Acquire) & 1 != 0
    }

    /// Whether a message stands in the reader's slot, taken or not.
    #[inline(always)]
    fn sees(&self, reader: &Reader) -> bool {
        reader.visible > 0
            || reader.left > 0 && self.mark_after(reader, 0).load(Acquire) == reader.stamp
    }

    /// The mark so many slots behind the reader's slot.
    #[inline(always)]
    fn mark_after(&self, reader: &Reader, places: u32) -> &W::U64 {
        self.words.u64(reader.mark_at + places as usize * self.shape.stride)
    }

    /// Takes the next messages of the reader's block.
    #[inline]
    fn take_known(&self, reader: &mut Reader, most: u32) -> Option<Run> {
        while self.sees(reader) {
            let slot = reader.slot;
            let word = self.claim(slot.block(), slot.index());
            let seen = Claim(word.load(Acquire));
            if seen.stamp() >= reader.stamp {
                reader.advance(seen.count(), self.shape);
                continue;
            }
            // The mark is in the last line of the message, which the exchange would keep waiting.
            self.words.prefetch_read(slot.at);
            let count = if most == 1 { 1 } else { self.count_visible(reader, most) };
            let claim = Claim::new(State::Reading, reader.stamp, self.me, count);
            // The slot is untaken, so its block cannot start a new life before this has succeeded
            // or failed.
            if word.exchange(seen.0, claim.0, AcqRel) {
                reader.advance(count, self.shape);
                return Run::new(slot, claim);
            }
        }
        None
    }

    /// How many messages are visible from the reader's slot on, where one is; at most `most`.
    #[inline]
    fn count_visible(&self, reader: &mut Reader, most: u32) -> u32 {
        let end = most.min(reader.left);
        reader.visible = reader.visible.max(1);
        while reader.visible < end
            && self.mark_after(reader, reader.visible).load(Acquire) == reader.stamp
        {
            reader.visible += 1;
        }
        reader.visible.min(end)
    }

    /// Learns where a lane is being read; false if nothing can be taken from it now.
    #[inline]
    fn look(&self, lane: u8, reader: &mut Reader, steps: &mut u64) -> bool {
        while *steps > 0 {
            *steps -= 1;
            let front = Front(self.front(lane).load(Acquire));
            let Some(block) = front.block() else { return false };
            let next = self.next_of(block);
            if front != reader.front {
                // What was read is of the block's life in this lane only if the front still stands.
                if self.front(lane).load(Acquire) != front.0 {
                    continue;
                }
                let (slot, left) = (self.shape.slot(block, 0), self.shape.slots);
                let (stamp, next_at) = (next.stamp(), self.line(block));
                let (mark_at, claim_at) = (self.shape.mark_at(slot), next_at + CLAIMS);
                let visible = 0;
                *reader = Reader { front, stamp, slot, left, visible, mark_at, claim_at, next_at };
                self.prefetch(block, next);
            }
            if self.sees(reader) {
                return true;
            }
            let full = reader.left == 0;
            if next == Next::open(reader.stamp) && !(full && self.shape.scarce) {
                return false;
            }
            // Its producer may have filled and left it between the two looks.
            if self.sees(reader) {
                return true;
            }
            self.pass(lane, front, reader.stamp);
        }
        false
    }

    /// Passes the block at the front of a lane, in which everything was taken that ever will be.
    #[cold]
    fn pass(&self, lane: u8, front: Front, stamp: u64) {
        let Some(block) = front.block() else { return };
        let mut next = self.next_of(block);
        if next.is_last() && next.stamp() == stamp {
            // Without this, a block would be kept until its producer needs another one.
            self.next(block).exchange(next.0, Next::sealed(stamp).0, AcqRel);
            next = self.next_of(block);
        }
        let passed = Front::new(front.passed() + 1, next.block());
        // Fails if the front has moved; then what was read of the block does not matter.
        self.front(lane).exchange(front.0, passed.0, AcqRel);
    }

    /// Brings near what will be taken next from a block, and all of the one behind it.
    fn prefetch(&self, block: u64, next: Next) {
        self.words.prefetch_write(self.line(block) + CLAIMS);
        let Some(next) = next.block() else { return };
        self.words.prefetch_write(self.line(next) + CLAIMS);
        self.words.prefetch_read(self.line(next));
        let at = self.shape.slot(next, 0).at;
        for line in (at..at + self.shape.block_bytes.min(PREFETCHED_BYTES)).step_by(64) {
            self.words.prefetch_read(line);
        }
    }

    /// Gives back messages that this participant has taken.
    #[inline]
    pub(in super::super) fn acknowledge(&self, run: &Run) {
        let done = Claim::new(State::Done, run.claim().stamp(), self.me, run.count());
        let slot = run.slot(self.shape);
        self.claim(slot.block(), slot.index()).store(done.0, Release);
    }

    #[cold]
    fn any_returned(&self) -> bool {
        let returned =
            |block, slot| Claim(self.claim(block, slot).load(Acquire)).is(State::Returned);
        (0..self.shape.blocks).any(|block| (0..self.shape.slots).any(|slot| returned(block, slot)))
    }

    #[cold]
    fn take_returned(&self) -> Option<Run> {
        let flag = self.word(RETURNED);
        let seen_flag = flag.load(Acquire);
        for block in 0..self.shape.blocks {
            for slot in 0..self.shape.slots {
                let word = self.claim(block, slot);
                let seen = Claim(word.load(Acquire));
                if !seen.is(State::Returned) {
                    continue;
                }
                let claim = Claim::new(State::Reading, seen.stamp(), self.me, 1).returned_as(seen);
                if word.exchange(seen.0, claim.0, AcqRel) {
                    return Run::new(self.shape.slot(block, slot), claim);
                }
            }
        }
        // Whoever returned a message meanwhile has changed the flag, and this step fails.
        flag.exchange(seen_flag, seen_flag & !1, AcqRel);
        None
    }
}
