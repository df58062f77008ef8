//! `Topic<T>`: every message to every subscriber, each at its own place.

mod dynamic;
mod look;
mod message;
#[cfg(test)]
mod model;
mod publisher;
mod ring;
mod shape;
mod subscriber;
#[cfg(test)]
mod tests;
mod waiting;

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use dynamic::DynamicPublisher;
pub use look::{SubscriberFigures, TopicFigures, TopicLook, TopicTap};
pub use message::{TopicBatch, TopicBatchItem, TopicMessage};
pub use publisher::{Publisher, TopicLoan};
pub use shape::{MAX_DEPTH, MAX_PUBLISHERS, MAX_SUBSCRIBERS};
pub use subscriber::Subscriber;
pub use waiting::Arrivals;

use super::message::MessageHeader;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::{Geometry, Kind, Place, Plan, Segment};
use crate::sync::{Event, Wait};
use crate::sys::map::Mapping;
use ring::{Lane, sweep};
use shape::{Choice, EXPRESS_BYTES, ITEMS, SPACE, Shape};

/// The largest slot of a topic of an unbounded type, in bytes.
const MAX_SLOT_BYTES: usize = 1 << 30;
const DEFAULT_DEPTH: usize = 1024;
const DEFAULT_SUBSCRIBERS: usize = 16;
/// After so many fruitless looks, a caller that never waits looks for the dead as well.
const LOOKS_BETWEEN_RECOVERIES: u32 = 64;

/// What a topic is made with; see [`Topic::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `create` or `open`"]
pub struct TopicBuilder<T> {
    name: String,
    pub(super) place: Place,
    depth: usize,
    publishers: usize,
    subscribers: usize,
    lossy: bool,
    timestamps: bool,
    isolated: bool,
    slot_bytes: Option<usize>,
    wait: Wait,
    _message: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> TopicBuilder<T> {
    /// How many messages of each publisher the topic keeps; 1024 if not given.
    ///
    /// A lossless publisher can be so far ahead of the slowest subscriber; a late subscriber can
    /// ask for so many messages from before it came.
    pub fn depth(mut self, messages: usize) -> Self {
        self.depth = messages;
        self
    }

    /// How many publishers the topic can have at a time; 1 if not given.
    pub fn publishers(mut self, most: usize) -> Self {
        self.publishers = most;
        self
    }

    /// How many subscribers a lossless topic can have at a time; 16 if not given.
    ///
    /// A lossy topic has no such limit: its subscribers write nothing into it.
    pub fn subscribers(mut self, most: usize) -> Self {
        self.subscribers = most;
        self
    }

    /// Publishers never wait; a subscriber that is late is told how many messages it has missed.
    pub fn lossy(mut self) -> Self {
        self.lossy = true;
        self
    }

    /// Every message carries the time at which it was published; costs 20 to 30 ns a message.
    pub fn timestamps(mut self) -> Self {
        self.timestamps = true;
        self
    }

    /// Participants do not trust each other: messages are copied out before they are checked, and
    /// whatever another process writes into the segment can give errors and wrong values, but no
    /// panic, no endless loop and no access out of bounds.
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// The most octets of one message. An unbounded type needs it, and only such a type has it.
    pub fn slot_bytes(mut self, bytes: usize) -> Self {
        self.slot_bytes = Some(bytes);
        self
    }

    /// How this participant waits: its subscribers for messages, its publishers for room;
    /// [`Wait::SpinThenPark`] if not given.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Another directory than the standard one.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Place::Directory(path.into());
        self
    }

