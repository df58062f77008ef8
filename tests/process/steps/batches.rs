//! Operations on several messages of a queue at once, and on a queue that delivers at most once.

use std::marker::PhantomData;
use std::path::Path;

use super::clock::progress;
use super::queues::{
    BEFORE, CAPACITY, CHILDS, Item, LEFT, LONG, Queue, Seen, World, again, assert_whole, at_once,
    once, open, settle, take, take_all,
};
use super::runner::{Effect, Operation};
use super::segments::NAME;
use super::tracer::inside;

/// What the child puts in.
const BATCH: [u64; 3] = [CHILDS, CHILDS + 1, CHILDS + 2];

/// Of the child's messages those that came: the first ones of the batch, in its order.
fn assert_begins(childs: &[Seen]) {
    assert_eq!(childs, &BATCH.map(once)[..childs.len()], "lost, twice or out of order");
}

fn split(seen: Vec<Seen>) -> (Vec<Seen>, Vec<Seen>) {
    seen.into_iter().partition(|seen| seen.number >= CHILDS && seen.number != LEFT)
}

/// One of the calls that put several messages in.
pub(crate) trait Form {
    fn send(queue: &Queue, batch: &[Item]);
}

/// `enqueue_batch`.
pub(crate) struct Plain;
/// `enqueue_batch_timeout`.
pub(crate) struct Timed;
/// `enqueue_batch_async`.
pub(crate) struct Async;

impl Form for Plain {
    fn send(queue: &Queue, batch: &[Item]) {
        queue.enqueue_batch(batch).expect("there is room");
    }
}

impl Form for Timed {
    fn send(queue: &Queue, batch: &[Item]) {
        let sent = queue.enqueue_batch_timeout(batch, LONG);
        assert_eq!(sent.expect("there is room"), batch.len());
    }
}

impl Form for Async {
    fn send(queue: &Queue, batch: &[Item]) {
        at_once(queue.enqueue_batch_async(batch)).expect("there is room");
    }
}

/// A call of the given form, into a queue with room.
pub(crate) struct EnqueueBatch<F>(PhantomData<F>);

impl<F: Form> Operation for EnqueueBatch<F> {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        World::new(at, BEFORE)
    }

    fn child(at: &Path) -> u8 {
        let queue = open(at);
        let batch = BATCH.map(Item::new);
        inside(|| F::send(&queue, &batch));
        0
    }

    fn killed(world: World, _: &Path) -> Effect {
        let (childs, others) = split(take_all(&world.queue));
        assert_eq!(others, BEFORE.map(once), "lost or out of order");
        assert_begins(&childs);
        assert_whole(&world.queue);
        if childs.len() == BATCH.len() { Effect::Done } else { Effect::NotYet }
    }

    fn stopped(world: &mut World, _: &Path) {
        world.take_all();
    }

    fn continued(mut world: World, _: &Path, _: u8) {
        world.take_all();
        let (childs, others) = split(world.seen.clone());
        assert_eq!(others, BEFORE.map(once), "lost or out of order");
        assert_begins(&childs);
        world.assert_seen(BEFORE.into_iter().chain(BATCH).map(once).collect());
    }
}

/// The numbers that a batch can have, each as one bit of a report.
const BITS: [u64; 4] = [BEFORE[0], BEFORE[1], BEFORE[2], LEFT];

fn bit(number: u64) -> u8 {
    let at = BITS.iter().position(|known| *known == number);
    1 << at.expect("nobody has sent that")
}

fn numbers_in(report: u8) -> impl Iterator<Item = u64> {
    BITS.into_iter().filter(move |number| report & bit(*number) != 0)
}

/// `dequeue_batch`.
pub(crate) struct DequeueBatch;

