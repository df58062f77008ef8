//! Producing: acquire a block, link it, publish in it.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::word::{Claim, Front, Next, Owner, Use};
use super::{CLAIMS, Lanes, OWNER, PREFETCHED_BYTES, Slot};
use crate::sync::words::{Atomic, Words};

/// A block that this participant has acquired and not linked yet.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Acquired {
    pub(in super::super) block: u64,
    stamp: u64,
}

/// Where a producer is in its lane: its own memory, shared with nobody.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Writer {
    /// The lane's last block, once there is one.
    last: Option<u64>,
    stamp: u64,
    order: u64,
    /// The slot for the next message, and how many are left in the last block.
    next: Slot,
    left: u32,
    /// The order of the first block of this life. From there on all but the last block are full,
    /// if blocks have more than one message.
    since: u64,
    /// Whether this life has found out what its lane holds, and told consumers of it.
    begun: bool,
    announced: bool,
    /// Where the search for a free block goes on.
    search: u64,
    /// How many blocks of this lane were passed, when last looked at.
    passed: u64,
}

impl Writer {
    pub(in super::super) fn new() -> Self {
        Self {
            last: None,
            stamp: 0,
            order: 0,
            next: Slot { number: 0, at: 0 },
            left: 0,
            since: 0,
            begun: false,
            announced: false,
            search: 0,
            passed: 0,
        }
    }

    /// The slot for the next message, if the last block has room.
    #[inline(always)]
    pub(in super::super) fn place(&self) -> Option<Slot> {
        (self.left > 0).then_some(self.next)
    }
    /// How many messages the last block has room for.
    #[inline]
    pub(in super::super) fn left(&self) -> u32 {
        self.left
    }
}

