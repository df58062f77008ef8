//! Operations on a queue.

use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use barewire::{BareSchema, MessageQueue, QueueMessage, Result};

use super::clock::progress;
use super::runner::{Effect, Operation};
use super::segments::{NAME, Shared};
use super::tracer::inside;

/// A message that shows if it is torn.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Item {
    number: u64,
    check: u64,
}

impl Item {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, check: !number }
    }

    pub(crate) fn number(&self) -> u64 {
        assert_eq!(self.check, !self.number, "torn");
        self.number
    }
}

pub(crate) type Queue = MessageQueue<Item>;

pub(super) const CAPACITY: u64 = 8;
/// What stands in the queue before the operation.
pub(super) const BEFORE: [u64; 3] = [0, 1, 2];
/// What the child puts in.
pub(super) const CHILDS: u64 = 50;
/// What the parent puts in to see what stands before it.
const LINE: u64 = 60;
/// What the parent leaves for a child that goes on.
pub(super) const LEFT: u64 = 70;
/// Longer than anything takes that is not stuck.
pub(super) const LONG: Duration = Duration::from_secs(30);

/// A message that the parent has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) redelivered: bool,
}

pub(crate) fn once(number: u64) -> Seen {
    Seen { number, redelivered: false }
}

pub(crate) fn again(number: u64) -> Seen {
    Seen { number, redelivered: true }
}

fn seen(message: &QueueMessage<'_, Item>) -> Seen {
    assert_eq!(message.check, !message.number, "torn");
    Seen { number: message.number, redelivered: message.header().redelivered() }
}

/// Waits for the next message, which is due.
pub(crate) fn take(queue: &Queue) -> Seen {
    let message = progress(|| queue.dequeue_timeout(LONG)).expect("it works");
    seen(&message.expect("a message is due"))
}

/// Somewhat longer than the time after which one who only tries looks for the dead again.
pub(crate) const LOOKED: Duration = Duration::from_millis(5);
/// More looks than go by between two looks for the dead, once it is time.
const LOOKS: u32 = 128;

/// All that comes to one who only tries, until the dead were looked for.
pub(crate) fn settle(queue: &Queue) -> Vec<Seen> {
    std::thread::sleep(LOOKED);
    let looks = (0..LOOKS).filter_map(|_| queue.try_dequeue().expect("it works"));
    looks.map(|message| seen(&message)).collect()
}

/// Puts a message in and takes it and all others: neither may take long.
pub(crate) fn take_all(queue: &Queue) -> Vec<Seen> {
    progress(|| queue.enqueue_timeout(&Item::new(LINE), LONG)).expect("there is room");
    let mut all = Vec::new();
    loop {
        match take(queue) {
            Seen { number: LINE, redelivered: false } => break,
            other => all.push(other),
        }
    }
    // What other producers have sent is in no order with the line.
    while let Some(message) = queue.try_dequeue().expect("it works") {
        all.push(seen(&message));
    }
    all
}

/// Empty now, and holds as many messages as when it was new.
pub(crate) fn assert_whole(queue: &Queue) {
    assert_eq!(settle(queue), [], "more than there was");
    assert_room(queue);
}

/// An empty queue holds as many messages as when it was new.
fn assert_room(queue: &Queue) {
    for number in 0..CAPACITY {
        progress(|| queue.enqueue_timeout(&Item::new(number), LONG)).expect("there is room");
    }
    let full = progress(|| queue.try_enqueue(&Item::new(CAPACITY))).expect_err("it is full");
    assert!(full.is_full(), "{full}");
    for number in 0..CAPACITY {
        assert_eq!(take(queue), once(number));
    }
    assert_eq!(settle(queue), []);
}

/// A queue and what was taken from it while the child stood still.
pub(crate) struct World {
    pub(crate) queue: Queue,
    pub(crate) seen: Vec<Seen>,
}

impl World {
    pub(crate) fn new(at: &Path, numbers: impl IntoIterator<Item = u64>) -> Self {
        let queue = Queue::make(at).expect("nobody has made it");
        for number in numbers {
            queue.try_enqueue(&Item::new(number)).expect("there is room");
        }
        Self { queue, seen: Vec::new() }
    }

    pub(crate) fn take_all(&mut self) {
        let seen = take_all(&self.queue);
        self.seen.extend(seen);
    }

    /// All that was taken was `expected`, each once, in any order.
    pub(crate) fn assert_seen(mut self, mut expected: Vec<Seen>) {
        self.seen.extend(settle(&self.queue));
        self.seen.sort_by_key(|seen| seen.number);
        expected.sort_by_key(|seen| seen.number);
        assert_eq!(self.seen, expected);
        assert_room(&self.queue);
    }
}

