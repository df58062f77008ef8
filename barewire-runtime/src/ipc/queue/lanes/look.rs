//! Looking from outside: loads alone, each thing that was read checked against the words that say
//! whether it still stood while it was read.
//!
//! A message that nobody has taken cannot be overwritten, so its claim word tells. One that was
//! taken stands until its block is acquired anew, which changes the owner word before any byte.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::word::{Claim, State, Use};
use super::{Lanes, Slot};
use crate::segment::MAX_PARTICIPANTS;
use crate::sync::words::{Atomic, Words};

/// What a queue holds, at about the time of the look.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Tally {
    /// Messages that nobody has taken.
    pub(in super::super) waiting: u64,
    /// Messages ever made visible. The last block of a lane whose producer has gone counts as full
    /// once it was passed.
    pub(in super::super) published: u64,
}

/// How much of a block was seen: in which life, and how many of its messages.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Known {
    stamp: u64,
    messages: u32,
}

impl<W: Words> Lanes<'_, W> {
    /// Counts what waits, and what was ever published.
    pub(in super::super) fn tally(&self) -> Tally {
        let (mut tally, mut steps) = (Tally::default(), self.most_steps());
        let slots = u64::from(self.shape.slots);
        for lane in self.lanes_in_use() {
            let mut last = None;
            self.walk(lane, &mut steps, |block, order, stamp| {
                tally.waiting += u64::from(self.waiting_in(block, stamp));
                last = Some((block, order, stamp));
                true
            });
            let linked = self.linked(lane).load(Acquire);
            let published = match last {
                Some((block, order, stamp)) if order.saturating_add(1) >= linked => {
                    let visible =
                        |index: &u32| self.is_visible(self.shape.slot(block, *index), stamp);
                    let visible = (0..self.shape.slots).take_while(visible).count() as u64;
                    order.saturating_mul(slots).saturating_add(visible)
                }
                _ => linked.saturating_mul(slots),
            };
            tally.published = tally.published.saturating_add(published);
        }
        tally
    }

    fn lanes_in_use(&self) -> impl Iterator<Item = u8> {
        let active = self.all_active();
        (0..MAX_PARTICIPANTS as u8).filter(move |lane| active & 1 << lane != 0)
    }

    /// Looks at every message that nobody has taken, lane by lane, then at those given back by the
    /// dead; what `look` yields of each, and whether it was given back.
    pub(in super::super) fn look_at_waiting<R>(
        &self,
        mut look: impl FnMut(Slot) -> R,
    ) -> Vec<(R, bool)> {
        let (mut found, mut steps) = (Vec::new(), self.most_steps());
        for lane in self.lanes_in_use() {
            // What is linked from now on does not belong to this look, which would follow it.
            let end = self.linked(lane).load(Acquire);
            self.walk(lane, &mut steps, |block, order, stamp| {
                if order >= end {
                    return false;
                }
                let (_, taken) = self.taken(block, stamp);
                for index in taken..self.shape.slots {
                    let slot = self.shape.slot(block, index);
                    if !self.is_visible(slot, stamp) {
                        break;
                    }
                    let seen = Claim(self.claim(block, index).load(Acquire));
                    if seen.stamp() < stamp
                        && let Some(message) = self.look_at_claimed(slot, seen, &mut look)
                    {
                        found.push((message, false));
                    }
                }
                true
            });
        }
        if self.word(super::RETURNED).load(Acquire) & 1 != 0 {
            self.each_claim(|slot, claim| {
                if claim.is(State::Returned)
                    && let Some(message) = self.look_at_claimed(slot, claim, &mut look)
                {
                    found.push((message, true));
                }
            });
        }
        found
    }

    /// What `look` yields, if the claim of the slot is the same after it.
    fn look_at_claimed<R>(
        &self,
        slot: Slot,
        claim: Claim,
        look: impl FnOnce(Slot) -> R,
    ) -> Option<R> {
        let found = look(slot);
        self.words.fence(Acquire);
        let now = self.claim(slot.block(), slot.index()).load(Relaxed);
        (now == claim.0).then_some(found)
    }

    fn each_claim(&self, mut visit: impl FnMut(Slot, Claim)) {
        for block in 0..self.shape.blocks {
            for index in 0..self.shape.slots {
                let claim = Claim(self.claim(block, index).load(Acquire));
                visit(self.shape.slot(block, index), claim);
            }
        }
    }

    /// How many messages each participant is reading.
    pub(in super::super) fn readers(&self) -> [u64; MAX_PARTICIPANTS] {
        let mut reading = [0; MAX_PARTICIPANTS];
        self.each_claim(|_, claim| {
            if claim.is(State::Reading) {
                let count = &mut reading[usize::from(claim.owner()) % MAX_PARTICIPANTS];
                *count += u64::from(claim.count());
            }
        });
        reading
    }

    /// How many blocks of a lane were not passed.
    pub(in super::super) fn blocks_ahead(&self, lane: u8) -> u64 {
        let front = super::Front(self.front(lane).load(Acquire));
        front.left_of(self.linked(lane).load(Acquire))
    }

    /// Whether anybody has ever produced in a lane.
    pub(in super::super) fn was_used(&self, lane: u8) -> bool {
        self.linked(lane).load(Acquire) != 0
    }

    /// Looks at every message that `known` does not know yet and that still stands, taken or not.
    pub(in super::super) fn look_at_new<R>(
        &self,
        known: &mut [Known],
        mut look: impl FnMut(Slot) -> R,
    ) -> Vec<R> {
        let mut found = Vec::new();
        for (block, known) in (0..self.shape.blocks).zip(known) {
            let owner = self.owner_of(block);
            if !owner.is(Use::Linked) {
                continue;
            }
            let stamp = owner.stamp();
            if known.stamp != stamp {
                *known = Known { stamp, messages: 0 };
            }
            for index in known.messages..self.shape.slots {
                let slot = self.shape.slot(block, index);
                if !self.is_visible(slot, stamp) {
                    break;
                }
                let message = look(slot);
                self.words.fence(Acquire);
                if self.owner(block).load(Relaxed) != owner.0 {
                    break;
                }
                known.messages = index + 1;
                found.push(message);
            }
        }
        found
    }
}
