//! Consuming: take messages from the fronts of the lanes, and acknowledge them.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

use super::word::{Claim, Count, Front, Next, State};
use super::{CLAIMS, Lanes, PREFETCHED_BYTES, RETURNED};
use crate::segment::MAX_PARTICIPANTS;
use crate::sync::words::{Atomic, Words};

/// How often a call looks for messages in one lane that others take before it does.
const MOST_LOOKS: u32 = 16;
/// So many messages in a row that were there at the first look are a stream.
const STREAM: u32 = 8;

/// How far one lane was read, as this participant knows: a hint, shared with nobody.
#[derive(Debug, Clone, Copy)]
struct Reader {
    /// The front as last seen; 0 before the first look.
    front: Front,
    block: u64,
    stamp: u64,
    /// The next slot that may be untaken, and how many are known to be visible.
    slot: u32,
    messages: u32,
}

/// How far all lanes were read, and which one is next.
#[derive(Debug)]
pub(in super::super) struct Readers {
    lanes: Box<[Reader]>,
    current: u8,
    /// How many looks in a row have found nothing, and how many were not in vain.
    fruitless: u32,
    quick: u32,
}

impl Readers {
    pub(in super::super) fn new() -> Self {
        let start = Reader { front: Front(0), block: 0, stamp: 0, slot: 0, messages: 0 };
        Self { lanes: vec![start; MAX_PARTICIPANTS].into(), current: 0, fruitless: 0, quick: 0 }
    }
}

impl Readers {
    /// Whether this reader is about to look again at a lane that is being written to just now.
    ///
    /// Each such look takes the line away from the producer. A reader that waits a moment finds
    /// several messages at once, and both get on faster.
    #[inline]
    pub(in super::super) fn is_streaming(&self) -> bool {
        self.quick >= STREAM
            && self.fruitless == 0
            && self
                .lanes
                .get(usize::from(self.current))
                .is_some_and(|reader| reader.slot >= reader.messages)
    }

    fn found(&mut self, lane: u8) {
        self.current = lane;
        self.quick = if self.fruitless == 0 { (self.quick + 1).min(STREAM) } else { 0 };
        self.fruitless = 0;
    }
}

/// A run of messages in one block that this participant has taken.
///
/// Two whole words: parts of words would be written one by one and read together, which stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Run {
    /// The block, the first slot and the count, 8 bits for each of the latter.
    place: u64,
    claim: Claim,
}

impl Run {
    #[inline(always)]
    fn new(block: u64, slot: u32, count: u32, claim: Claim) -> Self {
        Self { place: block << 16 | u64::from(slot) << 8 | u64::from(count), claim }
    }
    #[inline(always)]
    pub(in super::super) fn block(&self) -> u64 {
        self.place >> 16
    }
    #[inline(always)]
    pub(in super::super) fn slot(&self) -> u32 {
        (self.place >> 8) as u32 & 0xff
    }
    #[inline(always)]
    pub(in super::super) fn count(&self) -> u32 {
        self.place as u32 & 0xff
    }
    /// The same run, seen from one of its messages.
    #[inline(always)]
    pub(in super::super) fn at(&self, slot: u32) -> Self {
        Self::new(self.block(), slot, self.count(), self.claim)
    }
    pub(in super::super) fn redelivered(&self) -> bool {
        self.claim.redelivered()
    }
}

