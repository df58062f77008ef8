//! Every interleaving of small topics, as loom finds them.

use std::sync::atomic::Ordering;

use loom::sync::Arc;
use loom::thread;

use super::ring::{Lane, Reader, Slots, Writer, join, sweep};
use super::shape::{Choice, Shape};
use crate::sync::words::Words;
use crate::sync::words::model::Model;

impl Slots for Model {
    fn write(&self, at: usize, from: &[u64], last: Ordering) {
        for (index, value) in from.iter().enumerate() {
            let order = if index + 1 < from.len() { Ordering::Relaxed } else { last };
            self.u64(at + index * 8).store(*value, order);
        }
    }
    fn read(&self, at: usize, into: &mut [u64]) {
        for (index, value) in into.iter_mut().enumerate() {
            *value = self.u64(at + index * 8).load(Ordering::Relaxed);
        }
    }
}

struct Small {
    words: Model,
    shape: Shape,
}

impl Small {
    fn new(depth: u64, express: bool, lossy: bool) -> Arc<Self> {
        Self::lagging(depth, express, lossy, 1)
    }

    /// One whose `tail` counts so many messages at a time.
    fn lagging(depth: u64, express: bool, lossy: bool, lag: u64) -> Arc<Self> {
        let choice = Choice {
            depth,
            lanes: 1,
            places: if lossy { 0 } else { 1 },
            payload: 16,
            lossy,
            stamped: false,
            encoded: !express,
            isolated: false,
        };
        let mut shape = Shape::new(0, choice).expect("a topic");
        shape.lag = lag;
        let small = Self { words: Model::new(shape.bytes as usize), shape };
        small.lane().fill();
        Arc::new(small)
    }

    fn lane(&self) -> Lane<'_, Model> {
        Lane { words: &self.words, shape: &self.shape, number: 0 }
    }

    /// Publishes a message that says its own position; whether there was room.
    fn publish(&self, writer: &mut Writer) -> bool {
        let lane = self.lane();
        if lane.room(writer) == 0 {
            return false;
        }
        let message = [writer.tail, !writer.tail];
        if self.shape.is_express() {
            lane.publish_express(writer, &message);
        } else {
            lane.put(writer.tail, &message);
            lane.publish(writer, 1);
        }
        true
    }

    fn publish_all(&self, writer: &mut Writer, count: u64) {
        let end = writer.tail + count;
        while writer.tail < end {
            if !self.publish(writer) {
                thread::yield_now();
            }
        }
    }

    /// Takes the next message, checks it, and lets publishers go on.
    fn take(&self, reader: &mut Reader) -> bool {
        let lane = self.lane();
        if lane.ready(reader, true) == 0 {
            return false;
        }
        let mut message = [0; 2];
        self.words.read(self.shape.slot(0, reader.position), &mut message);
        assert_eq!(message, [reader.position, !reader.position], "torn, lost or out of order");
        reader.position += 1;
        lane.advance(0, reader.position);
        true
    }

    fn take_all(&self, reader: &mut Reader, end: u64) {
        while reader.position < end {
            if !self.take(reader) {
                thread::yield_now();
            }
        }
    }

    fn join(&self, back: u64) -> Reader {
        let (_, readers) = join(&self.words, &self.shape, 1, back).expect("a place");
        readers[0]
    }
}

fn check(bound: usize, explore: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(bound);
    model.max_branches = 20_000;
    model.check(explore);
}

fn every_message_arrives(express: bool, lag: u64) {
    check(2, move || {
        let small = Small::lagging(1, express, false, lag);
        let mut reader = small.join(0);
        let publisher = {
            let small = small.clone();
            thread::spawn(move || {
                let mut writer = small.lane().claim(2, 7).expect("the lane is free");
                // More than there are slots.
                small.publish_all(&mut writer, 5);
            })
        };
        small.take_all(&mut reader, 5);
        publisher.join().expect("it does not panic");
        assert!(!small.take(&mut reader));
    });
}

