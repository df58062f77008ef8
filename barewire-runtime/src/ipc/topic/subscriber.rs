//! Taking messages out of a topic: one by one or in batches, in place or, if lossy, as copies.

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::message::{TopicBatch, TopicMessage};
use super::ring::{Reader, Slots, join, part};
use super::{Note, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::sync::{Pace, Wait, breathe, spin_a_while};

const LINE_WORDS: usize = 8;

/// Copies of messages stand in lines, so that every layout finds its alignment.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
pub(super) struct Line([u64; LINE_WORDS]);
const _: () = assert!(align_of::<Line>() as u64 >= barewire_schema::MAX_ALIGN);

/// How often a lossy subscriber that is overtaken while it copies tries again at once.
const ATTEMPTS: u32 = 16;

/// Every so many looks of one who never sleeps are sure ones.
const THOROUGH: u32 = 16;

/// Where to look for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// At the message itself, which is quickest but may miss it.
    Message,
    /// At both: quick and sure.
    Both,
}

/// One of the subscribers of a topic; see [`Topic::subscriber`](super::Topic::subscriber).
///
/// It belongs to one thread at a time, and can be sent to another. In a lossless topic it holds
/// publishers back that are [`depth`](super::Topic::depth) messages ahead, until it takes them, is
/// dropped, or its process dies.
pub struct Subscriber<T: FixedLayout> {
    pub(super) shared: Arc<Shared>,
    /// Of a lossless topic.
    pub(super) place: Option<usize>,
    pub(super) readers: Vec<Reader>,
    next_lane: usize,
    missed: u64,
    /// What is read next of each lane, if somebody waits for messages beside other things.
    pub(super) positions: Option<Arc<[AtomicU64]>>,
    /// Missed, but not yet told with a message.
    unreported: u64,
    /// Missed before what was found last.
    reported: u64,
    /// Whether publishers were not told yet that there is room.
    untold: bool,
    pace: Pace,
    /// Whether messages are copied out: those of a lossy or an isolated topic.
    pub(super) copies_out: bool,
    /// Copies of messages; and what goes with each of them.
    pub(super) copies: Vec<Line>,
    pub(super) notes: Vec<Note>,
    _message: PhantomData<fn() -> T>,
}

/// Messages that stand next to each other in a lane, as they were found: two words, which go from
/// hand to hand in registers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) position: u64,
    /// The lane's number × 2³², + how many there are.
    span: NonZeroU64,
}

impl Found {
    /// `None` if `count` is 0; it is less than 2³².
    #[inline]
    fn new(lane: usize, position: u64, count: u64) -> Option<Self> {
        let count = NonZeroU64::new(count)?;
        Some(Self { position, span: count | (lane as u64) << 32 })
    }

    #[inline]
    pub(super) fn lane(self) -> usize {
        (self.span.get() >> 32) as usize
    }

    #[inline]
    pub(super) fn count(self) -> u64 {
        u64::from(self.span.get() as u32)
    }
}

/// The most messages of a batch: at least one.
pub(super) fn some(most: usize) -> Option<u64> {
    Some(most.max(1) as u64)
}

impl<T: FixedLayout> Subscriber<T> {
    pub(super) fn new(shared: &Arc<Shared>, back: u64) -> Result<Self> {
        let shape = &shared.shape;
        let lanes = shape.lanes();
        let (place, readers) = if shape.choice.lossy {
            (None, (0..lanes).map(|lane| shared.lane(lane).reader(back)).collect())
        } else {
            let me = shared.segment.index();
            let joined = shared.or_recover(|| join(shared.map(), shape, me, back));
            let Some((place, readers)) = joined else {
                let most = shape.places();
                let detail = format!(
                    "the topic was made for {most} at a time, and so many subscribe: make it with \
                     more, .subscribers({})",
                    most + 1
                );
                return Err(shared.error(ErrorKind::TooManyParticipants, detail));
            };
            (Some(place), readers)
        };
        Ok(Self {
            shared: Arc::clone(shared),
            place,
            readers,
            next_lane: 0,
            missed: 0,
            positions: None,
            unreported: 0,
            reported: 0,
            untold: false,
            pace: Pace::new(),
            copies_out: shape.choice.lossy || shape.choice.isolated,
            copies: Vec::new(),
            notes: Vec::new(),
            _message: PhantomData,
        })
    }

