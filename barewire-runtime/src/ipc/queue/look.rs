//! A queue as somebody sees it who is not attached.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::geometry::{Overflow, Plan};
use super::lanes::{self, Known, Lanes, Slot};
use super::{QueueCounters, header};
use crate::ipc::looked::{Looked, Passed, copied};
use crate::segment::Glance;
use crate::sync::Event;
use crate::sys::map::Mapping;

/// A queue as somebody sees it who is not attached; see [`crate::inspect`].
#[derive(Debug)]
pub struct QueueLook<'a> {
    glance: &'a Glance,
    plan: Plan,
}

/// How a queue stands, at about the time of the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueFigures {
    /// Messages that nobody has taken.
    pub depth: u64,
    /// Messages ever put in, exact but for up to seven for each producer that has gone.
    pub published: u64,
    /// What the queue has counted.
    pub counters: QueueCounters,
    /// How many wait for a message; one that was killed while it waited may count for a while.
    pub waiting_consumers: u32,
    /// How many wait for room; likewise.
    pub waiting_producers: u32,
}

impl<'a> QueueLook<'a> {
    /// `None` if the header's geometry is that of no queue.
    #[inline]
    pub(crate) fn new(glance: &'a Glance, encoded: bool) -> Option<Self> {
        let header = &glance.header;
        let plan = Plan::of(&header.geometry, header.body, encoded)?;
        Some(Self { glance, plan })
    }

    #[inline]
    fn lanes(&self) -> Lanes<'_, Mapping> {
        Lanes { words: &self.glance.map, shape: &self.plan.shape, me: 0 }
    }

    #[inline]
    fn event(&self, at: usize) -> Event<'_> {
        Event { map: &self.glance.map, at: self.plan.shape.base + at, reached: false }
    }

    /// How many messages wait at least before the queue is full.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> u64 {
        self.plan.shape.capacity
    }

    /// What happens when it is full.
    #[must_use]
    #[inline]
    pub fn overflow(&self) -> Overflow {
        self.plan.overflow
    }

    /// Whether its messages carry the time.
    #[must_use]
    #[inline]
    pub fn has_timestamps(&self) -> bool {
        self.plan.timestamps
    }

    /// Whether what a dead process was reading is lost instead of delivered again.
    #[must_use]
    #[inline]
    pub fn is_at_most_once(&self) -> bool {
        self.plan.at_most_once
    }

    /// Whether its participants do not trust each other.
    #[must_use]
    #[inline]
    pub fn is_isolated(&self) -> bool {
        self.plan.isolated
    }

    /// The most bytes of one message.
    #[must_use]
    #[inline]
    pub fn slot_bytes(&self) -> u64 {
        self.plan.payload as u64
    }

    /// How the queue stands.
    #[must_use]
    #[inline]
    pub fn figures(&self) -> QueueFigures {
        let tally = self.lanes().tally();
        let count =
            |at: usize| self.glance.map.u64(self.plan.shape.base + at).load(Ordering::Relaxed);
        QueueFigures {
            depth: tally.waiting,
            published: tally.published,
            counters: QueueCounters {
                dropped: count(lanes::DROPPED),
                lost: count(lanes::LOST),
                redelivered: count(lanes::REDELIVERED),
            },
            waiting_consumers: self.event(lanes::ITEMS_EVENT).open_tickets(),
            waiting_producers: self.event(lanes::SPACE_EVENT).open_tickets(),
        }
    }

    /// For each participant, by its index: how many messages it is reading, and whether it has
    /// produced messages that consumers have not passed yet.
    #[must_use]
    #[inline]
    pub fn roles(&self) -> Vec<(u64, bool)> {
        let lanes = self.lanes();
        let reading = lanes.readers().into_iter().enumerate();
        reading.map(|(lane, reading)| (reading, lanes.blocks_ahead(lane as u8) > 0)).collect()
    }

    /// The messages that nobody has taken, producer by producer; one that is taken during the look
    /// may be missing.
    #[must_use]
    #[inline]
    pub fn waiting(&self) -> Vec<Looked> {
        let found = self.lanes().look_at_waiting(|slot| self.looked(slot, false));
        let marked = |(mut one, given_back): (Looked, bool)| {
            one.header.redelivered = given_back;
            one
        };
        found.into_iter().map(marked).collect()
    }

    #[inline]
    fn looked(&self, slot: Slot, redelivered: bool) -> Looked {
        let map = &self.glance.map;
        let bytes = if self.plan.encoded {
            let word = map.u64(self.plan.length_at(slot)).load(Ordering::Relaxed);
            usize::try_from(word).unwrap_or(usize::MAX).min(self.plan.payload)
        } else {
            self.plan.payload
        };
        Looked {
            header: header(&self.lanes(), &self.plan, slot, redelivered),
            bytes: copied(map, self.plan.payload_at(slot), bytes),
        }
    }

    /// Begins to watch the messages that are put in from now on.
    #[must_use]
    #[inline]
    pub fn tap(&self) -> QueueTap {
        let blocks = usize::try_from(self.plan.shape.blocks).unwrap_or(0);
        let known = vec![Known::default(); blocks];
        let mut tap = QueueTap { known, next: HashMap::new(), ahead: Vec::new() };
        // Who is attached already may have sent messages that are overwritten by now, unless
        // nobody has sent any in its lane.
        for one in self.glance.participants() {
            let first = (!self.lanes().was_used(one.index)).then_some(0);
            tap.next.insert(one.incarnation, first);
        }
        for (sender, sequence) in self.senders(&mut tap) {
            let next = tap.next.entry(sender).or_default();
            *next = (*next).max(Some(sequence.saturating_add(1)));
        }
        tap
    }

    /// The sender and the number of each new message.
    #[inline]
    fn senders(&self, tap: &mut QueueTap) -> Vec<(u128, u64)> {
        self.lanes().look_at_new(&mut tap.known, |slot| {
            let header = header(&self.lanes(), &self.plan, slot, false);
            (header.incarnation, header.sequence)
        })
    }
}

