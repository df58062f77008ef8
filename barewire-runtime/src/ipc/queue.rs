//! `MessageQueue<T>`: a bounded queue from many processes to many.

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use barewire_schema::Type;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::message::{HEADER_BYTES, Loan, Message, MessageHeader};
use super::ring::{MAX_BLOCKS, Ring, Shape, Taken};
use crate::codec::{self, Decode, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::{Geometry, Kind, MAX_PARTICIPANTS, Plan, Segment};
use crate::sys;

/// The most messages that a queue can hold.
pub const MAX_CAPACITY: usize = 1 << 19;
/// The largest slot of a queue of an unbounded type, in bytes.
pub const MAX_SLOT_BYTES: usize = 1 << 30;
/// Capacity if none is given.
const DEFAULT_CAPACITY: usize = 1024;
/// Blocks beyond the capacity: one being filled and one being read for every participant.
const SPARE_BLOCKS: u64 = 2 * MAX_PARTICIPANTS as u64;
/// After so many fruitless looks, a caller that never waits looks for the dead as well.
const LOOKS_BETWEEN_RECOVERIES: u32 = 64;

const CAPACITY: usize = 0;
const BLOCKS: usize = 1;
const STRIDE: usize = 2;
const PAYLOAD: usize = 3;

/// What a queue is made with; see [`MessageQueue::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `create` or `open`"]
pub struct QueueBuilder<T> {
    name: String,
    directory: Option<PathBuf>,
    capacity: usize,
    slot_bytes: Option<usize>,
    _message: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> QueueBuilder<T> {
    /// The most messages that the queue holds, rounded up to a power of two; 1024 if not given.
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages;
        self
    }

    /// The most octets of one message. An unbounded type needs it, and only such a type has it.
    pub fn slot_bytes(mut self, bytes: usize) -> Self {
        self.slot_bytes = Some(bytes);
        self
    }

    /// Another directory than the standard one.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    fn plan(&self) -> Plan<'_> {
        Plan { name: &self.name, directory: self.directory.clone(), kind: Kind::Queue, ty: T::TYPE }
    }

    /// Makes the queue.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, `InvalidName`, `InvalidArgument` for a capacity or a slot out of range,
    /// `NoSpace` if the memory cannot be reserved, `Untrusted` for the directory, `Io`.
    pub fn create(self) -> Result<MessageQueue<T>> {
        let invalid = |detail: String| Error::new(ErrorKind::InvalidArgument, &*self.name, detail);
        if self.capacity == 0 || self.capacity > MAX_CAPACITY {
            let detail = format!(
                "a capacity of {} is out of range: 1 to {MAX_CAPACITY} messages",
                self.capacity
            );
            return Err(invalid(detail));
        }
        let payload = match (is_bounded(T::TYPE), self.slot_bytes) {
            (true, None) => size_of::<T::Layout>(),
            (true, Some(_)) => {
                let detail = "the type has a fixed layout, so its slots have a size already: \
                              leave slot_bytes out";
                return Err(invalid(detail.to_owned()));
            }
            (false, Some(bytes)) if bytes > 0 && bytes <= MAX_SLOT_BYTES => bytes,
            (false, Some(bytes)) => {
                let detail =
                    format!("slots of {bytes} bytes are out of range: 1 to {MAX_SLOT_BYTES}");
                return Err(invalid(detail));
            }
            (false, None) => {
                let detail = "the type has no largest size: give the queue's slots one with \
                              slot_bytes, or cap the type's strings, lists and maps";
                return Err(invalid(detail.to_owned()));
            }
        };
        let capacity = self.capacity.next_power_of_two() as u64;
        let blocks = capacity + SPARE_BLOCKS;
        let stride = (HEADER_BYTES + payload).next_multiple_of(64) as u64;
        let words = Shape::word_bytes(capacity, blocks) as u64;
        let body = blocks.checked_mul(stride).and_then(|bytes| bytes.checked_add(words));
        let Some(body) = body else {
            return Err(invalid("the queue would be larger than a segment can be".to_owned()));
        };
        let mut geometry = Geometry::default();
        geometry[CAPACITY] = capacity;
        geometry[BLOCKS] = blocks;
        geometry[STRIDE] = stride;
        geometry[PAYLOAD] = payload as u64;
        // A fresh body is all zeroes: every cell and block is free, in turn 0.
        let segment = Segment::create(&self.plan(), geometry, body, |_| Ok(()))?;
        MessageQueue::attached(segment)
    }

    /// Opens a queue that somebody has made; the capacity and slots are those it was made with.
    ///
    /// # Errors
    ///
    /// `NotFound`, `SchemaMismatch` with the difference, `Malformed`, `Untrusted`, `InvalidName`,
    /// `TooManyParticipants`, `Io`.
    pub fn open(self) -> Result<MessageQueue<T>> {
        let segment = Segment::open(&self.plan(), &sweep_segment)?;
        MessageQueue::attached(segment)
    }
}