impl Shared for Queue {
    fn make(at: &Path) -> Result<Self> {
        Self::builder(NAME).directory(at).capacity(CAPACITY as usize).create()
    }

    fn attach(at: &Path) -> Result<Self> {
        Self::builder(NAME).directory(at).open()
    }

    fn work(&self) {
        assert_eq!(take_all(self), []);
    }
}

pub(super) fn open(at: &Path) -> Queue {
    Queue::attach(at).expect("the parent has made it")
}

/// What was there before, in order, and perhaps the child's message: of another producer, so
/// anywhere among them.
fn after_send(queue: &Queue) -> Effect {
    let (childs, others): (Vec<_>, Vec<_>) =
        take_all(queue).into_iter().partition(|seen| *seen == once(CHILDS));
    assert_eq!(others, BEFORE.map(once), "lost or out of order");
    assert_whole(queue);
    match childs.len() {
        0 => Effect::NotYet,
        1 => Effect::Done,
        more => panic!("the child's message came {more} times"),
    }
}

/// Operations that put one message in differ in what the child does, and in nothing else.
macro_rules! sends {
    ($($(#[$doc:meta])* $operation:ident: |$queue:ident| $send:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation;

        impl Operation for $operation {
            type World = World;
            const VISIBLE: bool = true;

            fn world(at: &Path) -> World {
                World::new(at, BEFORE)
            }

            fn child(at: &Path) -> u8 {
                let $queue = open(at);
                inside(|| $send);
                0
            }

            fn killed(world: World, _: &Path) -> Effect {
                after_send(&world.queue)
            }

            fn stopped(world: &mut World, _: &Path) {
                world.take_all();
            }

            fn continued(mut world: World, _: &Path, _: u8) {
                world.take_all();
                let before = |seen: &&Seen| seen.number != CHILDS;
                let others: Vec<_> = world.seen.iter().filter(before).copied().collect();
                assert_eq!(others, BEFORE.map(once), "out of order");
                world.assert_seen(BEFORE.into_iter().chain([CHILDS]).map(once).collect());
            }
        }
    )*};
}

sends! {
    /// `enqueue`, into a queue with room.
    Enqueue: |queue| queue.enqueue(&Item::new(CHILDS)).expect("there is room");
    /// `try_enqueue`, into a queue with room.
    TryEnqueue: |queue| queue.try_enqueue(&Item::new(CHILDS)).expect("there is room");
    /// `loan`, filling in place, and `send`.
    LoanSend: |queue| {
        let mut loan = queue.loan().expect("there is room");
        loan.number = CHILDS;
        loan.check = !CHILDS;
        loan.send().expect("there is room");
    };
    /// `loan_async`, then `send`.
    LoanAsync: |queue| {
        let mut loan = at_once(queue.loan_async()).expect("there is room");
        loan.number = CHILDS;
        loan.check = !CHILDS;
        loan.send().expect("there is room");
    };
}

/// What a future yields that need not wait.
pub(super) fn at_once<R>(future: impl Future<Output = R>) -> R {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(result) = polled else { panic!("it has to wait") };
    result
}

/// Operations that change nothing, whatever the child sees.
macro_rules! changes_nothing {
    ($($(#[$doc:meta])* $operation:ident: |$queue:ident| $act:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation;

        impl Operation for $operation {
            type World = World;
            const VISIBLE: bool = false;

            fn world(at: &Path) -> World {
                World::new(at, BEFORE)
            }

            fn child(at: &Path) -> u8 {
                let $queue = open(at);
                inside(|| $act);
                0
            }

            fn killed(world: World, _: &Path) -> Effect {
                assert_eq!(take_all(&world.queue), BEFORE.map(once));
                assert_whole(&world.queue);
                Effect::NotYet
            }

            fn stopped(world: &mut World, _: &Path) {
                world.take_all();
                progress(|| world.queue.try_enqueue(&Item::new(LEFT))).expect("there is room");
            }

            fn continued(mut world: World, _: &Path, _: u8) {
                world.take_all();
                world.assert_seen(BEFORE.into_iter().chain([LEFT]).map(once).collect());
            }
        }
    )*};
}

changes_nothing! {
    /// `loan`, dropped unsent.
    LoanDrop: |queue| drop(queue.loan().expect("there is room"));
    /// `peek`: a whole message that stands or stood at the head.
    Peek: |queue| {
        let item = queue.peek().expect("it works").expect("never empty for long enough");
        assert!([0, 1, 2, LINE, LEFT].contains(&item.number()), "{item:?}");
    };
}

/// `try_enqueue`, into a full queue.
pub(crate) struct TryEnqueueFull;

impl Operation for TryEnqueueFull {
    type World = World;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> World {
        World::new(at, 0..CAPACITY)
    }

    fn child(at: &Path) -> u8 {
        let queue = open(at);
        match inside(|| queue.try_enqueue(&Item::new(CHILDS))) {
            Ok(()) => 1,
            Err(error) if error.is_full() => 0,
            Err(error) => panic!("neither sent nor full: {error}"),
        }
    }

    fn killed(world: World, _: &Path) -> Effect {
        for number in 0..CAPACITY {
            assert_eq!(take(&world.queue), once(number));
        }
        assert_whole(&world.queue);
        Effect::NotYet
    }

    fn stopped(world: &mut World, _: &Path) {
        world.seen.push(take(&world.queue));
    }

    fn continued(world: World, _: &Path, sent: u8) {
        world.assert_seen((0..CAPACITY).chain((sent == 1).then_some(CHILDS)).map(once).collect());
    }
}

/// What the child has taken, as a report.
pub(crate) fn taken(message: Option<&QueueMessage<'_, Item>>) -> u8 {
    message.map_or(0, |message| 1 + u8::try_from(seen(message).number).expect("a small number"))
}

/// The number in such a report.
pub(crate) fn number_in(report: u8) -> Option<u64> {
    report.checked_sub(1).map(u64::from)
}

/// The first message again if the child had taken it, all others once.
fn after_take(queue: &Queue) -> Effect {
    let mut seen = take_all(queue);
    let effect = if seen.contains(&once(BEFORE[0])) { Effect::NotYet } else { Effect::Done };
    if effect == Effect::Done {
        if !seen.contains(&again(BEFORE[0])) {
            seen.push(take(queue));
        }
        let at = seen.iter().position(|seen| *seen == again(BEFORE[0]));
        seen.remove(at.expect("lost"));
        seen.insert(0, once(BEFORE[0]));
    }
    assert_eq!(seen, BEFORE.map(once));
    assert_whole(queue);
    effect
}

/// Operations that take one message; the last says whether they wait for one.
macro_rules! takes {
    ($($(#[$doc:meta])* $operation:ident: |$queue:ident| $take:expr, $waits:literal;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation;

        impl Operation for $operation {
            type World = World;
            const VISIBLE: bool = true;

            fn world(at: &Path) -> World {
                World::new(at, BEFORE)
            }

            fn child(at: &Path) -> u8 {
                let $queue = open(at);
                let message = inside(|| $take).expect("it works");
                taken(message.as_ref())
            }

            fn killed(world: World, _: &Path) -> Effect {
                after_take(&world.queue)
            }

            fn stopped(world: &mut World, _: &Path) {
                world.take_all();
                progress(|| world.queue.try_enqueue(&Item::new(LEFT))).expect("there is room");
            }

            fn continued(mut world: World, _: &Path, report: u8) {
                let childs = number_in(report);
                assert!(childs.is_some() || !$waits, "it came back with nothing");
                world.take_all();
                world.seen.extend(childs.map(once));
                world.assert_seen(BEFORE.into_iter().chain([LEFT]).map(once).collect());
            }
        }
    )*};
}

takes! {
    /// `try_dequeue`.
    TryDequeue: |queue| queue.try_dequeue(), false;
    /// `dequeue`.
    Dequeue: |queue| queue.dequeue().map(Some), true;
    /// `dequeue_timeout`.
    DequeueTimeout: |queue| queue.dequeue_timeout(LONG), true;
}

/// Dropping a message, which acknowledges it.
pub(crate) struct Acknowledge;

impl Operation for Acknowledge {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        World::new(at, BEFORE)
    }

    fn child(at: &Path) -> u8 {
        let queue = open(at);
        let message = queue.dequeue().expect("three are there");
        inside(|| drop(message));
        0
    }

    fn killed(world: World, _: &Path) -> Effect {
        let mut seen = take_all(&world.queue);
        seen.extend(settle(&world.queue));
        let first = seen.iter().position(|seen| *seen == again(BEFORE[0]));
        if let Some(at) = first {
            seen.remove(at);
        }
        assert_eq!(seen, BEFORE[1..].iter().map(|number| once(*number)).collect::<Vec<_>>());
        assert_whole(&world.queue);
        if first.is_some() { Effect::NotYet } else { Effect::Done }
    }

    fn stopped(world: &mut World, _: &Path) {
        world.take_all();
    }

    fn continued(world: World, _: &Path, _: u8) {
        world.assert_seen(BEFORE[1..].iter().map(|number| once(*number)).collect());
    }
}
