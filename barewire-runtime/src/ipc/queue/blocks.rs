//! The queue's protocol: a ring of blocks, in words only.
//!
//! A block has room for up to eight messages **of one writer**. Blocks are opened in the order of
//! the ring, and messages are taken in the order of the ring, so each writer's messages are taken
//! in its order. Bits are drawn in `word.rs`, offsets below.
//!
//! ```text
//!            open                 publish              publish the last
//!  free ───────────────► held(me) ────────► held(me) ──────────────────► full
//!   ▲                       │ closed or passed over by others               │
//!   │                       └──► let go: what is visible stays              │
//!   │                                                                       │
//!   └───────────── every message of the block is DONE ◄─────────────────────┘
//!
//!  run of messages    untaken ──► READING(me) ──► DONE          RETURNED ──► READING(other)
//!                          take       acknowledge     ▲ its reader died ┘
//! ```
//!
//! | step | one write to | made by |
//! |---|---|---|
//! | open | the block's write word: turn, owner, held | a writer that needs room, at the tail |
//! | publish | the same: count | the writer that holds the block |
//! | close | the same: closed | a reader that goes on while the writer stands still |
//! | pass over | the same: turn, closed | a writer that finds the block in use a turn later |
//! | let go | the same: not held | the writer, or a sweep if it is dead |
//! | take | the claim word of the first message taken: owner, count | a reader |
//! | acknowledge | the same: DONE | the reader that took them |
//! | return | the same: RETURNED | a sweep, if the reader is dead |
//!
//! Everything is in the one word that the step writes, so a process that is killed between two
//! steps leaves words that say who held what:
//!
//! | killed after | left behind | what the others do |
//! |---|---|---|
//! | open, also while it fills slots | a held block without these messages | sweep: let go |
//! | publish | whole messages | take them |
//! | take | READING(dead) | sweep: RETURNED, delivered again |
//! | acknowledge | nothing | |
//! | moving on from a closed block | the old block held | sweep: let go |
//! | any part of a sweep | words of a participant still dead | sweep again |
//!
//! A process that is **stopped** delays nobody: readers close its block and go on; a turn later,
//! writers pass over a block that it still holds or reads. When it goes on, its publish fails, since
//! the word has changed, and it publishes the same messages in a block that it opens anew. The
//! memory is not used by anyone else until it lets go: a block is opened again only when it is not
//! held and all that was published in it is DONE.
//!
//! `head` and `tail` only ever move forward and are hints: the truth is in the blocks. No word of a
//! block ever stands twice at the same value in a way that matters: turns and stamps rise.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};

use super::word::{Claim, State, Write};
use crate::sync::words::{Atomic, Words};

/// Each on a cache line of its own, from the start of the body.
const TAIL: usize = 0;
const HEAD: usize = 128;
const RETURNED: usize = 256;
pub(super) const ITEMS_EVENT: usize = 384;
pub(super) const SPACE_EVENT: usize = 512;
pub(super) const DROPPED: usize = 640;
pub(super) const LOST: usize = 648;
const BLOCKS: usize = 768;
/// How much of a block is brought near before it is needed.
const PREFETCHED_BYTES: usize = 1024;

/// A block's words: a line that its writer publishes by, one that its readers claim by, and one
/// that is written when the block is opened.
///
/// ```text
///   0   8  write word
///  64  64  claim words: one u64 each
/// 128  16  incarnation of the writer
/// 144   8  sequence number of the first message
/// 152  32  kinds: one u32 each
/// ```
pub(super) const BLOCK_WORDS: usize = 192;
const CLAIMS: usize = 64;
pub(super) const INCARNATION: usize = 128;
pub(super) const SEQUENCE: usize = 144;
pub(super) const KINDS: usize = 152;
const _: () = assert!(KINDS + 4 * super::word::MAX_SLOTS as usize <= BLOCK_WORDS);

