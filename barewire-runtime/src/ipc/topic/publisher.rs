//! Putting messages into a topic: one by one, in batches, or filled in place.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::ring::{Lane, Writer};
use super::shape::EXPRESS_BYTES;
use super::{Shared, is_bounded, is_express};
use crate::codec::{self, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{FixedLayout, LayoutError};
use crate::sys;
use crate::sys::map::Mapping;

/// For how many pauses a publisher without room leaves the subscribers alone, at most.
const MAX_BREATH: u64 = 32;

/// Loans of messages up to this start as all zeroes.
const MAX_ZEROED: usize = 4096;

const STAGE_WORDS: usize = EXPRESS_BYTES / 8;

/// A small message that is being filled, aligned to what any layout may ask for.
#[repr(C, align(64))]
struct Stage([u64; STAGE_WORDS]);
const _: () = assert!(align_of::<Stage>() as u64 >= barewire_schema::MAX_ALIGN);

/// One of the publishers of a topic; see [`Topic::publisher`](super::Topic::publisher).
///
/// It belongs to one thread at a time, and can be sent to another. Dropping it makes room for
/// another publisher. If its process dies, all that it has published stays readable, and a message
/// that it was writing never was.
pub struct Publisher<T: FixedLayout> {
    pub(super) shared: Arc<Shared>,
    lane: usize,
    incarnation: u128,
    writer: Writer,
    looks: u32,
    /// A loan of a message that announces itself: it must not be filled in its slot.
    stage: Stage,
    /// A message that does not, in an isolated topic: others may write into its slot.
    draft: Option<Box<T::Layout>>,
    buffer: Vec<u8>,
    _message: PhantomData<fn(T)>,
}

impl<T: FixedLayout> Publisher<T> {
    pub(super) fn new(shared: &Arc<Shared>) -> Result<Self> {
        let random = |error| Error::system(shared.name(), "cannot become a publisher", error);
        let incarnation = sys::random_u128().map_err(random)?;
        let me = shared.segment.index();
        let lanes = shared.shape.lanes();
        let claimed = shared.or_recover(|| {
            (0..lanes).find_map(|lane| Some((lane, shared.lane(lane).claim(me, incarnation)?)))
        });
        let Some((lane, writer)) = claimed else {
            let detail = format!(
                "the topic was made for {lanes} at a time, and so many publish: make it with \
                 more, .publishers({})",
                lanes + 1
            );
            return Err(shared.error(ErrorKind::TooManyParticipants, detail));
        };
        Ok(Self {
            shared: Arc::clone(shared),
            lane,
            incarnation,
            writer,
            looks: 0,
            stage: Stage([0; STAGE_WORDS]),
            draft: is_drafted::<T>(shared).then(new_draft::<T>),
            buffer: Vec::new(),
            _message: PhantomData,
        })
    }

    /// This publisher, as its messages' headers name their sender: 128 random bits.
    #[must_use]
    pub fn id(&self) -> uuid::Uuid {
        uuid::Uuid::from_u128(self.incarnation)
    }

    /// Publishes a message; waits while the slowest subscriber of a lossless topic is too far
    /// behind.
    ///
    /// # Errors
    ///
    /// `TooLarge` if the value exceeds a cap or the slot. The topic is unharmed then.
    #[inline]
    pub fn publish(&mut self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        if self.room() == 0 {
            self.wait_for_room(None)?;
        }
        self.put(message)
    }

    /// As [`publish`](Self::publish), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if there was no room all the time, and as [`publish`](Self::publish).
    pub fn publish_timeout(&mut self, message: &T, timeout: Duration) -> Result<()>
    where
        T: Encode,
    {
        if self.room() == 0 {
            self.wait_for_room(Instant::now().checked_add(timeout))?;
        }
        self.put(message)
    }

    /// Publishes a message, or says at once that a subscriber is too far behind.
    ///
    /// # Errors
    ///
    /// `Full`, and as [`publish`](Self::publish).
    #[inline]
    pub fn try_publish(&mut self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        if self.room() == 0 {
            self.look_again()?;
        }
        self.put(message)
    }

    /// Publishes all messages, as many at a time as there is room for; waits for more.
    ///
    /// # Errors
    ///
    /// `TooLarge` if a value exceeds a cap or the slot; those before it are published then.
    pub fn publish_batch(&mut self, messages: &[T]) -> Result<()>
    where
        T: Encode,
    {
        let mut left = messages;
        while !left.is_empty() {
            if self.room() == 0 {
                self.wait_for_room(None)?;
            }
            left = &left[self.put_many(left)?..];
        }
        Ok(())
    }

    /// As [`publish_batch`](Self::publish_batch), but waits no longer than `timeout` in all, and
    /// says how many it has published by then.
    ///
    /// # Errors
    ///
    /// As [`publish_batch`](Self::publish_batch).
    pub fn publish_batch_timeout(&mut self, messages: &[T], timeout: Duration) -> Result<usize>
    where
        T: Encode,
    {
        let deadline = Instant::now().checked_add(timeout);
        let mut sent = 0;
        while sent < messages.len() {
            if self.room() == 0 {
                match self.wait_for_room(deadline) {
                    Err(error) if error.is_timed_out() => break,
                    result => result?,
                }
            }
            sent += self.put_many(&messages[sent..])?;
        }
        Ok(sent)
    }

    /// Publishes as many of the messages as there is room for, and says how many.
    ///
    /// # Errors
    ///
    /// As [`publish_batch`](Self::publish_batch).
    pub fn try_publish_batch(&mut self, messages: &[T]) -> Result<usize>
    where
        T: Encode,
    {
        let mut sent = 0;
        while sent < messages.len() && (self.room() > 0 || self.look_again().is_ok()) {
            sent += self.put_many(&messages[sent..])?;
        }
        Ok(sent)
    }

    /// A message to be filled in place; waits as [`publish`](Self::publish) does.
    ///
    /// It starts as [`TopicLoan`] says: all zeroes if it is small, any octets if it is not.
    ///
    /// ```
    /// # use barewire_runtime::ipc::Topic;
    /// # fn main() -> barewire_runtime::Result<()> {
    /// # let name = format!("docs-topic-loan-{}", std::process::id());
    /// let topic = Topic::<[u64; 512]>::create(&name)?;
    /// let mut subscriber = topic.subscriber()?;
    /// let mut publisher = topic.publisher()?;
    /// let mut loan = publisher.loan()?;
    /// loan[511] = 9;
    /// loan.send()?;
    /// assert_eq!(subscriber.take()?[511], 9);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    pub fn loan(&mut self) -> Result<TopicLoan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        if self.room() == 0 {
            self.wait_for_room(None)?;
        }
        Ok(TopicLoan::new(self))
    }

    /// As [`loan`](Self::loan), but waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` if there was no room all the time.
    pub fn loan_timeout(&mut self, timeout: Duration) -> Result<TopicLoan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        if self.room() == 0 {
            self.wait_for_room(Instant::now().checked_add(timeout))?;
        }
        Ok(TopicLoan::new(self))
    }

    /// As [`loan`](Self::loan), but says at once that a subscriber is too far behind.
    ///
    /// # Errors
    ///
    /// `Full`.
    pub fn try_loan(&mut self) -> Result<TopicLoan<'_, T>> {
        const { barewire_schema::check::assert_bounded(T::TYPE) };
        if self.room() == 0 {
            self.look_again()?;
        }
        Ok(TopicLoan::new(self))
    }

    #[inline]
    pub(super) fn room(&mut self) -> u64 {
        self.shared.lane(self.lane).room(&mut self.writer)
    }

    #[cold]
    fn look_again(&mut self) -> Result<()> {
        if self.shared.recover_at_times(&mut self.looks) && self.room() > 0 {
            return Ok(());
        }
        let detail = "a subscriber has not yet read what would be overwritten";
        Err(self.shared.error(ErrorKind::Full, detail))
    }

    #[cold]
    fn wait_for_room(&mut self, deadline: Option<Instant>) -> Result<()> {
        let Self { shared, writer, lane, .. } = self;
        // Who looks at a cursor that moves slows the subscriber down. It has much to read first.
        for _ in 0..shared.shape.choice.depth.min(MAX_BREATH) {
            std::hint::spin_loop();
        }
        let attempt = || {
            let room = shared.lane(*lane).room(writer);
            Ok::<_, Error>((room > 0).then_some(()))
        };
        let found = shared.space().wait_as(shared.wait, deadline, attempt, || shared.recover())?;
        found.ok_or_else(|| {
            let detail = "a subscriber was too far behind all the time";
            shared.error(ErrorKind::TimedOut, detail)
        })
    }

    #[inline]
    pub(super) fn put(&mut self, message: &T) -> Result<()>
    where
        T: Encode,
    {
        let lane = self.shared.lane(self.lane);
        let position = self.writer.tail;
        if is_express::<T>() {
            let staged = staged(message).map_err(|error| too_large(&self.shared, &error))?;
            self.note(position, 0, size_of::<T::Layout>());
            lane.publish_express(&mut self.writer, &staged[..words_of::<T>()]);
            self.shared.items().notify_all();
            return Ok(());
        }
        let bytes = self.fill(position, message)?;
        self.note(position, 0, bytes);
        self.announce(1);
        Ok(())
    }

    /// Publishes messages for which there is room, at least one; how many.
    pub(super) fn put_many(&mut self, messages: &[T]) -> Result<usize>
    where
        T: Encode,
    {
        let first = self.writer.tail;
        let room = self.room();
        let messages = &messages[..messages.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        // Where the first message says that the whole batch is there, it is written last.
        let first_words = match messages.first() {
            Some(message) if is_express::<T>() => {
                Some(staged(message).map_err(|error| too_large(&self.shared, &error))?)
            }
            _ => None,
        };
        let mut fault = None;
        let mut count = usize::from(first_words.is_some());
        while count < messages.len() {
            let position = first.wrapping_add(count as u64);
            match self.fill(position, &messages[count]) {
                Ok(bytes) => self.note(position, 0, bytes),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
            count += 1;
        }
        if let Some(words) = first_words {
            self.note(first, 0, size_of::<T::Layout>());
            let lane = self.shared.lane(self.lane);
            lane.empty(first.wrapping_add(count as u64));
            lane.put(first, &words[..words_of::<T>()]);
        }
        if count > 0 {
            self.announce(count as u64);
        }
        fault.map_or(Ok(count), Err)
    }

    /// Writes a message into its slot; how many bytes it takes.
    #[inline]
    fn fill(&mut self, position: u64, message: &T) -> Result<usize>
    where
        T: Encode,
    {
        let shared = &*self.shared;
        if !is_bounded::<T>() {
            return fill_encoded(shared, self.lane, position, message, &mut self.buffer);
        }
        let result = match &mut self.draft {
            None => {
                let slot = slot_mut(shared, self.lane, position, size_of::<T::Layout>());
                message.store(layout_mut::<T>(slot))
            }
            Some(draft) => message.store(draft).map(|()| {
                let slot = shared.shape.slot(self.lane, position);
                shared.map().write_volatile(slot, draft.as_bytes());
            }),
        };
        result.map_err(|error| too_large(shared, &error))?;
        Ok(size_of::<T::Layout>())
    }

    /// Writes what goes with a message, as far as it is not what it always is.
    #[inline]
    fn note(&self, position: u64, kind: u32, bytes: usize) {
        let shape = &self.shared.shape;
        if self.writer.kinds || shape.choice.encoded {
            let note = u64::from(kind) | (bytes as u64) << 32;
            self.word(shape.note(self.lane, position)).store(note, RELAXED);
        }
        if shape.choice.stamped {
            self.word(shape.stamp(self.lane, position)).store(sys::now_ns(), RELAXED);
        }
    }

    fn word(&self, at: usize) -> &std::sync::atomic::AtomicU64 {
        self.shared.map().u64(at)
    }

    /// Makes messages visible that were written, and wakes those who wait for them.
    #[inline]
    fn announce(&mut self, count: u64) {
        let shared = &*self.shared;
        Lane::<Mapping>::publish(&shared.lane(self.lane), &mut self.writer, count);
        shared.items().notify_all();
    }
}

const RELAXED: std::sync::atomic::Ordering = std::sync::atomic::Ordering::Relaxed;

impl<T: FixedLayout> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.shared.lane(self.lane).give_back(&self.writer);
    }
}