    /// Whether a topic of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(&self) -> Result<bool> {
        Segment::exists(&self.plan())
    }

    fn plan(&self) -> Plan<'_> {
        Plan { name: &self.name, place: self.place.clone(), kind: Kind::Topic, ty: T::TYPE }
    }

    /// Opens the topic, or makes it if nobody has: what every participant can do that may be the
    /// first, or the first again after all others have died. If it exists, it is as it was made.
    ///
    /// # Errors
    ///
    /// As `open` and `create`.
    pub fn open_or_create(self) -> Result<Topic<T>> {
        crate::segment::open_or_create(|| self.attach(), || self.make())
    }

    /// Makes the topic.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument` for a number out of range, `NoSpace` if
    /// the memory cannot be reserved, `Untrusted` for the directory, `Io`.
    pub fn create(self) -> Result<Topic<T>> {
        self.make()
    }

    pub(super) fn make(&self) -> Result<Topic<T>> {
        let choice = self.choice()?;
        let Some(shape) = Shape::new(0, choice) else {
            return Err(self.invalid("the topic would be larger than a segment can be".to_owned()));
        };
        let segment =
            Segment::create(&self.plan(), choice.to_geometry(), shape.bytes, |segment| {
                let base = segment.body().0;
                let shape = Shape::new(base, choice).ok_or_else(|| malformed(segment.name()))?;
                for number in 0..shape.lanes() {
                    Lane { words: segment.map(), shape: &shape, number }.fill();
                }
                Ok(())
            })?;
        Topic::attached(segment, self.wait)
    }

    /// Opens a topic that somebody has made; its numbers are those it was made with.
    ///
    /// # Errors
    ///
    /// `NotFound`, `SchemaMismatch` with the difference, `Malformed`, `Untrusted`, `InvalidName`,
    /// `TooManyParticipants`, `Io`.
    pub fn open(self) -> Result<Topic<T>> {
        self.attach()
    }

    pub(super) fn attach(&self) -> Result<Topic<T>> {
        Topic::attached(Segment::open(&self.plan(), &sweep_segment)?, self.wait)
    }

    fn invalid(&self, detail: String) -> Error {
        Error::new(ErrorKind::InvalidArgument, &*self.name, detail)
    }

    fn choice(&self) -> Result<Choice> {
        let range = |what: &str, given: usize, most: usize| {
            if (1..=most).contains(&given) {
                return Ok(given as u64);
            }
            Err(self.invalid(format!("{what} of {given} is out of range: 1 to {most}")))
        };
        let depth = range("a depth", self.depth, MAX_DEPTH)?;
        let lanes = range("a number of publishers", self.publishers, MAX_PUBLISHERS)?;
        let places = range("a number of subscribers", self.subscribers, MAX_SUBSCRIBERS)?;
        let payload = match (is_bounded::<T>(), self.slot_bytes) {
            (true, None) => size_of::<T::Layout>() as u64,
            (true, Some(_)) => {
                let detail = "the type has a fixed layout, so its slots have a size already: \
                              leave slot_bytes out";
                return Err(self.invalid(detail.to_owned()));
            }
            (false, Some(bytes)) => range("a slot size", bytes, MAX_SLOT_BYTES)?,
            (false, None) => {
                let detail = "the type has no largest size: give the topic's slots one with \
                              slot_bytes, or cap the type's strings, lists and maps";
                return Err(self.invalid(detail.to_owned()));
            }
        };
        Ok(Choice {
            depth,
            lanes,
            places: if self.lossy { 0 } else { places },
            payload,
            lossy: self.lossy,
            stamped: self.timestamps,
            encoded: !is_bounded::<T>(),
            isolated: self.isolated,
        })
    }
}

