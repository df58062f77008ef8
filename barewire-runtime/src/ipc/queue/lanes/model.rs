//! The queue's protocol under loom: every interleaving of a few participants' steps.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::{
    ACTIVE, BLOCK_WORDS, BLOCKS, CLAIMS, Glance, LANE_BYTES, LANES, LINKED, LOST, Lanes, ORDER,
    OWNER, REDELIVERED, RETURNED, Readers, Run, Shape, Slot, Writer,
};
use crate::sync::words::model::Model;

const SHAPE: Shape = Shape {
    base: 0,
    blocks: 4,
    slots: 2,
    capacity: 4,
    window: 2,
    data: 1 << 20,
    stride: 8,
    block_bytes: 16,
    scarce: true,
};

/// A queue whose slots loom watches: a slot that is written while it is read is a fault.
struct Queue {
    shape: Shape,
    words: Model,
    slots: Vec<UnsafeCell<u32>>,
}

impl Queue {
    fn new() -> Arc<Self> {
        Self::of(SHAPE)
    }

    fn of(shape: Shape) -> Arc<Self> {
        let lane = |lane| [0, LINKED].map(|at| LANES + lane * LANE_BYTES + at);
        let block = |block: usize| {
            [0, CLAIMS, CLAIMS + 8, OWNER, ORDER].map(|at| BLOCKS + block * BLOCK_WORDS + at)
        };
        let offsets = [ACTIVE, ACTIVE + 8, RETURNED, LOST, REDELIVERED].into_iter();
        let offsets = offsets.chain((0..5).flat_map(lane));
        let offsets = offsets.chain((0..SHAPE.blocks as usize).flat_map(block));
        let marks = |block| [0, 1].map(|index| SHAPE.mark_at(SHAPE.slot(block, index)));
        let marks = (0..SHAPE.blocks).flat_map(marks);
        let offsets = offsets.chain(marks);
        let slots = (0..SHAPE.blocks * u64::from(SHAPE.slots)).map(|_| UnsafeCell::new(0));
        Arc::new(Self { shape, words: Model::of(offsets), slots: slots.collect() })
    }

    fn lanes(&self, me: u8) -> Lanes<'_, Model> {
        Lanes { words: &self.words, shape: &self.shape, me }
    }

    fn slot(&self, slot: Slot) -> &UnsafeCell<u32> {
        let block = (slot.block() * u64::from(SHAPE.slots)) as usize;
        &self.slots[block + slot.index() as usize]
    }

    /// Sends one message; false if the queue is full.
    fn send(&self, me: u8, writer: &mut Writer, message: u32) -> bool {
        let lanes = self.lanes(me);
        if writer.place().is_none() {
            let Some(acquired) = lanes.acquire(writer) else { return false };
            lanes.link(writer, acquired, 0);
        }
        let slot = writer.place().expect("a block is open");
        self.slot(slot).with_mut(|place| {
            // SAFETY: loom checks that nobody else is here.
            unsafe { *place = message }
        });
        lanes.publish(writer, 1);
        true
    }

    /// What a run holds.
    fn read(&self, run: &Run) -> Vec<u32> {
        let read = |place: u32| {
            self.slot(run.plus(place).slot(&SHAPE)).with(|place| {
                // SAFETY: loom checks that nobody writes here.
                unsafe { *place }
            })
        };
        (0..run.count()).map(read).collect()
    }

    /// Takes messages once, without waiting, and acknowledges them.
    fn receive(&self, me: u8, readers: &mut Readers, most: u32) -> Vec<u32> {
        let lanes = self.lanes(me);
        if lanes.glance(readers) == Glance::Nothing {
            return Vec::new();
        }
        let Some(run) = lanes.take(readers, most) else { return Vec::new() };
        let found = self.read(&run);
        self.lanes(me).acknowledge(&run);
        found
    }

    fn receive_all(&self, me: u8) -> Vec<u32> {
        let mut readers = Readers::new(&SHAPE);
        let mut all = Vec::new();
        loop {
            let found = self.receive(me, &mut readers, 8);
            if found.is_empty() {
                return all;
            }
            all.extend(found);
        }
    }
}