/// Where the words are; a private copy, never read from the segment again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    /// The start of the body.
    pub(super) base: usize,
    /// How many blocks there are, a power of two.
    pub(super) blocks: u64,
    /// How many messages a block has room for.
    pub(super) slots: u32,
    /// How many messages may wait before the queue is full.
    pub(super) capacity: u64,
    /// Where the slots begin, from the start of the mapping.
    pub(super) data: usize,
    /// From one slot to the next, and from one block's slots to those of the next.
    pub(super) stride: usize,
    pub(super) block_bytes: usize,
}

impl Shape {
    /// Where a slot begins, whatever block and slot the segment names: never out of bounds.
    #[inline]
    pub(super) fn slot_at(&self, block: u64, slot: u32) -> usize {
        let block = (block & (self.blocks - 1)) as usize;
        let slot = (slot & (self.slots - 1)) as usize;
        self.data + block * self.block_bytes + slot * self.stride
    }

    /// The bytes that the words of so many blocks take, from the start of the body.
    pub(super) fn word_bytes(blocks: u64) -> u64 {
        BLOCKS as u64 + blocks * BLOCK_WORDS as u64
    }
}

/// The block that a participant writes in, if any: its own memory, shared with nobody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    /// Where in the ring it is, 0 if there is none.
    pub(super) position: u64,
    word: Write,
}

impl Writer {
    pub(super) const NONE: Self = Self { position: 0, word: Write(0) };

    /// The slot that the next message goes to.
    pub(super) fn slot(&self) -> u32 {
        self.word.count()
    }
}

/// How far a participant has read: a hint of its own, shared with nobody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    position: u64,
    /// The next slot that may be untaken, and how many are known to be visible.
    slot: u32,
    count: u32,
}

impl Reader {
    pub(super) const START: Self = Self { position: 0, slot: 0, count: 0 };

    fn go(&mut self, position: u64) {
        *self = Self { position, slot: 0, count: 0 };
    }
}

/// A run of messages in one block that this participant has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) block: u64,
    pub(super) slot: u32,
    pub(super) count: u32,
    claim: Claim,
}

impl Run {
    pub(super) fn redelivered(&self) -> bool {
        self.claim.redelivered()
    }
}

/// What stands in a block that a writer would like to open.
enum Condition {
    Free,
    Untaken,
    InUse,
}

/// The words of one queue, as one participant works on them.
pub(super) struct Blocks<'a, W> {
    pub(super) words: &'a W,
    pub(super) shape: Shape,
    pub(super) me: u8,
}