impl<T: FixedLayout> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher")
            .field("topic", &self.shared.name())
            .field("published", &self.writer.tail)
            .finish_non_exhaustive()
    }
}

/// The words that a message of `T` takes, if it announces itself.
const fn words_of<T: FixedLayout>() -> usize {
    let words = size_of::<T::Layout>().div_ceil(8);
    if words == 0 { 1 } else { words }
}

/// A small message as words, the rest zero.
#[inline(always)]
fn staged<T: FixedLayout>(message: &T) -> Result<[u64; STAGE_WORDS], LayoutError> {
    let mut layout = T::Layout::new_zeroed();
    message.store(&mut layout)?;
    let mut words = [0; STAGE_WORDS];
    for (word, bytes) in words.iter_mut().zip(layout.as_bytes().chunks(8)) {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        *word = u64::from_ne_bytes(whole);
    }
    Ok(words)
}

#[cold]
fn fill_encoded<T: Encode>(
    shared: &Shared,
    lane: usize,
    position: u64,
    message: &T,
    buffer: &mut Vec<u8>,
) -> Result<usize> {
    codec::encode_into(message, buffer);
    let most = shared.shape.choice.payload as usize;
    if buffer.len() > most {
        let detail =
            format!("the message takes {} bytes, the topic's slots have {most}", buffer.len());
        return Err(shared.error(ErrorKind::TooLarge, detail));
    }
    shared.map().write_volatile(shared.shape.slot(lane, position), buffer);
    Ok(buffer.len())
}