/// Tries all interleavings with up to so many preemptions.
fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

#[test]
fn one_producer_and_one_consumer_agree() {
    explore(3, || {
        let queue = Queue::new();
        let other = Arc::clone(&queue);
        let producer = thread::spawn(move || {
            let mut writer = Writer::new();
            (1..=3).for_each(|message| assert!(other.send(0, &mut writer, message)));
        });
        let mut readers = Readers::new(&SHAPE);
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.extend(queue.receive(1, &mut readers, 2));
        }
        producer.join().expect("it ends");
        seen.extend(queue.receive_all(2));
        assert_eq!(seen, [1, 2, 3]);
    });
}

#[test]
fn a_lane_goes_on_by_plain_stores_if_blocks_are_plenty() {
    explore(3, || {
        let queue = Queue::of(Shape { scarce: false, ..SHAPE });
        let other = Arc::clone(&queue);
        let producer = thread::spawn(move || {
            let mut writer = Writer::new();
            (1..=3).for_each(|message| assert!(other.send(0, &mut writer, message)));
        });
        let mut readers = Readers::new(&SHAPE);
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.extend(queue.receive(1, &mut readers, 2));
        }
        producer.join().expect("it ends");
        // The producer is gone, and a new life in its place goes on behind what it left.
        queue.lanes(2).sweep(0, true, &|| true);
        assert!(queue.send(0, &mut Writer::new(), 4));
        seen.extend(queue.receive_all(2));
        assert_eq!(seen, [1, 2, 3, 4]);
    });
}

#[test]
fn a_message_goes_to_one_of_two_consumers() {
    explore(3, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        (1..=3).for_each(|message| assert!(queue.send(0, &mut writer, message)));
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || other.receive(1, &mut Readers::new(&SHAPE), 2));
        let mut seen = queue.receive(2, &mut Readers::new(&SHAPE), 1);
        seen.extend(consumer.join().expect("it ends"));
        seen.extend(queue.receive_all(3));
        seen.sort_unstable();
        assert_eq!(seen, [1, 2, 3]);
    });
}

#[test]
fn two_producers_do_not_meet() {
    explore(3, || {
        let queue = Queue::new();
        let other = Arc::clone(&queue);
        let producer = thread::spawn(move || assert!(other.send(0, &mut Writer::new(), 1)));
        assert!(queue.send(1, &mut Writer::new(), 2));
        producer.join().expect("it ends");
        let mut seen = queue.receive_all(2);
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
    });
}

#[test]
fn a_block_is_not_used_again_while_it_is_read() {
    explore(3, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        (1..=4).for_each(|message| assert!(queue.send(0, &mut writer, message)));
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || {
            let mut readers = Readers::new(&SHAPE);
            let mut seen = other.receive(1, &mut readers, 2);
            seen.extend(other.receive(1, &mut readers, 2));
            seen
        });
        // The ring of four blocks is used up and has to be used again.
        let mut sent = 4;
        for _ in 0..3 {
            sent += u32::from(queue.send(0, &mut writer, sent + 1));
        }
        let mut seen = consumer.join().expect("it ends");
        seen.extend(queue.receive_all(2));
        assert_eq!(seen, (1..=sent).collect::<Vec<_>>());
    });
}

#[test]
fn the_last_block_is_sealed_or_followed_by_another() {
    explore(3, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        (1..=2).for_each(|message| assert!(queue.send(0, &mut writer, message)));
        assert_eq!(queue.receive(1, &mut Readers::new(&SHAPE), 2), [1, 2]);
        // One consumer seals the full block while its producer links the next one.
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || other.receive(1, &mut Readers::new(&SHAPE), 2));
        assert!(queue.send(0, &mut writer, 3));
        let mut seen = consumer.join().expect("it ends");
        seen.extend(queue.receive_all(2));
        assert_eq!(seen, [3]);
    });
}

