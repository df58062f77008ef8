//! Questions that wait for an answer, until their deadline.

use super::Time;
use crate::address::NodeId;

/// Who waits, for whom, and until when.
#[derive(Debug)]
struct Ask<W> {
    node: NodeId,
    deadline: Time,
    waiter: W,
}

#[derive(Debug)]
struct Place<W> {
    /// How often the place was used: an answer that is late does not reach the next question.
    life: u32,
    ask: Option<Ask<W>>,
}

/// The open questions of one node.
///
/// A question's number is its place and the place's life, so that an answer is found by an index.
#[derive(Debug)]
pub(crate) struct Asks<W> {
    places: Vec<Place<W>>,
    free: Vec<u32>,
    soonest: Time,
}

impl<W> Asks<W> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), soonest: Time::MAX }
    }

    /// Opens a question; its number is never 0.
    pub(crate) fn begin(&mut self, node: NodeId, deadline: Time, waiter: W) -> u64 {
        self.soonest = self.soonest.min(deadline);
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { life: 0, ask: None });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.life = place.life.wrapping_add(1).max(1);
        place.ask = Some(Ask { node, deadline, waiter });
        u64::from(place.life) << 32 | u64::from(index)
    }

    /// The answer has come, or nobody waits for it any more; the waiter, if it is its time yet.
    pub(crate) fn end(&mut self, number: u64) -> Option<W> {
        let index = number as u32;
        let place = self.places.get_mut(index as usize)?;
        if place.life != (number >> 32) as u32 {
            return None;
        }
        let ask = place.ask.take()?;
        self.free.push(index);
        Some(ask.waiter)
    }

    /// The waiters whose deadline has passed.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<W> {
        if now < self.soonest {
            return Vec::new();
        }
        let late = self.end_those(|ask| ask.deadline <= now);
        let open = self.places.iter().filter_map(|place| place.ask.as_ref());
        self.soonest = open.map(|ask| ask.deadline).min().unwrap_or(Time::MAX);
        late
    }

    /// The waiters for answers of a node that has ended.
    pub(crate) fn node_ended(&mut self, node: NodeId) -> Vec<W> {
        self.end_those(|ask| ask.node == node)
    }

    /// The earliest deadline, or an earlier time; `Time::MAX` if nobody waits.
    pub(crate) fn soonest(&self) -> Time {
        self.soonest
    }

    fn end_those(&mut self, is_over: impl Fn(&Ask<W>) -> bool) -> Vec<W> {
        let mut ended = Vec::new();
        for (index, place) in self.places.iter_mut().enumerate() {
            if place.ask.as_ref().is_some_and(&is_over) {
                ended.extend(place.ask.take().map(|ask| ask.waiter));
                self.free.push(index as u32);
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::from_u128(1);

    #[test]
    fn an_answer_reaches_its_question_once_and_no_other() {
        let mut asks = Asks::new();
        let first = asks.begin(NODE, 10, "first");
        assert_eq!(asks.end(first), Some("first"));
        let second = asks.begin(NODE, 10, "second");
        assert_eq!(asks.end(first), None, "the place is used again, the number is not");
        assert_eq!(asks.end(second), Some("second"));
        assert_eq!(asks.end(second), None);
    }

    #[test]
    fn a_question_ends_at_its_deadline_or_with_its_node() {
        let mut asks = Asks::new();
        asks.begin(NODE, 10, 1);
        asks.begin(NODE, 20, 2);
        asks.begin(NodeId::from_u128(2), 30, 3);
        assert_eq!((asks.soonest(), asks.expire(9)), (10, vec![]));
        assert_eq!(asks.expire(10), [1]);
        assert_eq!((asks.soonest(), asks.node_ended(NODE)), (20, vec![2]));
        assert_eq!(asks.expire(30), [3]);
        assert_eq!(asks.soonest(), Time::MAX);
    }
}
