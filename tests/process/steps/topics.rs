//! Operations on a topic.

use std::marker::PhantomData;
use std::path::Path;

use barewire::codec::{Decode, Encode};
use barewire::ipc::TopicBuilder;
use barewire::layout::FixedLayout;
use barewire::{BareSchema, Publisher, Result, Subscriber, Topic, Wait};

use super::clock::progress;
use super::queues::{BEFORE, CHILDS, Item, LEFT, LONG};
use super::runner::{Effect, Operation};
use super::segments::{NAME, Shared};
use super::tracer::{inside, mark};

/// How far a publisher can be ahead.
const DEPTH: u64 = 8;
/// What the child publishes at once.
const BATCH: [u64; 3] = [CHILDS, CHILDS + 1, CHILDS + 2];

/// A message that shows if it is torn, and has a number below 256.
pub(crate) trait Numbered: FixedLayout + Encode + for<'de> Decode<'de> + Sized {
    fn numbered(number: u64) -> Self;
    fn whole(&self) -> u64;
}

/// One that announces itself.
impl Numbered for Item {
    fn numbered(number: u64) -> Self {
        Self::new(number)
    }

    fn whole(&self) -> u64 {
        self.number()
    }
}

/// One that is larger than a cache line.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Large {
    copies: [u64; 16],
}

impl Numbered for Large {
    fn numbered(number: u64) -> Self {
        Self { copies: [number; 16] }
    }

    fn whole(&self) -> u64 {
        assert_eq!(self.copies, [self.copies[0]; 16], "torn");
        self.copies[0]
    }
}

fn builder<T: Numbered>(at: &Path) -> TopicBuilder<T> {
    Topic::builder(NAME).directory(at).depth(DEPTH as usize).publishers(2).subscribers(3)
}

fn open<T: Numbered>(at: &Path) -> Topic<T> {
    builder(at).open().expect("the parent has made it")
}

/// All that is there now.
fn take_all<T: Numbered>(subscriber: &mut Subscriber<T>) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(message) = progress(|| subscriber.try_take()).expect("it works") {
        all.push(message.read().expect("a value").whole());
    }
    all
}

fn publish<T: Numbered>(publisher: &mut Publisher<T>, number: u64) {
    let message = T::numbered(number);
    progress(|| publisher.publish_timeout(&message, LONG)).expect("nobody alive is behind");
}

pub(crate) type Small = Topic<Item>;

impl Shared for Small {
    fn make(at: &Path) -> Result<Self> {
        builder(at).create()
    }

    fn attach(at: &Path) -> Result<Self> {
        builder(at).open()
    }

    fn work(&self) {
        let mut subscriber = self.subscriber().expect("a place");
        let mut publisher = self.publisher().expect("a lane");
        BEFORE.iter().for_each(|number| publish(&mut publisher, *number));
        assert_eq!(take_all(&mut subscriber), BEFORE);
    }
}

/// A topic in which the parent has published, and what it has taken itself.
pub(crate) struct World<T: FixedLayout> {
    subscriber: Subscriber<T>,
    publisher: Publisher<T>,
    topic: Topic<T>,
    /// A second publisher of the parent, if it got one.
    second: Option<Publisher<T>>,
    seen: Vec<u64>,
    /// How many messages the parent has published while the child stood still.
    published: u64,
}

impl<T: Numbered> World<T> {
    fn new(builder: TopicBuilder<T>) -> Self {
        let topic = builder.create().expect("nobody has made it");
        let subscriber = topic.subscriber().expect("a place");
        let mut publisher = topic.publisher().expect("a lane");
        BEFORE.iter().for_each(|number| publish(&mut publisher, *number));
        Self { subscriber, publisher, topic, second: None, seen: Vec::new(), published: 0 }
    }

    fn take_all(&mut self) {
        let seen = take_all(&mut self.subscriber);
        self.seen.extend(seen);
    }

