//! The queue's protocol, in words only: a lane of blocks for every producer.
//!
//! A block has room for up to eight messages. A producer fills blocks that are its own and links
//! them one behind the other: its **lane**. Consumers read lanes from the front. So a producer's
//! messages are taken in its order, producers never meet, and one that stands still delays nobody.
//! Bits are drawn in `word.rs`, offsets below.
//!
//! ```text
//!  lane 3   front ──► block 7 ── next ──► block 2 ── next ──► block 9   (its producer is here)
//!                     8 of 8 visible      8 of 8              3 of 8
//!
//!  slot     invisible ── publish ──► visible      its mark is the stamp of its block
//!
//!  block    FREE ── acquire ──► ACQUIRED(lane) ── link ──► LINKED(lane)
//!            ▲                                                  │ passed, and all DONE
//!            └──────────────────────────────────────────────────┘
//!
//!  run of messages    untaken ──► READING(me) ──► DONE             RETURNED ──► READING(other)
//!                          take        acknowledge      ▲ its reader died ┘
//! ```
//!
//! | step | the one write | made by |
//! |---|---|---|
//! | acquire a block | its owner word, by exchange: ACQUIRED, lane | a producer that needs room |
//! | link it | the `next` of the last block, or the lane's front | the lane's producer |
//! | publish | the mark behind the message, by a plain store | the lane's producer |
//! | take | the claim word of the first message, by exchange: owner, how many | a consumer |
//! | acknowledge | the same word, by a plain store: DONE | the consumer that took them |
//! | seal a block | its `next`, by exchange | a consumer that found it taken and last |
//! | pass a block | the lane's front, by exchange | a consumer that found it full and taken |
//! | return | the claim word, by exchange: RETURNED | a sweep, if the consumer is dead |
//! | end a lane | its last block's `next`, by exchange: ended | a sweep, if the producer is dead |
//!
//! A block is sealed only if there are fewer blocks than participants, or if its lane has ended.
//! Where it cannot be, its producer links the next one by a plain store, otherwise by exchange.
//!
//! A process that is killed between two steps leaves words that say who held what:
//!
//! | killed after | left behind | what the others do |
//! |---|---|---|
//! | acquire | ACQUIRED(dead) | sweep: FREE |
//! | preparing the block | LINKED(dead), in no lane | sweep: FREE |
//! | link, or writing messages | a linked block without them | sweep: the lane has ended |
//! | publish | whole messages | take them |
//! | take | READING(dead) | sweep: RETURNED, delivered again |
//! | acknowledge | nothing | |
//! | seal | a block that nothing will follow | pass it; its producer goes on at the front |
//! | pass | nothing | |
//! | any part of a sweep | words of a participant still dead | sweep again |
//!
//! A process that is **stopped** keeps its unpublished block, and the blocks in which it reads; all
//! others go on, since nobody waits for it to take a step. There are blocks to spare for that.
//!
//! A block is acquired anew only when it was passed and all that was visible in it is DONE. Then no
//! consumer can take from it any more: its slots are taken, and stamps only rise, so that an
//! exchange that expects an older word fails.

mod look;
#[cfg(test)]
mod model;
mod read;
mod sweep;
mod word;
mod write;

use std::sync::atomic::Ordering::Acquire;

use crate::segment::MAX_PARTICIPANTS;
use crate::sync::words::{Atomic, Words};
pub(super) use look::Known;
pub(super) use read::{Glance, Readers, Run};
use word::{Claim, Front, Next, Owner};
pub(super) use word::{MAX_BLOCKS, MAX_SLOTS};
pub(super) use write::{Acquired, Writer};

/// From the start of the body. Two words with a bit for every lane that is in use, and one that is
/// odd while messages of dead readers wait.
const ACTIVE: usize = 0;
const RETURNED: usize = ACTIVE + 16;
pub(super) const ITEMS_EVENT: usize = 128;
pub(super) const SPACE_EVENT: usize = 256;
pub(super) const DROPPED: usize = 384;
pub(super) const LOST: usize = 392;
pub(super) const REDELIVERED: usize = 400;
/// A lane's words: the front, and on a line of its own how many blocks were linked.
const LANES: usize = 512;
const LANE_BYTES: usize = 128;
const LINKED: usize = 64;
const BLOCKS: usize = LANES + MAX_PARTICIPANTS * LANE_BYTES;