impl<'a, W: Words> Blocks<'a, W> {
    #[inline]
    fn word(&self, at: usize) -> &'a W::U64 {
        self.words.u64(self.shape.base + at)
    }
    #[inline]
    fn tail(&self) -> &'a W::U64 {
        self.word(TAIL)
    }
    #[inline]
    fn head(&self) -> &'a W::U64 {
        self.word(HEAD)
    }
    #[inline]
    fn index(&self, position: u64) -> u64 {
        position & (self.shape.blocks - 1)
    }
    #[inline]
    fn turn(&self, position: u64) -> u64 {
        position >> self.shape.blocks.trailing_zeros()
    }
    /// The first byte of a block's words, from the start of the mapping.
    #[inline]
    pub(super) fn line(&self, block: u64) -> usize {
        self.shape.base + BLOCKS + (block & (self.shape.blocks - 1)) as usize * BLOCK_WORDS
    }
    #[inline]
    fn write(&self, position: u64) -> &'a W::U64 {
        self.words.u64(self.line(position))
    }
    #[inline]
    fn claim(&self, position: u64, slot: u32) -> &'a W::U64 {
        self.words.u64(self.line(position) + CLAIMS + (slot & 7) as usize * 8)
    }
    /// Brings the lines of the block after `position` near, which others have used last.
    fn prefetch_next(&self, position: u64) {
        let line = self.line(position + 1);
        self.words.prefetch_write(line);
        self.words.prefetch_write(line + INCARNATION);
        self.words.prefetch_read(line + CLAIMS);
        let at = self.shape.slot_at(position + 1, 0);
        for line in (at..at + self.shape.block_bytes.min(PREFETCHED_BYTES)).step_by(64) {
            self.words.prefetch_write(line);
        }
    }
    /// Brings messages near that will be read soon, and the words that are needed next.
    fn prefetch_messages(&self, reader: &Reader) {
        let at = self.shape.slot_at(reader.position, reader.slot);
        let bytes = (reader.count - reader.slot) as usize * self.shape.stride;
        for line in (at..at + bytes.min(PREFETCHED_BYTES)).step_by(64) {
            self.words.prefetch_read(line);
        }
        if reader.slot == 0 {
            let line = self.line(reader.position + 1);
            self.words.prefetch_write(line + CLAIMS);
        }
    }
    #[inline]
    fn forward(&self, cursor: &W::U64, position: u64) {
        cursor.exchange(position, position + 1, AcqRel);
    }

    /// Before the queue has a name: the ring begins with turn 1, so that zeroes are the past.
    pub(super) fn initialize(&self) {
        self.tail().store(self.shape.blocks, Relaxed);
        self.head().store(self.shape.blocks, Relaxed);
    }

    // ---- writing

    /// Opens the block at the tail; false if the queue is full.
    pub(super) fn open(&self, writer: &mut Writer) -> bool {
        let mut passed = 0;
        loop {
            let position = self.tail().load(Acquire);
            let turn = self.turn(position);
            let word = Write(self.write(position).load(Acquire));
            if word.ahead(turn) >= 0 {
                self.forward(self.tail(), position);
                continue;
            }
            if passed == self.shape.blocks || self.is_full(position) {
                return false;
            }
            match self.condition(position, word, word.content(turn)) {
                Condition::Free => {
                    let opened = Write::opened(turn, self.me);
                    if self.write(position).exchange(word.0, opened.0, AcqRel) {
                        self.forward(self.tail(), position);
                        *writer = Writer { position, word: opened };
                        self.prefetch_next(position);
                        return true;
                    }
                }
                Condition::Untaken => return false,
                Condition::InUse => {
                    if self.write(position).exchange(word.0, word.passed(turn).0, AcqRel) {
                        self.forward(self.tail(), position);
                        passed += 1;
                    }
                }
            }
        }
    }

    /// Whether as many messages wait as the queue was made for.
    fn is_full(&self, position: u64) -> bool {
        let head = self.head().load(Acquire);
        let window = self.shape.capacity.div_ceil(u64::from(self.shape.slots));
        let ahead = position.saturating_sub(head);
        if ahead < window {
            return false;
        }
        // Most often the ring is full of full blocks, and only the first one tells.
        let first = Claim(self.claim(head, 0).load(Acquire));
        if ahead == window && first.stamp() >= self.turn(head) {
            return false;
        }
        self.waiting(head, position) >= self.shape.capacity
    }

    /// How many messages nobody has taken, from one position to another.
    fn waiting(&self, from: u64, to: u64) -> u64 {
        let mut waiting = 0;
        for position in from..to.min(from + self.shape.blocks) {
            let turn = self.turn(position);
            let word = Write(self.write(position).load(Acquire));
            if word.ahead(turn) == 0 && word.content(turn) == turn {
                let taken = self.first_untaken(position, turn, word.count());
                waiting += u64::from(word.count() - taken.min(word.count()));
            }
        }
        waiting
    }

    /// The first of `count` slots that nobody has taken, or `count`.
    fn first_untaken(&self, position: u64, stamp: u64, count: u32) -> u32 {
        let mut slot = 0;
        while slot < count {
            let claim = Claim(self.claim(position, slot).load(Acquire));
            if claim.stamp() < stamp {
                break;
            }
            slot += claim.count();
        }
        slot
    }

    fn condition(&self, position: u64, word: Write, stamp: u64) -> Condition {
        let mut in_use = word.held();
        let mut slot = 0;
        while slot < word.count() {
            let claim = Claim(self.claim(position, slot).load(Acquire));
            if claim.stamp() < stamp {
                return Condition::Untaken;
            }
            in_use |= !claim.is(State::Done);
            slot += claim.count();
        }
        if in_use { Condition::InUse } else { Condition::Free }
    }

    /// Makes the next `more` slots visible; false if the block was closed.
    ///
    /// What was written to the block before is visible to whoever takes the messages. The step is
    /// sequentially consistent: an event that is notified after it needs no fence.
    #[inline]
    pub(super) fn publish(&self, writer: &mut Writer, more: u32) -> bool {
        let next = writer.word.with_more(more, self.shape.slots);
        if !self.write(writer.position).exchange(writer.word.0, next.0, SeqCst) {
            return false;
        }
        writer.word = next;
        if !next.held() {
            *writer = Writer::NONE;
        }
        true
    }

    /// Gives up a block that this participant holds; what is visible in it stays.
    pub(super) fn let_go(&self, position: u64) {
        self.write(position).fetch_and(Write(u64::MAX).released().0, SeqCst);
    }

    // ---- reading

    /// Takes up to `most` messages; those that a dead reader had taken go first.
    #[inline]
    pub(super) fn take(&self, reader: &mut Reader, most: u32) -> Option<Run> {
        if self.word(RETURNED).load(Acquire) & 1 != 0
            && let Some(run) = self.take_returned()
        {
            return Some(run);
        }
        loop {
            while reader.slot < reader.count {
                if let Some(run) = self.take_known(reader, most) {
                    return Some(run);
                }
            }
            if !self.look(reader) {
                return None;
            }
            self.prefetch_messages(reader);
        }
    }

    /// One try at the next known slot.
    #[inline]
    fn take_known(&self, reader: &mut Reader, most: u32) -> Option<Run> {
        let (position, slot) = (reader.position, reader.slot);
        let stamp = self.turn(position);
        let word = self.claim(position, slot);
        let seen = Claim(word.load(Acquire));
        if seen.stamp() >= stamp {
            reader.slot += seen.count();
            return None;
        }
        let count = most.min(reader.count - slot);
        let claim = Claim::new(State::Reading, stamp, self.me, count);
        // The slot is untaken, so its block cannot be opened anew before this succeeds or fails.
        if !word.exchange(seen.0, claim.0, AcqRel) {
            return None;
        }
        reader.slot += count;
        Some(Run { block: self.index(position), slot, count, claim })
    }

    /// Learns what is visible at the reader's place or after it; false if nothing more is.
    fn look(&self, reader: &mut Reader) -> bool {
        loop {
            let position = reader.position.max(self.head().load(Acquire));
            if position != reader.position {
                reader.go(position);
            }
            let turn = self.turn(position);
            let word = Write(self.write(position).load(Acquire));
            let ahead = word.ahead(turn);
            if ahead < 0 {
                return false;
            }
            // Opened for this position, and not passed over.
            let mine = ahead == 0 && word.content(turn) == turn;
            if mine && word.count() > reader.count {
                reader.count = word.count();
                return true;
            }
            let ended = !mine || word.closed() || !word.held();
            if !ended {
                let next = position + 1;
                if Write(self.write(next).load(Acquire)).ahead(self.turn(next)) < 0 {
                    return false;
                }
                // Its writer stands still while others go on: nothing more may appear here.
                self.write(position).exchange(word.0, word.shut().0, AcqRel);
                continue;
            }
            self.forward(self.head(), position);
            reader.go(position + 1);
        }
    }

    /// Looks at the next message, which stays; `None` if there is none.
    pub(super) fn peek<R>(
        &self,
        reader: &mut Reader,
        mut look: impl FnMut(u64, u32) -> R,
    ) -> Option<R> {
        loop {
            while reader.slot < reader.count {
                let (position, slot) = (reader.position, reader.slot);
                let word = self.claim(position, slot);
                let seen = Claim(word.load(Acquire));
                if seen.stamp() >= self.turn(position) {
                    reader.slot += seen.count();
                    continue;
                }
                let found = look(self.index(position), slot);
                // Untaken until now, so its block was not written anew while it was looked at.
                self.words.fence(Acquire);
                if word.load(Relaxed) == seen.0 {
                    return Some(found);
                }
            }
            if !self.look(reader) {
                return None;
            }
        }
    }

    /// Gives back messages that this participant has taken. Sequentially consistent, as `publish`.
    #[inline]
    pub(super) fn acknowledge(&self, run: &Run) {
        let done = Claim::new(State::Done, run.claim.stamp(), self.me, run.count);
        self.claim(run.block, run.slot).store(done.0, SeqCst);
    }

    /// How many messages nobody has taken, at about the time of the call.
    pub(super) fn len(&self) -> u64 {
        self.waiting(self.head().load(Acquire), self.tail().load(Acquire))
    }

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
                let claim = Claim::new(State::Reading, seen.stamp(), self.me, 1).marked();
                if word.exchange(seen.0, claim.0, AcqRel) {
                    return Some(Run { block, slot, count: 1, claim });
                }
            }
        }
        // Whoever returned a message meanwhile has changed the flag, and this step fails.
        flag.exchange(seen_flag, seen_flag & !1, AcqRel);
        None
    }

    // ---- the dead

    /// Gives back what `dead` held; what it was reading is returned, or counted as lost.
    ///
    /// Many may do it at once, and each may die at any step. `still_dead` is asked between reading
    /// a word and changing it: then the word belongs to the life that has ended.
    pub(super) fn sweep(&self, dead: u8, again: bool, still_dead: &dyn Fn() -> bool) {
        let mut returned = false;
        for block in 0..self.shape.blocks {
            let word = self.write(block);
            let seen = Write(word.load(Acquire));
            if seen.held() && seen.owner() == dead && still_dead() {
                word.exchange(seen.0, seen.released().shut().0, AcqRel);
            }
            for slot in 0..self.shape.slots {
                let seen = Claim(self.claim(block, slot).load(Acquire));
                returned |= seen.is(State::Returned);
                if seen.is(State::Reading) && seen.owner() == dead && still_dead() {
                    // Also if another sweeper was faster: it may die before it raises the flag.
                    returned |= again;
                    self.end_run(block, slot, seen, again);
                }
            }
        }
        if returned {
            let flag = self.word(RETURNED);
            let mut seen = flag.load(Relaxed);
            while !flag.exchange(seen, (seen | 1).wrapping_add(2), AcqRel) {
                seen = flag.load(Relaxed);
            }
        }
    }

    /// Ends the run that a dead reader has taken at a slot.
    fn end_run(&self, block: u64, slot: u32, seen: Claim, again: bool) {
        let word = self.claim(block, slot);
        let (stamp, owner) = (seen.stamp(), seen.owner());
        if !again {
            if word.exchange(seen.0, Claim::new(State::Done, stamp, owner, seen.count()).0, AcqRel)
            {
                self.word(LOST).fetch_add(u64::from(seen.count()), Relaxed);
            }
            return;
        }
        let back = Claim::new(State::Returned, stamp, owner, 1);
        let back = if seen.redelivered() { back.marked() } else { back };
        // The others of the run become runs of their own first: nobody looks at them before the
        // first one changes.
        for other in slot + 1..(slot + seen.count()).min(self.shape.slots) {
            let inner = self.claim(block, other);
            let before = inner.load(Acquire);
            if word.load(Acquire) != seen.0 {
                return;
            }
            if Claim(before).stamp() >= stamp {
                continue; // another sweeper has made it a run already
            }
            inner.exchange(before, back.0, AcqRel);
        }
        word.exchange(seen.0, back.0, AcqRel);
    }
}