/// Whether messages of `T` are made in memory of this process before they are copied as a whole.
fn is_drafted<T: FixedLayout>(shared: &Shared) -> bool {
    shared.shape.choice.isolated && is_bounded::<T>() && !is_express::<T>()
}

fn new_draft<T: FixedLayout>() -> Box<T::Layout> {
    let layout = std::alloc::Layout::new::<T::Layout>();
    T::Layout::new_box_zeroed().unwrap_or_else(|_| std::alloc::handle_alloc_error(layout))
}

#[cold]
fn too_large(shared: &Shared, error: &LayoutError) -> Error {
    shared.error(ErrorKind::TooLarge, error.to_string())
}

/// The bytes of a slot that the one publisher of the lane is filling, at a position between its
/// tail and its limit.
///
/// No lossless reader looks there but at the last word of the slot at the tail, which messages that
/// announce themselves do not write through this; a lossy reader throws away what it saw.
#[inline]
#[expect(clippy::mut_from_ref, reason = "the owner of the lane is what is exclusive")]
fn slot_mut(shared: &Shared, lane: usize, position: u64, len: usize) -> &mut [u8] {
    let address = shared.map().bytes(shared.shape.slot(lane, position), len);
    // SAFETY: in bounds, as `bytes` checks. The lane belongs to the one publisher that calls this,
    // which makes one such slice at a time, where nobody reads: see above (cooperative peers).
    unsafe { std::slice::from_raw_parts_mut(address, len) }
}

