//! Recovery itself: the child finds a dead participant of a queue and gives back what it held.

use std::path::Path;

use super::clock::progress;
use super::queues::{Item, LOOKED, Queue, World, again, number_in, once, settle, take, taken};
use super::runner::{Effect, Operation};
use super::segments::Shared;
use super::tracer::{inside, mark};

/// What the victim has taken when it dies.
const HELD: u64 = 0;
/// What stands in the queue behind it.
const BEHIND: [u64; 2] = [1, 2];

/// Takes the first message, and a slot to fill, and is killed with both.
fn die_with_both(at: &Path) {
    let queue = Queue::attach(at).expect("the parent has made it");
    let message = queue.dequeue().expect("one is there");
    let loan = queue.loan().expect("there is room");
    mark();
    drop((message, loan));
}

/// What the victim held comes again within the time for progress.
fn take_held(world: &mut World) {
    if !world.seen.contains(&again(HELD)) {
        let seen = take(&world.queue);
        world.seen.push(seen);
    }
}

fn all() -> Vec<super::queues::Seen> {
    BEHIND.into_iter().map(once).chain([again(HELD)]).collect()
}

/// `open`, which gets the place of a dead participant.
pub(crate) struct OpenAfterDeath;

impl Operation for OpenAfterDeath {
    type World = World;
    const VISIBLE: bool = false;
    const VICTIM: Option<fn(&Path)> = Some(die_with_both);

    fn world(at: &Path) -> World {
        World::new(at, [HELD].into_iter().chain(BEHIND))
    }

    fn child(at: &Path) -> u8 {
        inside(|| Queue::attach(at)).expect("the parent is there");
        0
    }

    fn killed(mut world: World, _: &Path) -> Effect {
        world.take_all();
        take_held(&mut world);
        world.assert_seen(all());
        Effect::NotYet
    }

    fn stopped(world: &mut World, _: &Path) {
        world.take_all();
        take_held(world);
    }

    fn continued(world: World, _: &Path, _: u8) {
        world.assert_seen(all());
    }
}

/// `try_dequeue` in an empty queue, until it has looked for the dead.
pub(crate) struct DequeueAfterDeath;

/// The child looks so often before the operation begins, and so often inside at most.
const LOOKS: (usize, usize) = (62, 200);

impl Operation for DequeueAfterDeath {
    type World = World;
    const VISIBLE: bool = false;
    const VICTIM: Option<fn(&Path)> = Some(|at| {
        let queue = Queue::attach(at).expect("the parent has made it");
        queue.try_enqueue(&Item::new(HELD)).expect("there is room");
        drop(queue);
        die_with_both(at);
    });

    fn world(at: &Path) -> World {
        World::new(at, [])
    }

    fn child(at: &Path) -> u8 {
        let queue = Queue::attach(at).expect("the parent has made it");
        for _ in 0..LOOKS.0 {
            assert!(queue.try_dequeue().expect("it works").is_none());
        }
        // By now it is time to look for the dead, as soon as the looks are enough.
        std::thread::sleep(LOOKED);
        let message = inside(|| (0..LOOKS.1).find_map(|_| queue.try_dequeue().expect("it works")));
        assert!(message.as_ref().is_none_or(|message| message.header().redelivered()));
        taken(message.as_ref())
    }

    fn killed(mut world: World, _: &Path) -> Effect {
        take_held(&mut world);
        world.assert_seen(vec![again(HELD)]);
        Effect::NotYet
    }

    fn stopped(world: &mut World, _: &Path) {
        world.take_all();
        // Who gets it, depends on whether the child has it already.
        let seen = progress(|| settle(&world.queue));
        world.seen.extend(seen);
    }

    fn continued(mut world: World, _: &Path, report: u8) {
        world.seen.extend(number_in(report).map(again));
        world.assert_seen(vec![again(HELD)]);
    }
}