#[test]
fn every_message_arrives_whole_though_slots_are_used_again() {
    every_message_arrives(false, 1);
}

#[test]
fn every_message_that_announces_itself_arrives_whole() {
    every_message_arrives(true, 1);
    every_message_arrives(true, 4);
}

#[test]
fn a_subscriber_that_comes_amid_publishing_misses_nothing_from_then_on() {
    check(2, || {
        let small = Small::new(1, true, false);
        let mut writer = small.lane().claim(2, 7).expect("the lane is free");
        small.publish_all(&mut writer, 2);
        let publisher = {
            let small = small.clone();
            thread::spawn(move || {
                for _ in 0..3 {
                    small.publish(&mut writer);
                }
                writer.tail
            })
        };
        let before = small.lane().reader(0).position;
        let mut reader = small.join(1);
        assert!(reader.position + 1 >= before, "it is promised the last message");
        small.take(&mut reader);
        let end = publisher.join().expect("it does not panic");
        while small.take(&mut reader) {}
        assert_eq!(reader.position, end);
    });
}

#[test]
fn what_one_has_taken_does_not_reach_one_who_subscribes_after_that() {
    check(3, || {
        let small = Small::new(2, true, false);
        let mut writer = small.lane().claim(2, 7).expect("the lane is free");
        let mut reader = small.lane().reader(0);
        let subscriber = {
            let small = small.clone();
            thread::spawn(move || {
                if small.lane().ready(&mut reader, false) == 0 {
                    return false;
                }
                assert!(small.join(0).position > reader.position, "it is taken twice");
                true
            })
        };
        small.publish(&mut writer);
        subscriber.join().expect("it does not panic");
    });
}

#[test]
fn a_lossy_reader_never_takes_a_message_that_was_overwritten() {
    check(3, || {
        let small = Small::new(1, true, true);
        let mut reader = small.lane().reader(0);
        let publisher = {
            let small = small.clone();
            thread::spawn(move || {
                let mut writer = small.lane().claim(2, 7).expect("the lane is free");
                small.publish_all(&mut writer, 5);
            })
        };
        let (mut taken, mut missed) = (0, 0);
        let mut look = |reader: &mut Reader| {
            let lane = small.lane();
            let mut message = [0; 2];
            if lane.ready(reader, true) == 0 {
                return;
            }
            small.words.read(small.shape.slot(0, reader.position), &mut message);
            let sender = lane.sender(reader.position);
            if lane.was_intact(reader.position) {
                assert_eq!(message, [reader.position, !reader.position], "torn");
                assert_eq!(sender, (reader.position, 7));
                reader.position += 1;
                taken += 1;
            } else {
                missed += lane.skip(reader);
            }
        };
        look(&mut reader);
        look(&mut reader);
        publisher.join().expect("it does not panic");
        for _ in 0..5 {
            look(&mut reader);
        }
        assert_eq!(taken + missed, 5, "each was taken or missed");
    });
}

#[test]
fn the_next_publisher_goes_on_where_a_dead_one_stopped() {
    check(2, || {
        let small = Small::lagging(2, true, false, 8);
        let mut reader = small.join(0);
        let dying = {
            let small = small.clone();
            thread::spawn(move || {
                let lane = small.lane();
                let mut writer = lane.claim(2, 7).expect("the lane is free");
                assert!(lane.room(&mut writer) > 0);
                // The last word stands, and `tail` was not moved.
                lane.put(0, &[0, !0]);
            })
        };
        let next = {
            let small = small.clone();
            thread::spawn(move || {
                dying.join().expect("it does not panic");
                sweep(&small.words, &small.shape, 2, &|| true);
                let mut writer = small.lane().claim(3, 8).expect("the lane was swept");
                assert_eq!(writer.tail, 1, "what others may have read was published");
                small.publish_all(&mut writer, 1);
            })
        };
        small.take_all(&mut reader, 2);
        next.join().expect("it does not panic");
        assert_eq!([small.lane().sender(0), small.lane().sender(1)], [(0, 7), (0, 8)]);
    });
}
