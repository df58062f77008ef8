//! Every interleaving of the protocol of calls, as loom finds them.

use std::sync::atomic::Ordering;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64};
use loom::thread;

use super::shape::Shape;
use super::slots::{CallId, Cancelled, Letting, Progress, Slots};
use crate::sync::words::model::Model;

const CLIENT: u8 = 1;
const SERVER: u8 = 2;
const OTHER: u8 = 3;
const DEAD: u64 = 1;

/// Bytes that one participant owns at a time; loom finds two that use them at once.
struct Place(UnsafeCell<u64>);

impl Place {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }
    fn read(&self) -> u64 {
        // SAFETY: loom checks that nobody writes meanwhile.
        self.0.with(|value| unsafe { *value })
    }
    fn write(&self, new: u64) {
        // SAFETY: loom checks that nobody reads or writes meanwhile.
        self.0.with_mut(|value| unsafe { *value = new });
    }
}

/// A service of one line with one slot.
struct World {
    words: Model,
    shape: Shape,
    request: Place,
    replies: [Place; 2],
    /// [`DEAD`] while a participant is dead and not yet swept.
    life: AtomicU64,
    done: AtomicBool,
}

// SAFETY: the places are what loom watches.
unsafe impl Sync for World {}
// SAFETY: as above.
unsafe impl Send for World {}

impl World {
    fn new(frames: usize, life: u64) -> Arc<Self> {
        let shape = Shape::model(1, frames);
        Arc::new(Self {
            words: Model::new(shape.body_bytes()),
            shape,
            request: Place::new(),
            replies: [Place::new(), Place::new()],
            life: AtomicU64::new(life),
            done: AtomicBool::new(false),
        })
    }

    fn slots(&self, me: u8) -> Slots<'_, Model> {
        Slots { words: &self.words, shape: &self.shape, me }
    }

    /// Calls with `request` in the slot, once it is free.
    fn call(&self, me: u8, line: usize, request: u64) -> CallId {
        let slots = self.slots(me);
        let call = until(|| slots.next_call(line, 0));
        self.request.write(request);
        slots.prepare(call, false);
        slots.publish(call);
        call
    }

    fn progress(&self, me: u8, call: CallId, index: u64) -> Progress {
        until(|| {
            let found = self.slots(me).progress(call, index);
            (found != Progress::Waiting).then_some(found)
        })
    }

    /// Answers every call with its request + 100, until the test is done.
    fn serve(&self, me: u8) -> u64 {
        let mut served = 0;
        until(|| {
            if self.answer(me) {
                served += 1;
                return None;
            }
            self.done.load(Ordering::Acquire).then_some(served)
        })
    }

    fn answer(&self, me: u8) -> bool {
        let Some(call) = self.slots(me).take((0, 0)) else {
            return false;
        };
        self.replies[0].write(self.request.read() + 100);
        self.slots(me).reply(call, 8);
        true
    }

    /// As a segment does it: sweeps, then clears the entry.
    fn sweep(&self, me: u8, dead: u8) {
        if self.life.load(Ordering::Acquire) != DEAD {
            return;
        }
        self.slots(me).sweep(dead, &|| self.life.load(Ordering::SeqCst) == DEAD);
        let _ = self.life.compare_exchange(DEAD, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        thread::yield_now();
    }
}

fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

#[test]
fn each_call_gets_its_own_reply() {
    explore(3, || {
        let world = World::new(1, 0);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        let serving = thread::spawn({
            let world = world.clone();
            move || world.serve(SERVER)
        });
        for request in 1..=2 {
            let call = world.call(CLIENT, line, request);
            assert_eq!(world.progress(CLIENT, call, 0), Progress::Last(8));
            assert_eq!(world.replies[0].read(), request + 100);
        }
        world.done.store(true, Ordering::Release);
        assert_eq!(serving.join().expect("it serves"), 2);
    });
}

