//! Giving back what a dead participant held.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use super::word::{Claim, Front, Next, Owner, State, Use};
use super::{LOST, Lanes, REDELIVERED, RETURNED};
use crate::sync::words::{Atomic, Words};

impl<W: Words> Lanes<'_, W> {
    /// Gives back what `dead` held; what it was reading is returned, or counted as lost.
    ///
    /// Many may do it at once, and each may die at any step. `still_dead` is asked between reading
    /// a word and changing it: then the word belongs to the life that has ended.
    pub(in super::super) fn sweep(&self, dead: u8, again: bool, still_dead: &dyn Fn() -> bool) {
        let mut returned = false;
        for block in 0..self.shape.blocks {
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
        self.end_lane(dead, still_dead);
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
        let back = back.returned_as(seen).returned_again();
        // The others of the run become runs of their own first: nobody walks over them before the
        // first one changes.
        for other in slot + 1..(slot + seen.count()).min(self.shape.slots) {
            let inner = self.claim(block, other);
            let before = inner.load(Acquire);
            if word.load(Acquire) != seen.0 {
                return;
            }
            if Claim(before).stamp() < stamp {
                inner.exchange(before, back.0, AcqRel);
            }
        }
        if word.exchange(seen.0, back.0, AcqRel) {
            self.word(REDELIVERED).fetch_add(u64::from(seen.count()), Relaxed);
        }
    }

    /// Frees the blocks that a dead producer had not linked, and ends its lane.
    fn end_lane(&self, dead: u8, still_dead: &dyn Fn() -> bool) {
        let front = Front(self.front(dead).load(Acquire));
        let (mut last, mut linked) = (None, front.passed());
        self.walk(dead, &mut self.most_steps(), |block, order, stamp| {
            (last, linked) = (Some((block, stamp)), order + 1);
            true
        });
        // Consumers may have passed blocks before the walk saw them.
        let front = Front(self.front(dead).load(Acquire));
        if front.has_passed(linked) {
            linked = front.passed();
        }
        for block in 0..self.shape.blocks {
            let seen = self.owner_of(block);
            if seen.lane() != dead {
                continue;
            }
            let loose = seen.is(Use::Acquired)
                || seen.is(Use::Linked)
                    && !Front::new(linked, None).has_passed(self.order(block).load(Acquire));
            if loose && still_dead() {
                let free = Owner::new(Use::Free, dead, seen.stamp());
                self.owner(block).exchange(seen.0, free.0, AcqRel);
            }
        }
        if let Some((last, stamp)) = last
            && still_dead()
        {
            // Of another stamp, it was passed meanwhile and is somebody else's now.
            let ended = Next::ended(stamp);
            self.next(last).exchange(Next::open(stamp).0, ended.0, AcqRel);
        }
    }
}