/// Messages of `T` from its publishers to all of its subscribers.
///
/// Every subscriber sees every message that is published after it has subscribed, those of one
/// publisher in its order. The slowest subscriber holds the publishers back, unless the topic was
/// made [`lossy`](TopicBuilder::lossy). The topic lives for as long as somebody is attached to it.
///
/// ```
/// use barewire_runtime::ipc::Topic;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-topic-{}", std::process::id());
/// let topic = Topic::<u32>::builder(&name).depth(64).create()?;
/// let mut subscriber = topic.subscriber()?;
///
/// let other = Topic::<u32>::open(&name)?;              // in another process, as a rule
/// let mut publisher = other.publisher()?;
/// publisher.publish(&7)?;
///
/// let message = subscriber.take()?;
/// assert_eq!(*message, 7);                             // read in place
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Topic<T: FixedLayout> {
    shared: Arc<Shared>,
    _message: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> Topic<T> {
    /// Begins to describe a topic to create or open.
    pub fn builder(name: impl Into<String>) -> TopicBuilder<T> {
        TopicBuilder {
            name: name.into(),
            place: Place::Standard,
            depth: DEFAULT_DEPTH,
            publishers: 1,
            subscribers: DEFAULT_SUBSCRIBERS,
            lossy: false,
            timestamps: false,
            isolated: false,
            slot_bytes: None,
            wait: Wait::default(),
            _message: PhantomData,
        }
    }

    /// Makes a lossless topic for one publisher in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`TopicBuilder::create`].
    pub fn create(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).create()
    }

    /// Opens a topic in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`TopicBuilder::open`].
    pub fn open(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).open()
    }

    /// Whether a topic of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(name: impl Into<String>) -> Result<bool> {
        Self::builder(name).exists()
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.shared.segment
    }

    fn attached(segment: Segment, wait: Wait) -> Result<Self> {
        let shape = read_shape(&segment);
        let expected = size_of::<T::Layout>() as u64;
        let shape = shape.filter(|shape| {
            let choice = shape.choice;
            let fits = choice.payload == expected || choice.encoded;
            choice.encoded != is_bounded::<T>() && fits
        });
        let Some(shape) = shape else {
            return Err(malformed(segment.name()));
        };
        let shared = Arc::new(Shared { segment, shape, wait });
        Ok(Self { shared, _message: PhantomData })
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.segment.name()
    }

    /// How many messages of each publisher the topic keeps.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.shared.shape.choice.depth as usize
    }

    /// Whether a late subscriber loses messages, instead of holding publishers back.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.shared.shape.choice.lossy
    }

    /// Becomes one of the topic's publishers, until it is dropped.
    ///
    /// # Errors
    ///
    /// `TooManyParticipants` if the topic has as many as it was made for, `Io`.
    pub fn publisher(&self) -> Result<Publisher<T>> {
        Publisher::new(&self.shared)
    }

    /// Becomes one of the topic's subscribers: it sees all that is published from now on.
    ///
    /// # Errors
    ///
    /// `TooManyParticipants` if the topic has as many as it was made for.
    pub fn subscriber(&self) -> Result<Subscriber<T>> {
        Subscriber::new(&self.shared, 0)
    }

    /// As [`subscriber`](Self::subscriber), and sees the last `messages` of each publisher first.
    ///
    /// The topic keeps [`depth`](Self::depth) of them.
    ///
    /// ```
    /// # use barewire_runtime::ipc::Topic;
    /// # fn main() -> barewire_runtime::Result<()> {
    /// # let name = format!("docs-topic-last-{}", std::process::id());
    /// let topic = Topic::<u32>::create(&name)?;
    /// topic.publisher()?.publish_batch(&[1, 2, 3])?;
    ///
    /// let mut late = topic.subscriber_from_last(1)?;
    /// assert_eq!(*late.take()?, 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`subscriber`](Self::subscriber).
    pub fn subscriber_from_last(&self, messages: usize) -> Result<Subscriber<T>> {
        Subscriber::new(&self.shared, (messages as u64).min(self.shared.shape.choice.depth))
    }

    /// Detaches from the topic, as dropping it does; its publishers and subscribers go on.
    pub fn close(self) {}
}

/// The place in the segment that a topic, its publishers and its subscribers have in common.
#[derive(Debug)]
struct Shared {
    segment: Segment,
    shape: Shape,
    wait: Wait,
}

impl Shared {
    fn map(&self) -> &Mapping {
        self.segment.map()
    }