#[inline]
fn layout_mut<T: FixedLayout>(bytes: &mut [u8]) -> &mut T::Layout {
    match T::Layout::mut_from_bytes(bytes) {
        Ok(layout) => layout,
        // Slots are as large as the layout and start at a multiple of 8: checked when attaching.
        Err(_) => unreachable!("a slot holds the layout"),
    }
}

/// A message that is being filled in place; dropping it unsent leaves no trace.
///
/// It dereferences to the fixed layout of `T`. One of up to 4 KiB starts as all zeroes. A larger
/// one starts as any octets, those of earlier messages of this topic as a rule, since to zero it
/// would take as long as to fill it: write all of it, or call [`zero`](Self::zero) first.
#[must_use = "a loan that is not sent was for nothing"]
pub struct TopicLoan<'p, T: FixedLayout> {
    publisher: &'p mut Publisher<T>,
    kind: u32,
}

impl<'p, T: FixedLayout> TopicLoan<'p, T> {
    pub(super) fn new(publisher: &'p mut Publisher<T>) -> Self {
        let mut loan = Self { publisher, kind: 0 };
        if size_of::<T::Layout>() <= MAX_ZEROED {
            loan.zero();
        }
        loan
    }

    /// Makes the message all zeroes.
    pub fn zero(&mut self) {
        self.bytes_mut().fill(0);
    }

    /// Sets the number that subscribers find in the header.
    pub fn set_kind(&mut self, kind: u32) {
        self.kind = kind;
    }

    /// Publishes the message.
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    pub fn send(self) -> Result<()> {
        let publisher = self.publisher;
        let lane = publisher.shared.lane(publisher.lane);
        let position = publisher.writer.tail;
        if self.kind != 0 && !publisher.writer.kinds {
            lane.use_kinds(&mut publisher.writer);
        }
        publisher.note(position, self.kind, size_of::<T::Layout>());
        if is_express::<T>() {
            let lane = publisher.shared.lane(publisher.lane);
            lane.put(position, &publisher.stage.0[..words_of::<T>()]);
        } else if let Some(draft) = &publisher.draft {
            let slot = publisher.shared.shape.slot(publisher.lane, position);
            publisher.shared.map().write_volatile(slot, draft.as_bytes());
        }
        publisher.announce(1);
        Ok(())
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let len = size_of::<T::Layout>();
        if is_express::<T>() {
            return &mut self.publisher.stage.0.as_mut_bytes()[..len];
        }
        let publisher = &mut *self.publisher;
        match &mut publisher.draft {
            Some(draft) => draft.as_mut_bytes(),
            None => slot_mut(&publisher.shared, publisher.lane, publisher.writer.tail, len),
        }
    }
}

impl<T: FixedLayout> Deref for TopicLoan<'_, T> {
    type Target = T::Layout;

    fn deref(&self) -> &T::Layout {
        let len = size_of::<T::Layout>();
        let publisher = &*self.publisher;
        if is_express::<T>() {
            return super::message::layout_of::<T>(&publisher.stage.0.as_bytes()[..len]);
        }
        if let Some(draft) = &publisher.draft {
            return draft;
        }
        let slot = slot_mut(&publisher.shared, publisher.lane, publisher.writer.tail, len);
        super::message::layout_of::<T>(slot)
    }
}

impl<T: FixedLayout> DerefMut for TopicLoan<'_, T> {
    fn deref_mut(&mut self) -> &mut T::Layout {
        layout_mut::<T>(self.bytes_mut())
    }
}

impl<T: FixedLayout> fmt::Debug for TopicLoan<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicLoan").field("kind", &self.kind).finish_non_exhaustive()
    }
}