/// A bounded queue of `T` from many processes to many, each message to one of them.
///
/// Messages of one producer are delivered in its order. A message taken by a process that dies
/// before it has dropped it is delivered again, and says so. The queue lives for as long as
/// somebody is attached to it.
///
/// ```
/// use barewire_runtime::ipc::MessageQueue;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-{}", std::process::id());
/// let queue = MessageQueue::<u32>::builder(&name).capacity(64).create()?;
/// queue.enqueue(&7)?;
///
/// let other = MessageQueue::<u32>::open(&name)?;       // in another process, as a rule
/// let message = other.dequeue()?;
/// assert_eq!(*message, 7);                             // read in place
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct MessageQueue<T: FixedLayout> {
    segment: Segment,
    shape: Shape,
    data: usize,
    stride: usize,
    payload: usize,
    sequence: AtomicU64,
    hint: AtomicUsize,
    looks: AtomicU32,
    _message: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> MessageQueue<T> {
    /// Begins to describe a queue to create or open.
    pub fn builder(name: impl Into<String>) -> QueueBuilder<T> {
        QueueBuilder {
            name: name.into(),
            directory: None,
            capacity: DEFAULT_CAPACITY,
            slot_bytes: None,
            _message: PhantomData,
        }
    }

    /// Opens a queue in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`QueueBuilder::open`].
    pub fn open(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).open()
    }

    /// Whether a segment of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(name: impl Into<String>) -> Result<bool> {
        Segment::exists(&Self::builder(name).plan())
    }

    fn attached(segment: Segment) -> Result<Self> {
        let layout = read_geometry(&segment);
        let expected = size_of::<T::Layout>();
        let legal = layout.filter(|(_, _, _, payload)| {
            if is_bounded(T::TYPE) { *payload == expected } else { *payload <= MAX_SLOT_BYTES }
        });
        let Some((shape, data, stride, payload)) = legal else {
            let detail = "has a header whose sizes do not fit together";
            return Err(Error::new(ErrorKind::Malformed, segment.name(), detail));
        };
        let hint = usize::from(segment.index()) * 7;
        Ok(Self {
            segment,
            shape,
            data,
            stride,
            payload,
            sequence: AtomicU64::new(0),
            hint: AtomicUsize::new(hint),
            looks: AtomicU32::new(0),
            _message: PhantomData,
        })
    }

    /// The queue's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }

    /// The most messages that the queue holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shape.capacity as usize
    }

    /// How many messages wait, at some moment during the call; those delivered again not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring().len() as usize
    }

    /// Whether no message waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a message into the queue; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// `TooLarge` if the value exceeds a cap or the slot. The queue is unharmed then.
    pub fn enqueue(&self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        self.enqueue_until(message, None)
    }

    /// As [`enqueue`](Self::enqueue), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if the queue was full all the time, and as [`enqueue`](Self::enqueue).
    pub fn enqueue_timeout(&self, message: &T, timeout: Duration) -> Result<()>
    where
        T: Encode,
    {
        self.enqueue_until(message, Instant::now().checked_add(timeout))
    }

    /// Puts a message into the queue, or says at once that it is full.
    ///
    /// # Errors
    ///
    /// `Full`, and as [`enqueue`](Self::enqueue).
    pub fn try_enqueue(&self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        let Some(block) = self.ring().claim(&self.hint) else {
            return Err(self.full());
        };
        self.fill(block, message)?;
        if self.ring().publish(block) {
            return Ok(());
        }
        self.release(block);
        Err(self.full())
    }

    fn enqueue_until(&self, message: &T, deadline: Option<Instant>) -> Result<()>
    where
        T: Encode,
    {
        let block = self.claim(deadline)?;
        self.fill(block, message)?;
        let published = self.publish(block, deadline);
        if published.is_err() {
            self.release(block);
        }
        published
    }

    /// Takes a slot to fill in place; waits while none is free.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn loan(&self) -> Result<Loan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        Ok(Loan::new(self, self.claim(None)?))
    }

    /// Takes the oldest message; waits while the queue is empty.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn dequeue(&self) -> Result<Message<'_, T>> {
        match self.take_until(None) {
            Some(taken) => Ok(Message::new(self, taken)),
            None => Err(self.timed_out("nothing arrived")),
        }
    }

    /// Takes the oldest message; `None` if none has arrived within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn dequeue_timeout(&self, timeout: Duration) -> Result<Option<Message<'_, T>>> {
        let taken = self.take_until(Instant::now().checked_add(timeout));
        Ok(taken.map(|taken| Message::new(self, taken)))
    }

    /// Takes the oldest message, if there is one.
    ///
    /// # Errors
    ///
    /// None today; a queue may come to be closed.
    pub fn try_dequeue(&self) -> Result<Option<Message<'_, T>>> {
        let mut taken = self.ring().take();
        if taken.is_none() && self.looks_again() {
            taken = self.ring().take();
        }
        Ok(taken.map(|taken| Message::new(self, taken)))
    }

    /// A copy of the message that is next, which stays in the queue.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if it is no value of `T`.
    pub fn peek(&self) -> Result<Option<T>>
    where
        T: for<'de> Decode<'de>,
    {
        let seen = self.ring().peek(|block| self.copy_block(block));
        let Some((header, bytes)) = seen else {
            return Ok(None);
        };
        let invalid = |error: String| Error::new(ErrorKind::InvalidValue, self.name(), error);
        if self.is_encoded() {
            let len = (header.bytes as usize).min(bytes.len());
            let value = codec::decode(&bytes[..len]).map_err(|error| invalid(error.to_string()))?;
            return Ok(Some(value));
        }
        let mut layout = boxed_layout::<T>().map_err(invalid)?;
        layout.as_mut_bytes().copy_from_slice(&bytes);
        T::load(&layout).map(Some).map_err(|error| invalid(error.to_string()))
    }

    /// Detaches from the queue; the last one out removes it. Dropping it does the same.
    pub fn close(self) {}

    fn ring(&self) -> Ring<'_> {
        Ring { map: self.segment.map(), shape: self.shape, me: self.segment.index() }
    }

    fn recover(&self) {
        self.segment.recover(&sweep_segment);
    }

    /// Looks for the dead, once in a while; whether it did.
    fn looks_again(&self) -> bool {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        let due = looks % LOOKS_BETWEEN_RECOVERIES == LOOKS_BETWEEN_RECOVERIES - 1;
        if due {
            self.recover();
        }
        due
    }

    fn take_until(&self, deadline: Option<Instant>) -> Option<Taken> {
        let attempt = || Ok::<_, std::convert::Infallible>(self.ring().take());
        match self.ring().items().wait(deadline, attempt, || self.recover()) {
            Ok(taken) => taken,
        }
    }

    fn claim(&self, deadline: Option<Instant>) -> Result<u32> {
        let attempt = || Ok::<_, Error>(self.ring().claim(&self.hint));
        let claimed = self.ring().space().wait(deadline, attempt, || self.recover())?;
        claimed.ok_or_else(|| self.timed_out("no slot became free"))
    }

    pub(super) fn publish(&self, block: u32, deadline: Option<Instant>) -> Result<()> {
        let attempt = || Ok::<_, Error>(self.ring().publish(block).then_some(()));
        let sent = self.ring().space().wait(deadline, attempt, || self.recover())?;
        sent.ok_or_else(|| self.timed_out("the queue stayed full"))
    }

    pub(super) fn release(&self, block: u32) {
        self.ring().release(block);
    }

    fn full(&self) -> Error {
        self.looks_again();
        Error::new(ErrorKind::Full, self.name(), "the queue is full")
    }

    fn timed_out(&self, detail: &'static str) -> Error {
        Error::new(ErrorKind::TimedOut, self.name(), detail)
    }

    /// Writes the message and its header into a block; on an error the block is given back.
    fn fill(&self, block: u32, message: &T) -> Result<()>
    where
        T: Encode,
    {
        let filled = self.fill_payload(block, message);
        match filled {
            Ok(bytes) => self.stamp(block, 0, bytes),
            Err(_) => self.release(block),
        }
        filled.map(|_| ())
    }

    fn fill_payload(&self, block: u32, message: &T) -> Result<usize>
    where
        T: Encode,
    {
        let too_large = |detail: String| Error::new(ErrorKind::TooLarge, self.name(), detail);
        let payload = self.held_bytes_mut(block, HEADER_BYTES, self.payload);
        if self.is_encoded() {
            let encoded = codec::encode(message);
            let Some(target) = payload.get_mut(..encoded.len()) else {
                let detail = format!(
                    "the message takes {} bytes, the queue's slots have {}",
                    encoded.len(),
                    self.payload
                );
                return Err(too_large(detail));
            };
            target.copy_from_slice(&encoded);
            return Ok(encoded.len());
        }
        let Ok(layout) = T::Layout::mut_from_bytes(payload) else {
            return Err(too_large("the slot does not hold the type's layout".to_owned()));
        };
        message.store(layout).map_err(|error| too_large(error.to_string()))?;
        Ok(self.payload)
    }

    pub(super) fn stamp(&self, block: u32, kind: u32, bytes: usize) {
        let header = MessageHeader {
            sequence: self.sequence.fetch_add(1, Ordering::Relaxed),
            incarnation: self.segment.incarnation(),
            timestamp_ns: sys::now_ns(),
            kind,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            redelivered: false,
        };
        self.held_bytes_mut(block, 0, HEADER_BYTES).copy_from_slice(&header.to_bytes());
    }

    pub(super) fn is_encoded(&self) -> bool {
        !is_bounded(T::TYPE)
    }

    pub(super) fn payload_bytes(&self) -> usize {
        self.payload
    }

    fn address(&self, block: u32, from: usize, len: usize) -> *mut u8 {
        let block = u64::from(block) % self.shape.blocks;
        self.segment.map().bytes(self.data + block as usize * self.stride + from, len)
    }

    /// Bytes of a block that this participant holds.
    pub(super) fn held_bytes(&self, block: u32, from: usize, len: usize) -> &[u8] {
        let address = self.address(block, from, len);
        // SAFETY: in bounds, as `address` checks; and nobody writes there, because the protocol
        // makes a block one participant's own until it releases it (cooperative peers).
        unsafe { std::slice::from_raw_parts(address, len) }
    }

    /// Bytes of a block that this participant is filling; the caller is the only one who does.
    #[expect(clippy::mut_from_ref, reason = "the claim of the block is what is exclusive")]
    pub(super) fn held_bytes_mut(&self, block: u32, from: usize, len: usize) -> &mut [u8] {
        let address = self.address(block, from, len);
        // SAFETY: in bounds, as `address` checks; a block in state WRITING belongs to the one call
        // or loan that claimed it, which makes one such slice at a time.
        unsafe { std::slice::from_raw_parts_mut(address, len) }
    }

    /// Copies a block that may be taken away and filled anew meanwhile; the caller checks.
    fn copy_block(&self, block: u32) -> (MessageHeader, Vec<u8>) {
        let total = HEADER_BYTES + self.payload;
        let mut bytes = Vec::with_capacity(total);
        for at in 0..total {
            let source = self.address(block, at, 1);
            // SAFETY: in bounds, as `address` checks. The read is volatile, since another process
            // may write meanwhile; what such a read yields is thrown away by the caller.
            bytes.push(unsafe { source.read_volatile() });
        }
        let payload = bytes.split_off(HEADER_BYTES);
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&bytes);
        (MessageHeader::from_bytes(&header, false), payload)
    }
}