/// Watches the messages that are put into a queue, without taking them; see [`QueueLook::tap`].
#[derive(Debug)]
pub struct QueueTap {
    known: Vec<Known>,
    /// The number of each sender's next message, if it is known.
    next: HashMap<u128, Option<u64>>,
    /// What was seen while messages before it may still have been out of sight.
    ahead: Vec<Looked>,
}

impl QueueTap {
    /// What was put in since the last look, as far as it is not overwritten yet, sender by sender
    /// and each sender's in order; and how many messages were missed. `queue` must be a look at the
    /// same queue.
    ///
    /// A message that its producer died in sending may be among them. While a producer is busy, its
    /// newest messages may come only with the next look.
    #[inline]
    pub fn look(&mut self, queue: &QueueLook<'_>) -> Passed {
        // A producer may fill a block that was looked at already, then one that was not. So what is
        // in order up to the newest message of this round is what a second round has seen, too.
        let mut messages = self.round(queue);
        let mut whole: HashMap<u128, u64> = HashMap::new();
        for header in messages.iter().map(|one| &one.header) {
            let newest = whole.entry(header.incarnation).or_default();
            *newest = header.sequence.max(*newest);
        }
        if !messages.is_empty() {
            messages.append(&mut self.round(queue));
        }
        let is_whole = |one: &Looked| {
            let newest = whole.get(&one.header.incarnation);
            newest.is_some_and(|newest| one.header.sequence <= *newest)
        };
        let (mut messages, ahead) = messages.into_iter().partition::<Vec<_>, _>(is_whole);
        self.ahead = ahead;
        messages.sort_by_key(|one| (one.header.incarnation, one.header.sequence));
        let mut missed = 0_u64;
        for one in &messages {
            // A sender that has come since then begins with number 0.
            let next = self.next.entry(one.header.incarnation).or_insert(Some(0));
            let expected = next.unwrap_or(one.header.sequence);
            missed = missed.saturating_add(one.header.sequence.saturating_sub(expected));
            *next = Some(one.header.sequence.saturating_add(1).max(expected));
        }
        Passed { messages, missed }
    }

    /// What was left of the last look, and what is new in each block.
    #[inline]
    fn round(&mut self, queue: &QueueLook<'_>) -> Vec<Looked> {
        let mut messages = std::mem::take(&mut self.ahead);
        let new = queue.lanes().look_at_new(&mut self.known, |slot| queue.looked(slot, false));
        messages.extend(new);
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::MessageQueue;
    use crate::segment::Directory;

    fn with_queue(what: &str, test: impl FnOnce(&MessageQueue<u64>, &QueueLook<'_>)) {
        let name = format!("look-queue-{what}-{}", std::process::id());
        let queue = MessageQueue::<u64>::builder(&name).capacity(16).create().expect("a new queue");
        let directory = Directory::standard().expect("it can be made");
        let glance = Glance::open(&directory, &name).expect("it is there");
        test(&queue, &QueueLook::new(&glance, false).expect("it is a queue"));
    }

    #[test]
    fn a_message_that_was_taken_meanwhile_is_not_waiting() {
        with_queue("waiting", |queue, look| {
            (0..3).for_each(|number| queue.enqueue(&number).expect("there is room"));
            let mut looks = 0;
            let found = look.lanes().look_at_waiting(|slot| {
                looks += 1;
                if looks == 2 {
                    (0..2).for_each(|_| drop(queue.dequeue().expect("one waits")));
                }
                look.looked(slot, false).header.sequence
            });
            assert_eq!(found, [(0, false), (2, false)]);
        });
    }

    #[test]
    fn a_message_whose_block_was_used_again_meanwhile_is_missed() {
        with_queue("new", |queue, look| {
            let mut known = vec![Known::default(); look.plan.shape.blocks as usize];
            queue.enqueue(&0).expect("there is room");
            let mut looks = 0;
            let found = look.lanes().look_at_new(&mut known, |slot| {
                looks += 1;
                if looks == 1 {
                    for number in 1..=20 * look.plan.shape.blocks {
                        queue.enqueue(&number).expect("there is room");
                        drop(queue.dequeue().expect("one waits"));
                    }
                }
                look.looked(slot, false).header.sequence
            });
            assert!(looks > 1 && found.len() as u64 == looks - 1, "{looks}: {found:?}");
        });
    }
}