    /// What the child has published, if the parent's own messages all came, in their order.
    fn childs(&mut self) -> Vec<u64> {
        self.take_all();
        let (childs, others): (Vec<_>, Vec<_>) =
            self.seen.drain(..).partition(|number| (CHILDS..LEFT).contains(number));
        let left = (LEFT..).take(self.published as usize);
        assert_eq!(others, BEFORE.into_iter().chain(left).collect::<Vec<_>>());
        assert_eq!(childs, BATCH[..childs.len()], "lost, twice or out of order");
        childs
    }

    /// The parent publishes, and takes it at once.
    fn publish_left(&mut self) {
        publish(&mut self.publisher, LEFT + self.published);
        self.published += 1;
        self.take_all();
    }

    /// Nobody else is there: both lanes work, and hold as much as when they were new.
    fn assert_whole(mut self) {
        assert_eq!(take_all(&mut self.subscriber), [0_u64; 0], "more than there was");
        drop(self.second);
        let mut other = progress(|| self.topic.publisher()).expect("the other lane is free");
        for publisher in [&mut self.publisher, &mut other] {
            for _ in 0..2 {
                (0..DEPTH).for_each(|number| publish(publisher, number));
                let full = progress(|| publisher.try_publish(&T::numbered(DEPTH)));
                assert!(full.expect_err("it is full").is_full());
                assert_eq!(take_all(&mut self.subscriber), Vec::from_iter(0..DEPTH));
            }
        }
        let places = [(); 2].map(|()| progress(|| self.topic.subscriber()).expect("a place"));
        drop(places);
    }
}

/// Operations that publish differ in what the child does, and in how much it is.
macro_rules! publishes {
    ($(
        $(#[$doc:meta])*
        $operation:ident, $count:literal: |$publisher:ident| $publish:expr;
    )*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation<T>(PhantomData<T>);

        impl<T: Numbered> Operation for $operation<T> {
            type World = World<T>;
            const VISIBLE: bool = true;

            fn world(at: &Path) -> World<T> {
                World::new(builder(at))
            }

            fn child(at: &Path) -> u8 {
                let topic = open::<T>(at);
                let mut $publisher = topic.publisher().expect("the other lane");
                inside(|| $publish).expect("there is room");
                0
            }

            fn killed(mut world: World<T>, _: &Path) -> Effect {
                let childs = world.childs();
                world.assert_whole();
                if childs.len() == $count { Effect::Done } else { Effect::NotYet }
            }

            fn stopped(world: &mut World<T>, _: &Path) {
                world.take_all();
                world.publish_left();
            }

            fn continued(mut world: World<T>, _: &Path, _: u8) {
                assert_eq!(world.childs(), BATCH[..$count]);
                world.assert_whole();
            }
        }
    )*};
}

publishes! {
    /// `publish`.
    Publish, 1: |publisher| publisher.publish(&T::numbered(CHILDS));
    /// `publish_batch`.
    PublishBatch, 3: |publisher| publisher.publish_batch(&BATCH.map(T::numbered));
}

/// `publisher`, which takes a lane.
pub(crate) struct Claim;

impl Operation for Claim {
    type World = World<Item>;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> Self::World {
        World::new(builder(at))
    }

    fn child(at: &Path) -> u8 {
        let topic = open::<Item>(at);
        match inside(|| topic.publisher()) {
            Ok(mut publisher) => {
                publisher.publish(&Item::new(CHILDS)).expect("there is room");
                1
            }
            Err(error) => {
                assert_eq!(error.kind(), barewire::ErrorKind::TooManyParticipants, "{error}");
                0
            }
        }
    }

    fn killed(mut world: Self::World, _: &Path) -> Effect {
        assert_eq!(world.childs(), [0_u64; 0]);
        world.assert_whole();
        Effect::NotYet
    }

    fn stopped(world: &mut Self::World, _: &Path) {
        world.publish_left();
        world.second = progress(|| world.topic.publisher()).ok();
    }

    fn continued(mut world: Self::World, _: &Path, report: u8) {
        assert_eq!(world.second.is_none(), report == 1, "one of the two gets the lane");
        assert_eq!(world.childs(), BATCH[..usize::from(report)]);
        world.assert_whole();
    }
}

/// `subscriber`, which takes a place.
pub(crate) struct Subscribe;