impl<T: FixedLayout> Drop for MessageQueue<T> {
    fn drop(&mut self) {
        self.segment.leave(&sweep_segment);
    }
}

fn is_bounded(ty: &Type) -> bool {
    ty.layout().is_some()
}

fn boxed_layout<T: FixedLayout>() -> std::result::Result<Box<T::Layout>, String> {
    T::Layout::new_box_zeroed().map_err(|_| "no memory for a copy".to_owned())
}

/// The places that the header's geometry describes, if they fit together and into the body.
fn read_geometry(segment: &Segment) -> Option<(Shape, usize, usize, usize)> {
    let geometry = segment.geometry();
    let (base, bytes) = segment.body();
    let [capacity, blocks, stride, payload] =
        [CAPACITY, BLOCKS, STRIDE, PAYLOAD].map(|at| geometry[at]);
    let sane = capacity.is_power_of_two()
        && capacity <= MAX_CAPACITY as u64
        && blocks > capacity
        && blocks <= MAX_BLOCKS
        && stride.is_multiple_of(64)
        && payload.checked_add(HEADER_BYTES as u64)? <= stride;
    if !sane {
        return None;
    }
    let words = Shape::word_bytes(capacity, blocks);
    let needed = usize::try_from(blocks.checked_mul(stride)?).ok()?.checked_add(words)?;
    let shape = Shape { base, capacity, blocks };
    (needed <= bytes).then_some((shape, base + words, stride as usize, payload as usize))
}

/// Gives back what a dead participant of a queue held.
fn sweep_segment(segment: &Segment, dead: u8, still_dead: &dyn Fn() -> bool) {
    if let Some((shape, ..)) = read_geometry(segment) {
        Ring { map: segment.map(), shape, me: segment.index() }.sweep(dead, still_dead);
    }
}