#[test]
fn what_a_dead_consumer_took_is_delivered_once_more_by_two_sweepers() {
    explore(1, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        (1..=2).for_each(|message| assert!(queue.send(0, &mut writer, message)));
        let taken = queue.lanes(1).take(&mut Readers::new(&SHAPE), 2).expect("two messages");
        assert_eq!(taken.count(), 2);
        let other = Arc::clone(&queue);
        let sweeper = thread::spawn(move || {
            other.lanes(2).sweep(1, true, &|| true);
            other.receive_all(2)
        });
        queue.lanes(3).sweep(1, true, &|| true);
        let mut seen = queue.receive_all(3);
        seen.extend(sweeper.join().expect("it ends"));
        seen.extend(queue.receive_all(4));
        seen.sort_unstable();
        assert_eq!(seen, [1, 2]);
    });
}

#[test]
fn a_dead_producers_block_is_freed_and_its_lane_ended() {
    explore(3, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        assert!(queue.send(0, &mut writer, 1));
        assert!(queue.lanes(0).acquire(&mut writer).is_some());
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || other.receive(1, &mut Readers::new(&SHAPE), 2));
        queue.lanes(2).sweep(0, true, &|| true);
        let mut seen = consumer.join().expect("it ends");
        // A new life in the same place goes on with the lane.
        let mut next = Writer::new();
        assert!(queue.send(0, &mut next, 2) && queue.send(0, &mut next, 3));
        seen.extend(queue.receive_all(3));
        assert_eq!(seen, [1, 2, 3]);
    });
}

#[test]
fn a_new_life_of_a_drained_lane_is_read() {
    explore(3, || {
        let queue = Queue::new();
        assert!(queue.send(0, &mut Writer::new(), 1));
        assert_eq!(queue.receive_all(1), [1]);
        queue.lanes(2).sweep(0, true, &|| true);
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || other.receive(1, &mut Readers::new(&SHAPE), 2));
        assert!(queue.send(0, &mut Writer::new(), 2));
        let mut seen = consumer.join().expect("it ends");
        seen.extend(queue.receive_all(3));
        assert_eq!(seen, [2]);
    });
}

#[test]
fn a_block_that_is_being_read_is_not_freed_with_its_producers_lane() {
    explore(2, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        (1..=2).for_each(|message| assert!(queue.send(0, &mut writer, message)));
        let mut readers = Readers::new(&SHAPE);
        let run = queue.lanes(1).take(&mut readers, 2).expect("two messages");
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || {
            // Passes the block, in which both messages are still being read.
            let more = other.receive(1, &mut readers, 2);
            assert_eq!(other.read(&run), [1, 2]);
            other.lanes(1).acknowledge(&run);
            more.len()
        });
        queue.lanes(0).sweep(0, true, &|| true);
        let mut next = Writer::new();
        // The search of participant 4 begins with the block in question.
        let sent = (3..=4).filter(|message| queue.send(4, &mut next, *message)).count();
        let received = consumer.join().expect("it ends") + queue.receive_all(3).len();
        assert_eq!(received, sent);
    });
}

#[test]
fn a_new_life_does_not_take_a_block_that_another_producer_has_acquired() {
    explore(2, || {
        let queue = Queue::new();
        let mut writer = Writer::new();
        (1..=2).for_each(|message| assert!(queue.send(0, &mut writer, message)));
        queue.lanes(2).sweep(0, true, &|| true);
        let other = Arc::clone(&queue);
        let consumer = thread::spawn(move || {
            let mut readers = Readers::new(&SHAPE);
            let mut seen = other.receive(1, &mut readers, 2);
            seen.extend(other.receive(1, &mut readers, 2));
            // Another producer goes round the ring, and comes to the block that was passed.
            let mut writer = Writer::new();
            let sent = (10..14).filter(|message| other.send(2, &mut writer, *message)).count();
            (seen, sent)
        });
        let mut next = Writer::new();
        assert!(queue.send(0, &mut next, 3));
        let (mut seen, sent) = consumer.join().expect("it ends");
        seen.extend(queue.receive_all(3));
        assert_eq!(seen.iter().filter(|message| **message < 10).count(), 3);
        assert_eq!(seen.iter().filter(|message| **message >= 10).count(), sent);
    });
}
