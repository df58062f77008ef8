//! Producing: acquire a block, link it, publish in it.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use super::word::{Count, Front, Next, Owner, Use};
use super::{CLAIMS, Lanes, OWNER, PREFETCHED_BYTES, Taken};
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
    messages: u32,
    /// Whether the last block may be written to.
    open: bool,
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
            messages: 0,
            open: false,
            begun: false,
            announced: false,
            search: 0,
            passed: 0,
        }
    }

    /// The block and the slot that the next message goes to, if the block is open.
    #[inline]
    pub(in super::super) fn place(&self) -> Option<(u64, u32)> {
        match self.last {
            Some(block) if self.open => Some((block, self.messages)),
            _ => None,
        }
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
                writer.search = (block + 1) & mask;
                self.prefetch_next(block);
                return Some(Acquired { block, stamp });
            }
        }
        None
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
        self.count(block).store(Count::new(stamp, messages).0, Release);
        self.owner(block).store(Owner::new(Use::Linked, self.me, stamp).0, Release);
        // Before, so that what is linked is seen at once.
        let (word, bit) = self.active(self.me);
        if !writer.announced {
            word.fetch_or(bit, AcqRel);
        }
        let linked = writer.last.is_some_and(|last| {
            let open = Next::open(writer.stamp);
            self.next(last).exchange(open.0, Next::to(writer.stamp, block).0, AcqRel)
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
        let last = Some(block);
        let open = messages < self.shape.slots;
        *writer = Writer { last, stamp, order, messages, open, announced: true, ..*writer };
    }

    /// Makes the next `more` slots visible, with all that was written to them.
    #[inline]
    pub(in super::super) fn publish(&self, writer: &mut Writer, more: u32) {
        let Some(block) = writer.last else { return };
        writer.messages += more;
        self.count(block).store(Count::new(writer.stamp, writer.messages).0, Release);
        writer.open = writer.messages < self.shape.slots;
    }

    /// Finds the end of the lane, which an earlier life of this place may have left behind.
    fn begin(&self, writer: &mut Writer) {
        self.walk(self.me, |block, order, stamp| {
            (writer.last, writer.order, writer.stamp) = (Some(block), order, stamp);
            true
        });
        let front = Front(self.front(self.me).load(Acquire));
        if writer.last.is_none() || front.has_passed(writer.order) {
            // Consumers have passed what the walk saw.
            (writer.last, writer.order) = (None, front.passed());
        }
        writer.begun = true;
        writer.open = false;
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
        let count = Count(self.count(block).load(Acquire));
        count.stamp() == seen.stamp()
            && self.taken(block, seen.stamp(), count.messages()).0 == Taken::Done
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
        let window = self.shape.capacity.div_ceil(u64::from(self.shape.slots));
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
        if let (true, Some(first)) = (blocks == window, mine.block()) {
            let count = Count(self.count(first).load(Acquire));
            if mine.left_of(writer.order + 1) == window
                && self.taken(first, count.stamp(), 1).0 != Taken::No
            {
                return false;
            }
        }
        self.len() >= self.shape.capacity
    }

    /// How many messages nobody has taken, at about the time of the call.
    pub(in super::super) fn len(&self) -> u64 {
        let mut waiting = 0;
        self.each_active(|lane| {
            self.walk(lane, |block, _, _| {
                let count = Count(self.count(block).load(Acquire));
                let (_, taken) = self.taken(block, count.stamp(), count.messages());
                waiting += u64::from(count.messages() - taken.min(count.messages()));
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

    /// Brings the lines of the block after `block` near, which others have used last.
    fn prefetch_next(&self, block: u64) {
        let line = self.line(block + 1);
        self.words.prefetch_write(line);
        self.words.prefetch_write(line + OWNER);
        self.words.prefetch_read(line + CLAIMS);
        let at = self.shape.slot_at(block + 1, 0);
        for line in (at..at + self.shape.block_bytes.min(PREFETCHED_BYTES)).step_by(64) {
            self.words.prefetch_write(line);
        }
    }
}