impl<W: Words> Lanes<'_, W> {
    /// Makes a free block this participant's; `None` if the queue is full.
    pub(in super::super) fn acquire(&self, writer: &mut Writer) -> Option<Acquired> {
        if !writer.begun {
            self.begin(writer);
        }
        if self.is_full(writer) {
            return None;
        }
        let mask = self.shape.blocks - 1;
        for step in 0..self.shape.blocks {
            let block = (writer.search + step) & mask;
            let seen = self.owner_of(block);
            if !self.is_free(block, seen, writer) {
                continue;
            }
            let stamp = seen.stamp() + 1;
            let acquired = Owner::new(Use::Acquired, self.me, stamp);
            if self.owner(block).exchange(seen.0, acquired.0, AcqRel) {
                writer.search = self.search_after(writer, block);
                return Some(Acquired { block, stamp });
            }
        }
        None
    }

    /// Where the next search begins when this one has found `block`.
    ///
    /// Large messages have blocks of their own. The block before the last one is most likely in
    /// the caches still, and free if the consumers are not behind.
    fn search_after(&self, writer: &Writer, block: u64) -> u64 {
        match writer.last {
            Some(last) if self.shape.slots == 1 => last,
            _ => (block + 1) & (self.shape.blocks - 1),
        }
    }

    /// Gives back a block that was acquired and not linked.
    pub(in super::super) fn abandon(&self, acquired: Acquired) {
        let free = Owner::new(Use::Free, self.me, acquired.stamp);
        self.owner(acquired.block).store(free.0, Release);
    }

    /// Puts a block at the end of the lane, with so many messages visible in it.
    pub(in super::super) fn link(&self, writer: &mut Writer, acquired: Acquired, messages: u32) {
        let Acquired { block, stamp } = acquired;
        let order = if writer.last.is_some() { writer.order + 1 } else { writer.order };
        self.next(block).store(Next::open(stamp).0, Release);
        self.order(block).store(order, Release);
        let first = self.shape.slot(block, 0);
        self.mark_visible(first, stamp, messages);
        self.owner(block).store(Owner::new(Use::Linked, self.me, stamp).0, Release);
        // Before, so that what is linked is seen at once.
        let (word, bit) = self.active(self.me);
        if !writer.announced {
            word.fetch_or(bit, AcqRel);
        }
        let linked = writer.last.is_some_and(|last| {
            let (seen, to) = (self.next_of(last), Next::to(writer.stamp, block));
            if seen == Next::open(writer.stamp) && !self.shape.scarce {
                // Nobody else changes it while this participant lives. To store is cheaper than an
                // exchange, which waits for all messages to arrive in the cache.
                self.next(last).store(to.0, Release);
                return true;
            }
            seen.is_last()
                && seen.stamp() == writer.stamp
                && self.next(last).exchange(seen.0, to.0, AcqRel)
        });
        if !linked {
            // There is no last block, or it was sealed: the lane goes on at its front.
            let front = self.front(self.me);
            let empty = Front::new(order, None);
            let seen = Front(front.load(Acquire));
            if seen != empty {
                front.exchange(seen.0, empty.0, AcqRel);
            }
            front.store(Front::new(order, Some(block)).0, Release);
        }
        self.linked(self.me).store(order + 1, Release);
        let (last, next) = (Some(block), first.plus(messages, self.shape));
        let left = self.shape.slots - messages;
        *writer = Writer { last, stamp, order, next, left, announced: true, ..*writer };
        if self.shape.slots > 1 {
            self.prefetch_for_writing(writer.search);
        }
    }

    /// Brings a block near that will most likely be the next one to be written.
    #[inline]
    fn prefetch_for_writing(&self, block: u64) {
        let line = self.line(block);
        self.words.prefetch_read(line + CLAIMS);
        self.words.prefetch_write(line + OWNER);
        self.words.prefetch_write(line);
        let at = self.shape.slot(block, 0).at;
        for line in (at..at + self.shape.block_bytes.min(PREFETCHED_BYTES)).step_by(64) {
            self.words.prefetch_write(line);
        }
    }

    /// Makes the next `more` slots visible, with all that was written to them.
    #[inline(always)]
    pub(in super::super) fn publish(&self, writer: &mut Writer, more: u32) {
        self.mark_visible(writer.next, writer.stamp, more);
        writer.next = writer.next.plus(more, self.shape);
        writer.left -= more;
    }

    #[inline(always)]
    fn mark_visible(&self, first: Slot, stamp: u64, messages: u32) {
        for index in 0..messages {
            self.mark(first.plus(index, self.shape)).store(stamp, Release);
        }
    }

    /// Finds the end of the lane, which an earlier life of this place may have left behind.
    fn begin(&self, writer: &mut Writer) {
        self.walk(self.me, &mut self.most_steps(), |block, order, stamp| {
            (writer.last, writer.order, writer.stamp) = (Some(block), order, stamp);
            true
        });
        let front = Front(self.front(self.me).load(Acquire));
        if writer.last.is_none() || front.has_passed(writer.order) {
            // Consumers have passed what the walk saw.
            (writer.last, writer.order) = (None, front.passed());
        }
        writer.since = writer.order + u64::from(writer.last.is_some());
        writer.begun = true;
        writer.left = 0;
        writer.search = u64::from(self.me) * 7;
    }

    /// Whether a block holds nothing that anybody needs.
    fn is_free(&self, block: u64, seen: Owner, writer: &mut Writer) -> bool {
        if seen.is(Use::Free) {
            return true;
        }
        if !seen.is(Use::Linked) {
            return false;
        }
        let order = self.order(block).load(Acquire);
        // What is known of this lane's front spares a look at the line that consumers write.
        let known = seen.lane() == self.me && Front::new(writer.passed, None).has_passed(order);
        if !known && !self.look_at_front(seen.lane(), writer).has_passed(order) {
            return false;
        }
        self.is_done(block, seen.stamp())
    }

    fn look_at_front(&self, lane: u8, writer: &mut Writer) -> Front {
        let front = Front(self.front(lane).load(Acquire));
        if lane == self.me {
            writer.passed = front.passed();
        }
        front
    }

    /// Whether as many messages wait as the queue was made for.
    fn is_full(&self, writer: &mut Writer) -> bool {
        let window = self.shape.window;
        let mut blocks = 0;
        self.each_active(|lane| {
            let linked = self.linked(lane).load(Acquire);
            let known = Front::new(writer.passed, None);
            let mine = lane == self.me && known.left_of(linked) < window;
            let front = if mine { known } else { self.look_at_front(lane, writer) };
            blocks = front.left_of(linked).saturating_add(blocks);
            blocks < 2 * window
        });
        if blocks < window {
            return false;
        }
        // Most often the lane is full of full blocks, and only the first one tells.
        let mine = self.look_at_front(self.me, writer);
        if let (true, Some(first)) = (blocks == window, mine.block())
            && mine.left_of(writer.order + 1) == window
        {
            let begun = Claim(self.claim(first, 0).load(Acquire)).stamp();
            if begun >= self.next_of(first).stamp() {
                return false;
            }
            // Of blocks with one message, some are linked before they have it. And what was read
            // of the first block is of its life in this lane only if the front still stands.
            if self.shape.slots > 1
                && mine.left_of(writer.since) == 0
                && self.look_at_front(self.me, writer) == mine
            {
                return true;
            }
        }
        self.len() >= self.shape.capacity
    }

    /// How many messages nobody has taken, at about the time of the call.
    pub(in super::super) fn len(&self) -> u64 {
        let (mut waiting, mut steps) = (0, self.most_steps());
        self.each_active(|lane| {
            self.walk(lane, &mut steps, |block, _, stamp| {
                waiting += u64::from(self.waiting_in(block, stamp));
                true
            });
            true
        });
        waiting
    }

    /// Calls `visit` for every lane in use; `false` from it ends the walk.
    fn each_active(&self, mut visit: impl FnMut(u8) -> bool) {
        let mut bits = self.all_active();
        while bits != 0 && visit(bits.trailing_zeros() as u8) {
            bits &= bits - 1;
        }
    }
}