impl Operation for Subscribe {
    type World = World<Item>;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> Self::World {
        World::new(builder(at))
    }

    fn child(at: &Path) -> u8 {
        let topic = open::<Item>(at);
        let mut subscriber = inside(|| topic.subscriber()).expect("a place");
        let seen = take_all(&mut subscriber);
        // Nothing from before, and from the first message on nothing is left out.
        assert!(seen.is_empty() || seen == [LEFT], "{seen:?}");
        // A subscriber sees what is published from now on.
        let mut publisher = topic.publisher().expect("the other lane");
        publisher.publish(&Item::new(CHILDS)).expect("there is room");
        assert_eq!(take_all(&mut subscriber), [CHILDS]);
        0
    }

    fn killed(mut world: Self::World, _: &Path) -> Effect {
        assert_eq!(world.childs(), [0_u64; 0]);
        world.assert_whole();
        Effect::NotYet
    }

    fn stopped(world: &mut Self::World, _: &Path) {
        world.publish_left();
    }

    fn continued(mut world: Self::World, _: &Path, _: u8) {
        assert_eq!(world.childs(), [CHILDS]);
        world.assert_whole();
    }
}

/// Operations that take from a lossless topic: nothing is overwritten that was not taken.
macro_rules! takes {
    ($($(#[$doc:meta])* $operation:ident: |$subscriber:ident| $take:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation<T>(PhantomData<T>);

        impl<T: Numbered> Operation for $operation<T> {
            type World = World<T>;
            const VISIBLE: bool = false;

            fn world(at: &Path) -> World<T> {
                World::new(builder(at))
            }

            fn child(at: &Path) -> u8 {
                let topic = open::<T>(at);
                let mut $subscriber = topic.subscriber_from_last(BEFORE.len()).expect("a place");
                let mut seen: Vec<u64> = inside(|| $take);
                seen.extend(take_all(&mut $subscriber));
                assert_eq!(seen[..BEFORE.len()], BEFORE);
                let left = Vec::from_iter((LEFT..).take(seen.len() - BEFORE.len()));
                assert_eq!(seen[BEFORE.len()..], left);
                u8::try_from(left.len()).expect("few")
            }

            fn killed(mut world: World<T>, _: &Path) -> Effect {
                assert_eq!(world.childs(), [0_u64; 0]);
                world.assert_whole();
                Effect::NotYet
            }

            fn stopped(world: &mut World<T>, _: &Path) {
                world.take_all();
                // As much as the child lets it.
                let next = |world: &World<T>| T::numbered(LEFT + world.published);
                while progress(|| world.publisher.try_publish(&next(world))).is_ok() {
                    world.published += 1;
                }
                let most = DEPTH - BEFORE.len() as u64;
                let taken = world.published.checked_sub(most).expect("there was room for more");
                assert!(taken <= BEFORE.len() as u64, "what the child reads was overwritten");
                world.take_all();
            }

            fn continued(mut world: World<T>, _: &Path, left: u8) {
                assert_eq!(u64::from(left), world.published, "lost or twice");
                assert_eq!(world.childs(), [0_u64; 0]);
                world.assert_whole();
            }
        }
    )*};
}

takes! {
    /// `take`, and dropping the message.
    Take: |subscriber| {
        let message = subscriber.take().expect("it works");
        vec![message.read().expect("a value").whole()]
    };
    /// `take_batch`, and dropping the batch.
    TakeBatch: |subscriber| {
        let batch = subscriber.take_batch(2).expect("it works");
        batch.iter().map(|message| message.read().expect("a value").whole()).collect()
    };
}

/// `take` from a lossy topic: a whole message, and how many were missed before it.
pub(crate) struct TakeLossy<T>(PhantomData<T>);

/// More than the slots of a small topic.
const FLOOD: u64 = 60;

impl<T: Numbered> Operation for TakeLossy<T> {
    type World = World<T>;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> World<T> {
        World::new(builder(at).lossy())
    }

    fn child(at: &Path) -> u8 {
        let topic = open::<T>(at);
        let mut subscriber = topic.subscriber_from_last(BEFORE.len()).expect("a place");
        let message = inside(|| subscriber.take_timeout(LONG)).expect("it works");
        let message = message.expect("there is one");
        assert_eq!(message.read().expect("a value").whole(), message.missed());
        0
    }

    fn killed(mut world: World<T>, _: &Path) -> Effect {
        assert_eq!(take_all(&mut world.subscriber), BEFORE);
        Self::stopped(&mut world, Path::new(""));
        Effect::NotYet
    }

    fn stopped(world: &mut World<T>, _: &Path) {
        take_all(&mut world.subscriber);
        for number in BEFORE.len() as u64..FLOOD {
            publish(&mut world.publisher, number);
            assert_eq!(take_all(&mut world.subscriber), [number]);
        }
    }

    fn continued(mut world: World<T>, _: &Path, _: u8) {
        publish(&mut world.publisher, FLOOD);
        assert_eq!(take_all(&mut world.subscriber), [FLOOD]);
        progress(|| world.topic.publisher()).expect("the other lane is free");
    }
}

/// `publish`, which a dead subscriber holds back.
pub(crate) struct PublishAfterDeath;

/// So many messages the child publishes before the operation, and in it: more than once around.
const AROUND: (u64, u64) = (DEPTH, DEPTH + 3);

impl Operation for PublishAfterDeath {
    type World = Topic<Item>;
    const VISIBLE: bool = true;
    const VICTIM: Option<fn(&Path)> = Some(|at| {
        let topic = open::<Item>(at);
        let subscriber = topic.subscriber_from_last(DEPTH as usize).expect("a place");
        mark();
        drop(subscriber);
    });

    fn world(at: &Path) -> Self::World {
        Topic::make(at).expect("nobody has made it")
    }

    fn child(at: &Path) -> u8 {
        // Without a hundred thousand instructions that only spin.
        let topic = builder::<Item>(at).wait(Wait::Park).open().expect("the parent has made it");
        let mut publisher = topic.publisher().expect("a lane");
        let mut publish = |numbers: std::ops::Range<u64>| {
            for number in numbers {
                publisher.publish(&Item::new(number)).expect("nobody alive is behind");
            }
        };
        publish(0..AROUND.0);
        inside(|| publish(AROUND.0..AROUND.0 + AROUND.1));
        0
    }

    fn killed(world: Self::World, _: &Path) -> Effect {
        let end = Self::seen(&world);
        // A message that was visible before its publisher could say so stays visible; the next
        // publisher of the lane says it.
        let publishers = [(); 2].map(|()| progress(|| world.publisher()).expect("a lane"));
        drop(publishers);
        world.work();
        if end == AROUND.0 + AROUND.1 { Effect::Done } else { Effect::NotYet }
    }

    fn stopped(world: &mut Self::World, _: &Path) {
        Self::seen(world);
        let mut other = progress(|| world.publisher()).expect("the other lane");
        let mut subscriber = progress(|| world.subscriber()).expect("a place");
        (0..DEPTH).for_each(|number| publish(&mut other, LEFT + number));
        let mut seen = take_all(&mut subscriber);
        // A message of the child's may be visible that it has not counted yet.
        seen.retain(|number| *number >= LEFT);
        assert_eq!(seen, Vec::from_iter(LEFT..LEFT + DEPTH));
    }

    fn continued(world: Self::World, _: &Path, _: u8) {
        let mut late = world.subscriber_from_last(DEPTH as usize).expect("a place");
        let seen = take_all(&mut late);
        let end = AROUND.0 + AROUND.1;
        let childs: Vec<_> = seen.into_iter().filter(|number| *number < LEFT).collect();
        assert_eq!(childs, Vec::from_iter(end - DEPTH..end));
        drop(late);
        world.work();
    }
}

impl PublishAfterDeath {
    /// The number after the last one that is there; those before it are there, too.
    fn seen(topic: &Topic<Item>) -> u64 {
        let mut late = progress(|| topic.subscriber_from_last(DEPTH as usize)).expect("a place");
        let seen = take_all(&mut late);
        let end = seen.last().expect("some were published before") + 1;
        assert_eq!(seen, Vec::from_iter(end - seen.len() as u64..end));
        end
    }
}