impl<W: Words> Lanes<'_, W> {
    /// Takes up to `most` messages; those that a dead reader had taken go first.
    #[inline(always)]
    pub(in super::super) fn take(&self, readers: &mut Readers, most: u32) -> Option<Run> {
        if self.word(RETURNED).load(Acquire) & 1 != 0
            && let Some(run) = self.take_returned()
        {
            return Some(run);
        }
        self.visit_lanes(readers, |reader| self.take_known(reader, most))
    }

    /// Looks at the next message, which stays; `None` if there is none.
    pub(in super::super) fn peek<R>(
        &self,
        readers: &mut Readers,
        mut look: impl FnMut(u64, u32) -> R,
    ) -> Option<R> {
        self.visit_lanes(readers, |reader| {
            while reader.slot < reader.messages {
                let word = self.claim(reader.block, reader.slot);
                let seen = Claim(word.load(Acquire));
                if seen.stamp() >= reader.stamp {
                    reader.slot += seen.count();
                    continue;
                }
                let found = look(reader.block, reader.slot);
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
        self.peek(readers, |_, _| ()).is_some()
            || (self.word(RETURNED).load(Acquire) & 1 != 0 && self.any_returned())
    }

    /// Calls `attempt` for the lanes that have messages, in turn, until it yields something.
    #[inline(always)]
    fn visit_lanes<R>(
        &self,
        readers: &mut Readers,
        mut attempt: impl FnMut(&mut Reader) -> Option<R>,
    ) -> Option<R> {
        // Stay in the lane of the last message for what is known of it, then look at the others.
        if let Some(reader) = readers.lanes.get_mut(usize::from(readers.current))
            && reader.slot < reader.messages
            && let Some(found) = attempt(reader)
        {
            return Some(found);
        }
        self.visit_other_lanes(readers, attempt)
    }

    #[inline]
    fn visit_other_lanes<R>(
        &self,
        readers: &mut Readers,
        mut attempt: impl FnMut(&mut Reader) -> Option<R>,
    ) -> Option<R> {
        // From the lane after the current one to the last, then from the first to the current one.
        let active = self.all_active();
        let start = (u32::from(readers.current) + 1) % MAX_PARTICIPANTS as u32;
        let mut bits = active.rotate_right(start);
        while bits != 0 {
            let lane = (bits.trailing_zeros() + start) as u8 % MAX_PARTICIPANTS as u8;
            bits &= bits - 1;
            let Some(reader) = readers.lanes.get_mut(usize::from(lane)) else { break };
            // Whoever loses this often has seen others take the messages: they make progress.
            for _ in 0..MOST_LOOKS {
                if !self.look(lane, reader) {
                    break;
                }
                if let Some(found) = attempt(reader) {
                    readers.found(lane);
                    return Some(found);
                }
            }
        }
        readers.fruitless = readers.fruitless.saturating_add(1);
        None
    }

    /// One try at the next known slots.
    #[inline(always)]
    fn take_known(&self, reader: &mut Reader, most: u32) -> Option<Run> {
        while reader.slot < reader.messages {
            let (block, slot) = (reader.block, reader.slot);
            let word = self.claim(block, slot);
            let seen = Claim(word.load(Acquire));
            if seen.stamp() >= reader.stamp {
                reader.slot += seen.count();
                continue;
            }
            let count = most.min(reader.messages - slot);
            let claim = Claim::new(State::Reading, reader.stamp, self.me, count);
            // The slot is untaken, so its block cannot start a new life before this has succeeded
            // or failed.
            if word.exchange(seen.0, claim.0, AcqRel) {
                reader.slot += count;
                return Some(Run::new(block, slot, count, claim));
            }
        }
        None
    }

    /// Learns what is visible in a lane beyond what the reader knows; false if nothing is.
    #[inline]
    fn look(&self, lane: u8, reader: &mut Reader) -> bool {
        if reader.slot < reader.messages {
            return true;
        }
        // Bounded, whatever others write: an honest lane has no more blocks than this.
        for _ in 0..=self.shape.blocks {
            let front = Front(self.front(lane).load(Acquire));
            let Some(block) = front.block() else { return false };
            let count = Count(self.count(block).load(Acquire));
            if front != reader.front || count.stamp() != reader.stamp {
                // What was read is of the block's life in this lane only if the front still stands.
                if self.front(lane).load(Acquire) != front.0 {
                    continue;
                }
                let stamp = count.stamp();
                *reader = Reader { front, block, stamp, slot: 0, messages: 0 };
            }
            let messages = count.messages().min(self.shape.slots);
            if messages > reader.messages {
                reader.messages = messages;
                self.prefetch_messages(reader);
                return true;
            }
            if messages < self.shape.slots && !count.ended() {
                return false;
            }
            self.pass(lane, front, count);
        }
        false
    }

    /// Passes the block at the front of a lane, in which everything was taken that ever will be.
    #[cold]
    fn pass(&self, lane: u8, front: Front, count: Count) {
        let Some(block) = front.block() else { return };
        let open = Next::open(count.stamp());
        let mut next = Next(self.next(block).load(Acquire));
        if next == open {
            // Without this, a block would be kept until its producer needs another one.
            self.next(block).exchange(open.0, Next::sealed(count.stamp()).0, AcqRel);
            next = Next(self.next(block).load(Acquire));
        }
        let passed = Front::new(front.passed() + 1, next.block());
        // Fails if the front has moved; then what was read of the block does not matter.
        self.front(lane).exchange(front.0, passed.0, AcqRel);
    }

    /// Brings messages near that will be read soon, and all of the block after theirs.
    fn prefetch_messages(&self, reader: &Reader) {
        self.prefetch_slots(reader.block, reader.slot, reader.messages);
        if reader.slot == 0
            && let Some(next) = Next(self.next(reader.block).load(Relaxed)).block()
        {
            self.words.prefetch_read(self.line(next));
            self.words.prefetch_write(self.line(next) + CLAIMS);
            self.prefetch_slots(next, 0, self.shape.slots);
        }
    }

    fn prefetch_slots(&self, block: u64, from: u32, to: u32) {
        let at = self.shape.slot_at(block, from);
        let bytes = to.saturating_sub(from) as usize * self.shape.stride;
        for line in (at..at + bytes.min(PREFETCHED_BYTES)).step_by(64) {
            self.words.prefetch_read(line);
        }
    }

    /// Gives back messages that this participant has taken.
    #[inline]
    pub(in super::super) fn acknowledge(&self, run: &Run) {
        let done = Claim::new(State::Done, run.claim.stamp(), self.me, run.count());
        self.claim(run.block(), run.slot()).store(done.0, Release);
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
                    return Some(Run::new(block, slot, 1, claim));
                }
            }
        }
        // Whoever returned a message meanwhile has changed the flag, and this step fails.
        flag.exchange(seen_flag, seen_flag & !1, AcqRel);
        None
    }
}