    /// How many messages it has missed so far; 0 for ever in a lossless topic.
    ///
    /// Whatever was published since it subscribed was taken, missed, or can still be taken.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The next message, if there is one.
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    #[inline]
    pub fn try_take(&mut self) -> Result<Option<TopicMessage<'_, T>>> {
        let found = self.known().or_else(|| self.look_surely());
        Ok(found.map(|found| TopicMessage::new(self, found)))
    }

    /// The next message; waits while there is none.
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    #[inline]
    pub fn take(&mut self) -> Result<TopicMessage<'_, T>> {
        match self.known().or_else(|| self.wait(None, None)) {
            Some(found) => Ok(TopicMessage::new(self, found)),
            None => Err(self.nothing()),
        }
    }

    /// The next message; `None` if there was none within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    pub fn take_timeout(&mut self, timeout: Duration) -> Result<Option<TopicMessage<'_, T>>> {
        let found = self.wait(Instant::now().checked_add(timeout), None);
        Ok(found.map(|found| TopicMessage::new(self, found)))
    }

    /// The messages of one publisher that are there, up to `most`, if there are any.
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    pub fn try_take_batch(&mut self, most: usize) -> Result<Option<TopicBatch<'_, T>>> {
        let found = self.look(true, some(most));
        Ok(found.map(|found| TopicBatch::new(self, found)))
    }

    /// The messages of one publisher that are there, up to `most`; waits while there is none.
    ///
    /// ```
    /// # use barewire_runtime::ipc::Topic;
    /// # fn main() -> barewire_runtime::Result<()> {
    /// # let name = format!("docs-topic-batch-{}", std::process::id());
    /// let topic = Topic::<u32>::create(&name)?;
    /// let mut subscriber = topic.subscriber()?;
    /// topic.publisher()?.publish_batch(&[1, 2, 3])?;
    ///
    /// let batch = subscriber.take_batch(256)?;
    /// assert_eq!(batch.iter().map(|message| *message).sum::<u32>(), 6);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    pub fn take_batch(&mut self, most: usize) -> Result<TopicBatch<'_, T>> {
        match self.wait(None, some(most)) {
            Some(found) => Ok(TopicBatch::new(self, found)),
            None => Err(self.nothing()),
        }
    }

    /// As [`take_batch`](Self::take_batch); `None` if there was none within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a topic may come to be closed.
    pub fn take_batch_timeout(
        &mut self,
        most: usize,
        timeout: Duration,
    ) -> Result<Option<TopicBatch<'_, T>>> {
        let found = self.wait(Instant::now().checked_add(timeout), some(most));
        Ok(found.map(|found| TopicBatch::new(self, found)))
    }

    #[cold]
    fn nothing(&self) -> Error {
        self.shared.error(ErrorKind::TimedOut, "nothing was published")
    }

    /// How many messages were missed before what was found last.
    pub(super) fn missed_before(&self) -> u64 {
        self.reported
    }

    #[inline]
    fn wait(&mut self, deadline: Option<Instant>, most: Option<u64>) -> Option<Found> {
        match self.look(false, most) {
            Some(found) => Some(found),
            None => self.wait_longer(deadline, most),
        }
    }

    #[inline(never)]
    fn wait_longer(&mut self, deadline: Option<Instant>, most: Option<u64>) -> Option<Found> {
        let shared = Arc::clone(&self.shared);
        if shared.wait == Wait::SpinThenPark {
            let look = || Ok::<_, std::convert::Infallible>(self.look(false, most));
            match spin_a_while(look) {
                Ok(None) => {}
                Ok(found) => return found,
            }
        }
        let mut looks = 0_u32;
        let attempt = || {
            looks = looks.wrapping_add(1);
            let quick = shared.wait == Wait::Spin && !looks.is_multiple_of(THOROUGH);
            let found = if quick { self.look(false, most) } else { self.find(Look::Both, most) };
            Ok::<_, std::convert::Infallible>(found)
        };
        // Who has spun is done with that.
        let wait = if shared.wait == Wait::Spin { Wait::Spin } else { Wait::Park };
        match shared.items().wait_as(wait, deadline, attempt, || shared.recover()) {
            Ok(found) => found,
        }
    }

    /// Looks where the next message is likely to be seen first; if it is to be sure, so that it
    /// finds whatever was published before.
    #[inline]
    fn look(&mut self, sure: bool, most: Option<u64>) -> Option<Found> {
        let look = if sure { Look::Both } else { Look::Message };
        let found = self.find(look, most);
        if found.is_some() {
            self.pace.found();
            return found;
        }
        self.miss();
        None
    }

    /// Nothing was found.
    #[inline]
    fn miss(&mut self) {
        if self.pace.missed() {
            breathe();
        }
    }

    /// The next message, if it is seen to be there at a glance; the usual case of a stream.
    #[inline]
    fn known(&mut self) -> Option<Found> {
        let [reader] = &mut self.readers[..] else { return None };
        if self.copies_out || !self.shared.lane(0).has_next(reader) {
            return None;
        }
        let position = reader.position;
        reader.position = position.wrapping_add(1);
        Found::new(0, position, 1)
    }

    /// Makes sure that [`known`](Self::known) has missed nothing. One lane says so by one word.
    #[inline]
    fn look_surely(&mut self) -> Option<Found> {
        if let ([reader], false) = (&self.readers[..], self.copies_out)
            && !self.shared.lane(0).is_ahead(reader)
        {
            self.tell();
            self.miss();
            return None;
        }
        self.look(true, None)
    }

    /// Looks at each lane in turn, and takes what stands in the first one that has something.
    #[inline]
    pub(super) fn find(&mut self, look: Look, most: Option<u64>) -> Option<Found> {
        let lanes = self.readers.len();
        for _ in 0..lanes {
            let number = self.next_lane;
            self.next_lane = if number + 1 < lanes { number + 1 } else { 0 };
            let found = if self.place.is_some() {
                self.find_in_place(number, look, most)
            } else {
                self.find_copy(number, look, most)
            };
            if found.is_some() {
                return found;
            }
        }
        self.tell();
        None
    }

    #[inline]
    fn ready(&mut self, number: usize, look: Look, most: Option<u64>) -> u64 {
        let lane = self.shared.lane(number);
        let reader = &mut self.readers[number];
        match most {
            None => lane.ready(reader, look == Look::Both).min(1),
            // As many as `Found` can say.
            Some(most) => lane.ready_many(reader, most.min(u64::from(u32::MAX))),
        }
    }

    #[inline]
    fn find_in_place(&mut self, lane: usize, look: Look, most: Option<u64>) -> Option<Found> {
        let count = self.ready(lane, look, most);
        if count == 0 {
            return None;
        }
        let position = self.readers[lane].position;
        self.readers[lane].position = position.wrapping_add(count);
        if self.copies_out {
            self.copy(lane, position, count);
        }
        Found::new(lane, position, count)
    }

    /// Copies messages, and then makes sure that nobody has overwritten them meanwhile.
    #[inline(never)]
    fn find_copy(&mut self, number: usize, look: Look, most: Option<u64>) -> Option<Found> {
        for _ in 0..ATTEMPTS {
            let count = self.ready(number, look, most);
            if count == 0 {
                break;
            }
            let position = self.readers[number].position;
            self.copy(number, position, count);
            let lane = self.shared.lane(number);
            if lane.was_intact(position) {
                self.readers[number].position = position.wrapping_add(count);
                self.reported = std::mem::take(&mut self.unreported);
                return Found::new(number, position, count);
            }
            let missed = lane.skip(&mut self.readers[number]);
            self.missed = self.missed.saturating_add(missed);
            self.unreported = self.unreported.saturating_add(missed);
        }
        None
    }

    #[cold]
    fn copy(&mut self, number: usize, position: u64, count: u64) {
        let shared = &*self.shared;
        let words = shared.shape.stride / 8;
        let lines = (words * count as usize).div_ceil(LINE_WORDS);
        self.copies.resize(lines.max(self.copies.len()), Line([0; LINE_WORDS]));
        self.notes.clear();
        let copies = self.copies.as_mut_slice().as_mut_bytes();
        let Ok(copies) = <[u64]>::mut_from_bytes(copies) else {
            unreachable!("lines are aligned words");
        };
        let chunks = copies.chunks_exact_mut(words);
        for (position, words) in (position..position.saturating_add(count)).zip(chunks) {
            shared.map().read(shared.shape.slot(number, position), words);
            self.notes.push(shared.note(number, position, size_of::<T::Layout>()));
        }
    }

    /// Lets publishers go on with what has been read.
    #[inline]
    pub(super) fn release(&mut self, found: Found) {
        let position = self.readers[found.lane()].position;
        if let Some(positions) = &self.positions {
            positions[found.lane()].store(position, Ordering::Relaxed);
        }
        let Some(place) = self.place else { return };
        self.shared.lane(found.lane()).advance(place, position);
        self.untold = true;
        // A publisher that sleeps is woken when there is something to do for it; a lone free slot
        // it finds itself after a few milliseconds.
        if (position ^ found.position) & !self.shared.shape.wake_mask != 0 {
            self.tell();
        }
    }

    #[inline]
    fn tell(&mut self) {
        if self.untold {
            self.untold = false;
            self.shared.space().notify_all();
        }
    }
}

impl<T: FixedLayout> Drop for Subscriber<T> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            part(self.shared.map(), &self.shared.shape, place);
            self.shared.space().notify_all();
        }
    }
}

impl<T: FixedLayout> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("topic", &self.shared.name())
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}