/// A block's words: a line that is written when the block is linked and when another one follows,
/// one that consumers claim by, and one that is written when the block is acquired.
///
/// ```text
///   0   8  next block + 1
///   8  32  kinds: one u32 each
///  64  64  claims: one u64 each
/// 128   8  owner
/// 136   8  order in the lane
/// 144  16  incarnation of the producer
/// 160   8  sequence number of the first message
/// ```
const BLOCK_WORDS: usize = 192;
pub(super) const KINDS: usize = 8;
const CLAIMS: usize = 64;
const OWNER: usize = 128;
const ORDER: usize = 136;
pub(super) const INCARNATION: usize = 144;
pub(super) const SEQUENCE: usize = 160;
const _: () = assert!(KINDS + 4 * MAX_SLOTS as usize <= CLAIMS);
const _: () = assert!(CLAIMS + 8 * MAX_SLOTS as usize <= OWNER && SEQUENCE + 8 <= BLOCK_WORDS);

/// The bytes behind a message that say whether it is visible.
pub(super) const MARK_BYTES: usize = 8;

/// How much of a block is brought near before it is needed.
const PREFETCHED_BYTES: usize = 1024;

/// Where the words are; a private copy, never read from the segment again.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    /// The start of the body.
    pub(super) base: usize,
    /// How many blocks there are, a power of two.
    pub(super) blocks: u64,
    /// How many messages a block has room for, a power of two.
    pub(super) slots: u32,
    /// How many messages may wait before the queue is full.
    pub(super) capacity: u64,
    /// How many blocks so many messages take.
    pub(super) window: u64,
    /// Where the slots begin, from the start of the mapping.
    pub(super) data: usize,
    /// From one slot to the next, and from one block's slots to those of the next.
    pub(super) stride: usize,
    pub(super) block_bytes: usize,
    /// Whether there are not enough blocks for every participant to keep one that was read.
    pub(super) scarce: bool,
}

impl Shape {
    /// A slot, whatever block and index the segment names: never out of bounds.
    #[inline]
    pub(super) fn slot(&self, block: u64, index: u32) -> Slot {
        let block = block & (self.blocks - 1);
        let index = index & (self.slots - 1);
        let at = self.data + block as usize * self.block_bytes + index as usize * self.stride;
        Slot { number: block << 8 | u64::from(index), at }
    }

    /// Where the mark of a slot stands: its last word.
    #[inline]
    fn mark_at(&self, slot: Slot) -> usize {
        slot.at + self.stride - MARK_BYTES
    }

    /// The bytes that the words of so many blocks take, from the start of the body.
    pub(super) fn word_bytes(blocks: u64) -> u64 {
        BLOCKS as u64 + blocks * BLOCK_WORDS as u64
    }
}

/// One slot: which one it is, and where it begins in the mapping.
///
/// Two whole words: parts of words would be written one by one and read together, which stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// The block, and 8 bits for the place in it.
    number: u64,
    pub(super) at: usize,
}

impl Slot {
    #[inline]
    pub(super) fn block(self) -> u64 {
        self.number >> 8
    }
    #[inline]
    pub(super) fn index(self) -> u32 {
        self.number as u32 & 0xff
    }
    /// The slot so many places behind this one in its block.
    #[inline]
    pub(super) fn plus(self, places: u32, shape: &Shape) -> Self {
        let at = self.at + places as usize * shape.stride;
        Self { number: self.number + u64::from(places), at }
    }
}

/// The words of one queue, as one participant works on them.
pub(super) struct Lanes<'a, W> {
    pub(super) words: &'a W,
    pub(super) shape: &'a Shape,
    pub(super) me: u8,
}