impl Operation for DequeueBatch {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        World::new(at, BEFORE)
    }

    fn child(at: &Path) -> u8 {
        let queue = open(at);
        let batch = inside(|| queue.dequeue_batch(BEFORE.len())).expect("it works");
        let numbers = batch.iter().map(|message| message.read().expect("whole").number());
        numbers.fold(0, |report, number| {
            assert_eq!(report & bit(number), 0, "twice in one batch");
            report | bit(number)
        })
    }

    fn killed(world: World, _: &Path) -> Effect {
        let mut seen = take_all(&world.queue);
        while seen.len() < BEFORE.len() {
            seen.push(take(&world.queue));
        }
        seen.sort_by_key(|seen| seen.number);
        let held = seen.iter().take_while(|seen| seen.redelivered).count();
        let (first, rest) = BEFORE.split_at(held);
        let expected: Vec<_> =
            first.iter().map(|n| again(*n)).chain(rest.iter().map(|n| once(*n))).collect();
        assert_eq!(seen, expected);
        assert_whole(&world.queue);
        if held == BEFORE.len() { Effect::Done } else { Effect::NotYet }
    }

    fn stopped(world: &mut World, _: &Path) {
        world.take_all();
        progress(|| world.queue.try_enqueue(&Item::new(LEFT))).expect("there is room");
    }

    fn continued(mut world: World, _: &Path, report: u8) {
        assert_ne!(report, 0, "it came back with nothing");
        world.take_all();
        world.seen.extend(numbers_in(report).map(once));
        world.assert_seen(BEFORE.into_iter().chain([LEFT]).map(once).collect());
    }
}

/// Dropping a batch, which acknowledges all of its messages.
pub(crate) struct AcknowledgeBatch;

impl Operation for AcknowledgeBatch {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        World::new(at, BEFORE)
    }

    fn child(at: &Path) -> u8 {
        let queue = open(at);
        let batch = queue.dequeue_batch(BEFORE.len()).expect("three are there");
        assert_eq!(batch.len(), BEFORE.len());
        inside(|| drop(batch));
        0
    }

    fn killed(world: World, _: &Path) -> Effect {
        let mut seen = take_all(&world.queue);
        seen.extend(settle(&world.queue));
        seen.sort_by_key(|seen| seen.number);
        assert!(seen.len() <= BEFORE.len(), "{seen:?}");
        // Runs are acknowledged in their order, so what comes again are the last ones.
        let left: Vec<_> =
            BEFORE[BEFORE.len() - seen.len()..].iter().map(|number| again(*number)).collect();
        assert_eq!(seen, left);
        assert_whole(&world.queue);
        if seen.is_empty() { Effect::Done } else { Effect::NotYet }
    }

    fn stopped(world: &mut World, _: &Path) {
        world.take_all();
    }

    fn continued(world: World, _: &Path, _: u8) {
        world.assert_seen(Vec::new());
    }
}

/// `dequeue` from a queue that loses what a dead reader held, and counts it.
pub(crate) struct DequeueAtMostOnce;

impl Operation for DequeueAtMostOnce {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        let builder = Queue::builder(NAME).directory(at).capacity(CAPACITY as usize);
        let queue = builder.at_most_once().create().expect("nobody has made it");
        for number in BEFORE {
            queue.try_enqueue(&Item::new(number)).expect("there is room");
        }
        World { queue, seen: Vec::new() }
    }

    fn child(at: &Path) -> u8 {
        let queue = open(at);
        let message = inside(|| queue.dequeue_timeout(LONG)).expect("it works").expect("in time");
        bit(message.read().expect("whole").number())
    }

    fn killed(world: World, _: &Path) -> Effect {
        let mut seen = take_all(&world.queue);
        seen.extend(settle(&world.queue));
        let lost = BEFORE.len() - seen.len();
        assert_eq!(seen, BEFORE.map(once)[lost..], "more than the first is lost, or it is twice");
        assert_eq!(world.queue.counters().lost, lost as u64, "what is lost is counted");
        assert!(lost <= 1);
        assert_whole(&world.queue);
        if lost == 1 { Effect::Done } else { Effect::NotYet }
    }

    fn stopped(world: &mut World, at: &Path) {
        DequeueBatch::stopped(world, at);
    }

    fn continued(world: World, at: &Path, report: u8) {
        assert_eq!(world.queue.counters().lost, 0, "nobody died");
        DequeueBatch::continued(world, at, report);
    }
}