#[test]
fn a_call_is_taken_by_one_server() {
    explore(3, || {
        let world = World::new(1, 0);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        let call = world.call(CLIENT, line, 1);
        let other = thread::spawn({
            let world = world.clone();
            move || world.answer(OTHER)
        });
        let mine = world.answer(SERVER);
        assert_eq!(world.progress(CLIENT, call, 0), Progress::Last(8));
        assert_eq!(world.replies[0].read(), 101);
        assert!(mine ^ other.join().expect("it tries"), "one of the two has it");
    });
}

#[test]
fn the_reply_to_a_cancelled_call_reaches_no_other() {
    explore(3, || {
        let world = World::new(1, 0);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        let serving = thread::spawn({
            let world = world.clone();
            move || world.serve(SERVER)
        });
        let first = world.call(CLIENT, line, 1);
        let outcome = world.slots(CLIENT).cancel(first);
        let second = world.call(CLIENT, line, 2);
        assert_eq!(world.progress(CLIENT, second, 0), Progress::Last(8));
        assert_eq!(world.replies[0].read(), 102);
        world.done.store(true, Ordering::Release);
        let served = serving.join().expect("it serves");
        assert_eq!(served, if outcome == Cancelled::Untaken { 1 } else { 2 });
    });
}

#[test]
fn the_line_of_a_dead_client_is_used_again_while_a_server_still_answers_it() {
    explore(3, || {
        let world = World::new(1, DEAD);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        world.call(CLIENT, line, 1);
        let serving = thread::spawn({
            let world = world.clone();
            move || world.answer(SERVER)
        });
        world.sweep(OTHER, CLIENT);
        let line = world.slots(OTHER).claim_line().expect("it was swept");
        let call = world.call(OTHER, line, 2);
        // Of the two calls, the server has answered one or, if it looked in between, none.
        let served = serving.join().expect("it serves");
        if world.slots(OTHER).progress(call, 0) == Progress::Waiting {
            assert!(world.answer(SERVER), "the call waits for a server");
        } else {
            assert!(served);
        }
        assert_eq!(world.progress(OTHER, call, 0), Progress::Last(8));
        assert_eq!(world.replies[0].read(), 102);
    });
}

#[test]
fn a_slow_sweeper_takes_nothing_from_the_next_owner_of_a_line() {
    explore(2, || {
        let world = World::new(1, DEAD);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        world.call(CLIENT, line, 1);
        let sweepers = [0, SERVER].map(|me| {
            let world = world.clone();
            thread::spawn(move || world.sweep(me, CLIENT))
        });
        let line = until(|| world.slots(OTHER).claim_line());
        let call = world.call(OTHER, line, 2);
        for sweeper in sweepers {
            sweeper.join().expect("it sweeps");
        }
        assert!(world.answer(SERVER), "the call waits for a server");
        assert_eq!(world.progress(OTHER, call, 0), Progress::Last(8));
        assert_eq!(world.replies[0].read(), 102);
    });
}

/// A server takes a call, does `last`, and dies; its client must see one of `outcomes`.
fn server_death(last: impl Fn(&World, CallId) + Copy + Send + Sync + 'static, outcome: Progress) {
    explore(3, move || {
        let world = World::new(1, 0);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        let call = world.call(CLIENT, line, 1);
        let dying = thread::spawn({
            let world = world.clone();
            move || {
                let taken = world.slots(SERVER).take((0, 0)).expect("nobody else takes it");
                assert_eq!(taken, call);
                world.replies[0].write(world.request.read() + 100);
                last(&world, taken);
                world.life.store(DEAD, Ordering::Release);
            }
        });
        let sweeping = thread::spawn({
            let world = world.clone();
            move || world.sweep(OTHER, SERVER)
        });
        let found = until(|| {
            world.sweep(CLIENT, SERVER);
            let found = world.slots(CLIENT).progress(call, 0);
            (found != Progress::Waiting).then_some(found)
        });
        assert_eq!(found, outcome);
        // The slot is free at once, and carries the next call.
        assert!(world.slots(CLIENT).next_call(line, 0).is_some());
        let next = world.call(CLIENT, line, 2);
        assert!(world.answer(OTHER));
        assert_eq!(world.progress(CLIENT, next, 0), Progress::Last(8));
        assert_eq!(world.replies[0].read(), 102);
        dying.join().expect("it dies on purpose");
        sweeping.join().expect("it sweeps");
    });
}