impl<'a, W: Words> Lanes<'a, W> {
    #[inline]
    fn word(&self, at: usize) -> &'a W::U64 {
        self.words.u64(self.shape.base + at)
    }
    fn active(&self, lane: u8) -> (&'a W::U64, u64) {
        (self.word(ACTIVE + usize::from(lane >> 6) * 8), 1 << (lane & 63))
    }
    /// A bit for every lane in use.
    #[inline]
    fn all_active(&self) -> u128 {
        let half = |at: usize| u128::from(self.word(ACTIVE + at).load(Acquire));
        half(0) | half(8) << 64
    }
    #[inline]
    fn front(&self, lane: u8) -> &'a W::U64 {
        self.word(LANES + usize::from(lane) * LANE_BYTES)
    }
    fn linked(&self, lane: u8) -> &'a W::U64 {
        self.word(LANES + usize::from(lane) * LANE_BYTES + LINKED)
    }
    /// The first byte of a block's words, from the start of the mapping.
    #[inline]
    pub(super) fn line(&self, block: u64) -> usize {
        self.shape.base + BLOCKS + (block & (self.shape.blocks - 1)) as usize * BLOCK_WORDS
    }
    #[inline]
    fn next(&self, block: u64) -> &'a W::U64 {
        self.words.u64(self.line(block))
    }
    #[inline]
    fn next_of(&self, block: u64) -> Next {
        Next(self.next(block).load(Acquire))
    }
    #[inline]
    fn mark(&self, slot: Slot) -> &'a W::U64 {
        self.words.u64(self.shape.mark_at(slot))
    }
    /// Whether a message is visible in a slot, in the life `stamp` of its block.
    #[inline]
    fn is_visible(&self, slot: Slot, stamp: u64) -> bool {
        self.mark(slot).load(Acquire) == stamp
    }
    #[inline]
    fn claim(&self, block: u64, index: u32) -> &'a W::U64 {
        self.words.u64(self.line(block) + CLAIMS + (index & 7) as usize * 8)
    }
    fn owner(&self, block: u64) -> &'a W::U64 {
        self.words.u64(self.line(block) + OWNER)
    }
    fn order(&self, block: u64) -> &'a W::U64 {
        self.words.u64(self.line(block) + ORDER)
    }

    /// How many steps a walk over all blocks may take, whatever others write.
    fn most_steps(&self) -> u64 {
        self.shape.blocks + MAX_PARTICIPANTS as u64
    }

    /// Calls `visit` with every block of a lane, from the front, its order and its stamp in this
    /// life; `false` from it ends the walk, and so do too many steps.
    ///
    /// Blocks that consumers pass meanwhile may be left out; one of another lane is never visited.
    fn walk(&self, lane: u8, steps: &mut u64, mut visit: impl FnMut(u64, u64, u64) -> bool) {
        let mut front = Front(self.front(lane).load(Acquire));
        let (mut at, mut order) = (front.block(), front.passed());
        while *steps > 0 {
            *steps -= 1;
            let Some(block) = at else { return };
            let next = self.next_of(block);
            let now = Front(self.front(lane).load(Acquire));
            if now.has_passed(order) {
                // The block was passed, so what was read of it may be of a later life.
                front = now;
                (at, order) = (front.block(), front.passed());
                continue;
            }
            if !visit(block, order, next.stamp()) {
                return;
            }
            (at, order) = (next.block(), order + 1);
        }
    }
}

/// Whether all visible messages of a block were taken, and all are done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    Yes,
    Done,
}

impl<W: Words> Lanes<'_, W> {
    /// Whether a block has given all that it had room for, and all of that is done.
    ///
    /// Most often one consumer has taken its messages one by one, or all at once: to see that takes
    /// no step that waits for another one.
    #[inline]
    fn is_done(&self, block: u64, stamp: u64) -> bool {
        let claims = self.line(block) + CLAIMS;
        let claim = |index: u32| Claim(self.words.u64(claims + index as usize * 8).load(Acquire));
        let all = self.shape.slots;
        claim(0).is_done(stamp, all)
            || (0..all).fold(true, |done, index| done & claim(index).is_done(stamp, 1))
            || self.taken(block, stamp).0 == Taken::Done
    }

    /// What has become of the messages of a block in the life `stamp`, and how many were taken.
    fn taken(&self, block: u64, stamp: u64) -> (Taken, u32) {
        let claims = self.line(block) + CLAIMS;
        let (mut taken, mut done) = (0, true);
        for index in 0..self.shape.slots {
            if index < taken {
                continue;
            }
            let claim = Claim(self.words.u64(claims + index as usize * 8).load(Acquire));
            if claim.stamp() < stamp {
                if self.is_visible(self.shape.slot(block, index), stamp) {
                    return (Taken::No, index);
                }
                break;
            }
            done &= claim.is(word::State::Done);
            taken = index + claim.count();
        }
        (if done { Taken::Done } else { Taken::Yes }, taken)
    }

    /// How many messages of a block wait to be taken.
    fn waiting_in(&self, block: u64, stamp: u64) -> u32 {
        let (_, taken) = self.taken(block, stamp);
        let visible = |index: &u32| self.is_visible(self.shape.slot(block, *index), stamp);
        let last = self.shape.slots - 1;
        if taken <= last && visible(&last) {
            return self.shape.slots - taken;
        }
        (taken..last).take_while(visible).count() as u32
    }

    fn owner_of(&self, block: u64) -> Owner {
        Owner(self.owner(block).load(Acquire))
    }
}