    fn name(&self) -> &str {
        self.segment.name()
    }

    #[inline]
    fn lane(&self, number: usize) -> Lane<'_, Mapping> {
        Lane { words: self.map(), shape: &self.shape, number }
    }

    /// Notified when a message has become visible.
    #[inline]
    fn items(&self) -> Event<'_> {
        self.segment.event(self.shape.base + ITEMS)
    }

    /// Notified when a lossless publisher may have room.
    #[inline]
    fn space(&self) -> Event<'_> {
        self.segment.event(self.shape.base + SPACE)
    }

    fn note(&self, number: usize, position: u64, size: usize) -> Note {
        note(&self.lane(number), position, size)
    }

    fn recover(&self) {
        if self.segment.recover(&sweep_segment) {
            self.items().notify_all();
            self.space().notify_all();
        }
    }

    /// Looks for the dead, once in many calls.
    fn recover_at_times(&self, looks: &mut u32) -> bool {
        *looks = looks.wrapping_add(1);
        let due = looks.is_multiple_of(LOOKS_BETWEEN_RECOVERIES);
        if due {
            self.recover();
        }
        due
    }

    /// What `attempt` yields, after a look for the dead if need be.
    fn or_recover<R>(&self, attempt: impl Fn() -> Option<R>) -> Option<R> {
        attempt().or_else(|| {
            self.recover();
            attempt()
        })
    }

    fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(kind, self.name(), detail.into())
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.segment.leave(&sweep_segment);
    }
}

fn is_bounded<T: FixedLayout>() -> bool {
    const { T::TYPE.layout().is_some() }
}

/// Whether messages of `T` announce themselves; see `ring`.
fn is_express<T: FixedLayout>() -> bool {
    const { T::TYPE.layout().is_some() && size_of::<T::Layout>() <= EXPRESS_BYTES }
}

fn malformed(name: &str) -> Error {
    Error::new(ErrorKind::Malformed, name, "has a header whose sizes do not fit together")
}

/// The places that the header's geometry describes, if they fit together and into the body.
fn read_shape(segment: &Segment) -> Option<Shape> {
    shape_of(segment.geometry(), segment.body())
}

/// Likewise, of a header's geometry, and of where the body is and its bytes.
fn shape_of(geometry: &Geometry, (base, bytes): (usize, usize)) -> Option<Shape> {
    let shape = Shape::new(base, Choice::from_geometry(geometry)?)?;
    (shape.bytes <= bytes as u64).then_some(shape)
}

/// Gives back what a dead participant of a topic held.
fn sweep_segment(segment: &Segment, dead: u8, still_dead: &dyn Fn() -> bool) {
    if let Some(shape) = read_shape(segment) {
        sweep(segment.map(), &shape, dead, still_dead);
    }
}

/// What goes with a message beside its value; `size` if all have the same.
fn note(lane: &Lane<'_, Mapping>, position: u64, size: usize) -> Note {
    let (sequence, incarnation) = lane.sender(position);
    let (shape, number) = (lane.shape, lane.number);
    let word = |at: usize| lane.words.u64(at).load(Ordering::Relaxed);
    let (kind, bytes) = if shape.choice.encoded || lane.has_kinds() {
        let note = word(shape.note(number, position));
        (note as u32, (note >> 32) as u32)
    } else {
        (0, size as u32)
    };
    let stamp = if shape.choice.stamped { word(shape.stamp(number, position)) } else { 0 };
    Note { sequence, incarnation, kind, bytes, stamp }
}

/// What goes with a message beside its value.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    sequence: u64,
    incarnation: u128,
    kind: u32,
    bytes: u32,
    stamp: u64,
}

impl Note {
    fn header(&self) -> MessageHeader {
        MessageHeader {
            sequence: self.sequence,
            incarnation: self.incarnation,
            timestamp_ns: self.stamp,
            kind: self.kind,
            redelivered: false,
        }
    }
}