#[test]
fn a_server_that_dies_before_its_reply_fails_the_call() {
    server_death(|_, _| (), Progress::Failed);
}

#[test]
fn a_server_that_dies_after_its_reply_has_replied() {
    server_death(|world, call| world.slots(SERVER).reply(call, 8), Progress::Last(8));
}

#[test]
fn a_server_that_gives_up_says_so() {
    let give_up = |world: &World, call| world.slots(SERVER).let_go(call, 0, Letting::GiveUp);
    server_death(give_up, Progress::GivenUp);
}

/// A server streams `parts` through two frames, does `last`, and dies.
fn stream(
    parts: u64,
    last: impl Fn(&World, CallId) + Copy + Send + Sync + 'static,
    outcome: Progress,
) {
    explore(2, move || {
        let world = World::new(2, 0);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        let slots = world.slots(CLIENT);
        let call = until(|| slots.next_call(line, 0));
        slots.prepare(call, true);
        slots.publish(call);
        let streaming = thread::spawn({
            let world = world.clone();
            move || {
                let slots = world.slots(SERVER);
                let taken = slots.take((0, 0)).expect("nobody else takes it");
                for index in 0..parts {
                    until(|| slots.has_room(taken, index).then_some(()));
                    world.replies[index as usize & 1].write(index);
                    slots.send_part(taken, index, 8);
                }
                last(&world, taken);
                world.life.store(DEAD, Ordering::Release);
            }
        });
        for index in 0..parts {
            assert_eq!(world.progress(CLIENT, call, index), Progress::Part(8));
            assert_eq!(world.replies[index as usize & 1].read(), index);
            slots.acknowledge(call, index + 1);
        }
        let found = until(|| {
            let found = slots.progress(call, parts);
            if found == Progress::Waiting {
                world.sweep(CLIENT, SERVER);
            }
            (found != Progress::Waiting).then_some(found)
        });
        assert_eq!(found, outcome);
        streaming.join().expect("it streams");
        world.sweep(CLIENT, SERVER);
        assert!(slots.next_call(line, 0).is_some(), "the slot is free");
    });
}

#[test]
fn the_parts_of_a_stream_arrive_whole_and_in_order() {
    stream(4, |world, call| world.slots(SERVER).let_go(call, 4, Letting::End), Progress::Ended);
}

#[test]
fn a_stream_that_is_cut_short_gives_what_was_whole() {
    let give_up = |world: &World, call| world.slots(SERVER).let_go(call, 3, Letting::GiveUp);
    stream(3, give_up, Progress::GivenUp);
}

#[test]
fn a_server_that_dies_in_a_stream_gives_what_was_whole() {
    stream(3, |_, _| (), Progress::Failed);
}

#[test]
fn a_server_waits_for_a_client_that_is_behind_until_it_cancels() {
    explore(3, || {
        let world = World::new(2, 0);
        let line = world.slots(CLIENT).claim_line().expect("the line is free");
        let slots = world.slots(CLIENT);
        let call = until(|| slots.next_call(line, 0));
        slots.prepare(call, true);
        slots.publish(call);
        let streaming = thread::spawn({
            let world = world.clone();
            move || {
                let slots = world.slots(SERVER);
                let taken = slots.take((0, 0)).expect("nobody else takes it");
                slots.send_part(taken, 0, 8);
                slots.send_part(taken, 1, 8);
                until(|| slots.is_cancelled(taken).then_some(()));
                assert!(!slots.has_room(taken, 2), "nothing was received");
                slots.let_go(taken, 2, Letting::GiveUp);
            }
        });
        assert_eq!(world.progress(CLIENT, call, 0), Progress::Part(8));
        assert_eq!(slots.cancel(call), Cancelled::Taken);
        until(|| slots.next_call(line, 0));
        streaming.join().expect("it streams");
    });
}
