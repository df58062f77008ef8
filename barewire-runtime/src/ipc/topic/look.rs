//! A topic as somebody sees it who is not attached.

use super::ring::{Lane, Reader, publisher_of, subscriber_at};
use super::shape::{ITEMS, SPACE, Shape};
use super::{note, shape_of};
use crate::ipc::looked::{Looked, Passed, copied};
use crate::segment::Glance;
use crate::sync::Event;
use crate::sys::map::Mapping;

/// How often a look tries again that was overtaken.
const ATTEMPTS: u32 = 16;

/// A topic as somebody sees it who is not attached; see [`crate::inspect`].
#[derive(Debug)]
pub struct TopicLook<'a> {
    glance: &'a Glance,
    shape: Shape,
}

/// One subscriber of a lossless topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubscriberFigures {
    /// The participant whose it is.
    pub participant: u8,
    /// How many messages it has not taken yet, of all publishers.
    pub behind: u64,
}

/// How a topic stands, at about the time of the look.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicFigures {
    /// Messages ever published.
    pub published: u64,
    /// The participants that publish.
    pub publishers: Vec<u8>,
    /// The subscribers; those of a lossy topic write nothing into it, and so cannot be seen.
    pub subscribers: Vec<SubscriberFigures>,
    /// How many wait for a message; one that was killed while it waited may count for a while.
    pub waiting_subscribers: u32,
    /// How many wait for room; likewise.
    pub waiting_publishers: u32,
}

impl<'a> TopicLook<'a> {
    /// `None` if the header's geometry is that of no topic.
    #[inline]
    pub(crate) fn new(glance: &'a Glance, encoded: bool) -> Option<Self> {
        let shape = shape_of(&glance.header.geometry, glance.header.body)?;
        (shape.choice.encoded == encoded).then_some(Self { glance, shape })
    }

    #[inline]
    fn lane(&self, number: usize) -> Lane<'_, Mapping> {
        Lane { words: &self.glance.map, shape: &self.shape, number }
    }

    #[inline]
    fn waiting_for(&self, at: usize) -> u32 {
        let event = Event { map: &self.glance.map, at: self.shape.base + at, reached: false };
        event.open_tickets()
    }

    /// How many messages of each publisher the topic keeps.
    #[must_use]
    #[inline]
    pub fn depth(&self) -> u64 {
        self.shape.choice.depth
    }

    /// How many publishers it can have.
    #[must_use]
    #[inline]
    pub fn most_publishers(&self) -> u64 {
        self.shape.choice.lanes
    }

    /// How many subscribers it can have; `None` if it is lossy.
    #[must_use]
    #[inline]
    pub fn most_subscribers(&self) -> Option<u64> {
        (!self.shape.choice.lossy).then_some(self.shape.choice.places)
    }

    /// Whether its messages carry the time.
    #[must_use]
    #[inline]
    pub fn has_timestamps(&self) -> bool {
        self.shape.choice.stamped
    }

    /// Whether its participants do not trust each other.
    #[must_use]
    #[inline]
    pub fn is_isolated(&self) -> bool {
        self.shape.choice.isolated
    }

    /// The most bytes of one message.
    #[must_use]
    #[inline]
    pub fn slot_bytes(&self) -> u64 {
        self.shape.choice.payload
    }

    /// How the topic stands.
    #[must_use]
    #[inline]
    pub fn figures(&self) -> TopicFigures {
        // Cursors first, so that nobody seems to be ahead of what was published.
        let places = 0..self.shape.places();
        let places: Vec<_> = places
            .filter_map(|place| subscriber_at(&self.glance.map, &self.shape, place))
            .collect();
        let lanes = || (0..self.shape.lanes()).map(|number| self.lane(number));
        let ends: Vec<u64> = lanes().map(|lane| lane.published(lane.end())).collect();
        let behind = |cursors: &[u64]| {
            let each = ends.iter().zip(cursors).map(|(end, cursor)| end.saturating_sub(*cursor));
            each.fold(0, u64::saturating_add)
        };
        TopicFigures {
            published: ends.iter().fold(0, |sum, end| sum.saturating_add(*end)),
            publishers: lanes().filter_map(|lane| publisher_of(&lane)).collect(),
            subscribers: places
                .iter()
                .map(|(participant, cursors)| SubscriberFigures {
                    participant: *participant,
                    behind: behind(cursors),
                })
                .collect(),
            waiting_subscribers: self.waiting_for(ITEMS),
            waiting_publishers: self.waiting_for(SPACE),
        }
    }

    /// The last messages of each publisher, up to `most`, as far as they still stand.
    #[must_use]
    #[inline]
    pub fn history(&self, most: u64) -> Vec<Looked> {
        let mut tap = self.tap_last(most.min(self.depth()));
        tap.look(self).messages
    }

    /// Begins to watch the messages that are published from now on.
    #[must_use]
    #[inline]
    pub fn tap(&self) -> TopicTap {
        self.tap_last(0)
    }

    #[inline]
    fn tap_last(&self, back: u64) -> TopicTap {
        let lanes = 0..self.shape.lanes();
        TopicTap { readers: lanes.map(|lane| self.lane(lane).reader(back)).collect() }
    }

    #[inline]
    fn looked(&self, lane: usize, position: u64) -> Looked {
        let size = self.shape.choice.payload as usize;
        let note = note(&self.lane(lane), position, size);
        let bytes = (note.bytes as usize).min(size);
        let at = self.shape.slot(lane, position);
        Looked { header: note.header(), bytes: copied(&self.glance.map, at, bytes) }
    }
}

