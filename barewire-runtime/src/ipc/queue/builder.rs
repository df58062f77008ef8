//! What a queue is made with.

use std::marker::PhantomData;
use std::path::PathBuf;

use super::MessageQueue;
use super::geometry::{self, MAX_CAPACITY, MAX_SLOT_BYTES, Overflow, Plan};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::{self, Kind, Place, Segment};
use crate::sync::Wait;

/// Capacity if none is given.
const DEFAULT_CAPACITY: usize = 1024;

/// What a queue is made with; see [`MessageQueue::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `create` or `open`"]
pub struct QueueBuilder<T> {
    name: String,
    pub(in crate::ipc) place: Place,
    capacity: usize,
    slot_bytes: Option<usize>,
    overflow: Overflow,
    timestamps: bool,
    at_most_once: bool,
    isolated: bool,
    wait: Wait,
    _message: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> QueueBuilder<T> {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            place: Place::Standard,
            capacity: DEFAULT_CAPACITY,
            slot_bytes: None,
            overflow: Overflow::Block,
            timestamps: false,
            at_most_once: false,
            isolated: false,
            wait: Wait::default(),
            _message: PhantomData,
        }
    }

    /// How many messages wait at least before the queue is full; 1024 if not given.
    ///
    /// Room is given out in blocks of up to eight messages, and each belongs to one producer. So
    /// a producer may find room for up to seven more; and producers that come, send a message or
    /// two and leave use up a block each until their messages are taken. Messages that are being
    /// read do not count, but keep their blocks: there are blocks to spare for 128 readers and
    /// writers, for 16 if messages are larger than 4 KiB.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// The most octets of one message. An unbounded type needs it, and only such a type has it.
    pub fn slot_bytes(mut self, bytes: usize) -> Self {
        self.slot_bytes = Some(bytes);
        self
    }

    /// What producers do when the queue is full; [`Overflow::Block`] if not given.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Every message carries the time at which it was sent; costs 20 to 30 ns a message.
    pub fn timestamps(mut self) -> Self {
        self.timestamps = true;
        self
    }

    /// A message that was being read by a process that died is not delivered again but counted as
    /// lost. Without this, it is delivered again and says so.
    pub fn at_most_once(mut self) -> Self {
        self.at_most_once = true;
        self
    }

    /// Participants do not trust each other: messages are copied out before they are checked, and
    /// whatever another process writes into the segment can give errors and wrong values, but no
    /// panic, no endless loop and no access out of bounds.
    pub fn isolated(mut self) -> Self {
        self.isolated = true;
        self
    }

    /// How this participant waits; [`Wait::SpinThenPark`] if not given.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// Another directory than the standard one.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Place::Directory(path.into());
        self
    }

    /// Whether a queue of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(&self) -> Result<bool> {
        Segment::exists(&self.plan())
    }

    fn plan(&self) -> segment::Plan<'_> {
        segment::Plan {
            name: &self.name,
            place: self.place.clone(),
            kind: Kind::Queue,
            ty: T::TYPE,
        }
    }

    fn invalid(&self, detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::InvalidArgument, &*self.name, detail)
    }

    /// The bytes of one message, as the type and the choices have it.
    fn payload(&self) -> Result<usize> {
        match (geometry::fixed_payload::<T>(), self.slot_bytes) {
            (Some(bytes), None) => Ok(bytes.max(1)),
            (Some(_), Some(_)) => Err(self.invalid(
                "the type has a fixed layout, so its slots have a size already: leave slot_bytes \
                 out",
            )),
            (None, Some(bytes)) if bytes > 0 && bytes <= MAX_SLOT_BYTES => Ok(bytes),
            (None, Some(bytes)) => Err(self.invalid(format!(
                "slots of {bytes} bytes are out of range: 1 to {MAX_SLOT_BYTES}"
            ))),
            (None, None) => Err(self.invalid(
                "the type has no largest size: give the queue's slots one with slot_bytes, or cap \
                 the type's strings, lists and maps",
            )),
        }
    }

    /// Opens the queue, or makes it if nobody has: what every participant can do that may be the
    /// first, or the first again after all others have died. If it exists, it is as it was made.
    ///
    /// # Errors
    ///
    /// As `open` and `create`.
    pub fn open_or_create(self) -> Result<MessageQueue<T>> {
        segment::open_or_create(|| self.attach(), || self.make())
    }

    /// Makes the queue.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument` for a capacity or a slot out of range,
    /// `NoSpace` if the memory cannot be reserved, `Untrusted` for the directory, `Io`.
    pub fn create(self) -> Result<MessageQueue<T>> {
        self.make()
    }

    pub(in crate::ipc) fn make(&self) -> Result<MessageQueue<T>> {
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            return Err(self.invalid(format!(
                "a capacity of {} is out of range: 1 to {MAX_CAPACITY} messages",
                self.capacity
            )));
        }
        let plan = Plan {
            overflow: self.overflow,
            timestamps: self.timestamps,
            at_most_once: self.at_most_once,
            isolated: self.isolated,
            ..Plan::new(T::TYPE, self.capacity, self.payload()?)
        }
        .measured();
        let Some(body) = plan.body_bytes() else {
            return Err(self.invalid("the queue would be larger than a segment can be"));
        };
        // A fresh body is all zeroes: every block is free, no lane was used.
        let segment = Segment::create(&self.plan(), plan.to_words(), body, |_| Ok(()))?;
        MessageQueue::attached(segment, self.wait)
    }

    /// Opens a queue that somebody has made; all but the way to wait is as it was made.
    ///
    /// If the type has no largest size, so that BARE octets travel, the queue may have been made
    /// with another version of it whose values this one reads. Sending a value that the other
    /// version does not know is an `InvalidValue` error then, so that whoever is attached can read
    /// whatever is in the queue, and nothing is lost while a system is upgraded piece by piece.
    ///
    /// # Errors
    ///
    /// `NotFound`, `SchemaMismatch` with the difference, `Malformed`, `Untrusted`, `InvalidName`,
    /// `TooManyParticipants`, `Io`.
    pub fn open(self) -> Result<MessageQueue<T>> {
        self.attach()
    }

    pub(in crate::ipc) fn attach(&self) -> Result<MessageQueue<T>> {
        let segment = Segment::open(&self.plan(), &geometry::sweep)?;
        MessageQueue::attached(segment, self.wait)
    }
}