/// Watches the messages that are published to a topic; see [`TopicLook::tap`].
#[derive(Debug)]
pub struct TopicTap {
    readers: Vec<Reader>,
}

impl TopicTap {
    /// What was published since the last look, as far as it is not overwritten yet, publisher by
    /// publisher; and how many messages were missed. `topic` must be a look at the same topic.
    #[inline]
    pub fn look(&mut self, topic: &TopicLook<'_>) -> Passed {
        self.look_by(topic, |lane, position| topic.looked(lane, position))
    }

    /// Likewise, with `copy` of the message at a position of a lane.
    #[inline]
    fn look_by(
        &mut self,
        topic: &TopicLook<'_>,
        mut copy: impl FnMut(usize, u64) -> Looked,
    ) -> Passed {
        let mut passed = Passed::default();
        for (number, reader) in self.readers.iter_mut().enumerate() {
            let lane = topic.lane(number);
            let mut attempts = ATTEMPTS;
            // No more than what is there at most: a publisher may be faster than this.
            let mut left = topic.shape.slots;
            while left > 0 && lane.ready_many(reader, 1) > 0 {
                let looked = copy(number, reader.position);
                if lane.was_intact(reader.position) {
                    passed.messages.push(looked);
                    *reader = reader.after(1);
                    left -= 1;
                    continue;
                }
                passed.missed = passed.missed.saturating_add(lane.skip(reader));
                attempts -= 1;
                if attempts == 0 {
                    break;
                }
            }
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::Topic;
    use crate::segment::Directory;

    #[test]
    fn a_message_that_was_overwritten_meanwhile_is_missed() {
        let name = format!("look-topic-{}", std::process::id());
        let topic = Topic::<u64>::builder(&name).depth(8).create().expect("a new topic");
        let mut publisher = topic.publisher().expect("there is a lane");
        let directory = Directory::standard().expect("it can be made");
        let glance = Glance::open(&directory, &name).expect("it is there");
        let look = TopicLook::new(&glance, false).expect("it is a topic");
        let mut tap = look.tap();
        publisher.publish(&0).expect("nobody subscribes");
        let mut looks = 0;
        let passed = tap.look_by(&look, |lane, position| {
            looks += 1;
            if looks == 1 {
                (1..100).for_each(|number| publisher.publish(&number).expect("nobody subscribes"));
            }
            look.looked(lane, position)
        });
        let first = passed.messages.first().expect("the last ones stand").header.sequence;
        assert!(first > 80 && passed.missed == first, "{first}: {}", passed.missed);
        assert_eq!(passed.messages.len() as u64 + passed.missed, 100);
    }
}
