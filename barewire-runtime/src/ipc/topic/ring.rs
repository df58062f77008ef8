//! The topic's protocol, in words only: lanes that one publisher each writes, and readers' cursors.
//!
//! Positions count the messages of a lane from 0 and never turn back. A publisher fills the slot of
//! position `tail` and stores the next `tail`; no step of it needs a locked instruction. What it
//! must not overwrite it learns rarely: `limit`, its own, is the position that it may write up to,
//! and only there it looks at the readers again.
//!
//! ```text
//!              positions ──►
//!   reserved − slots        slowest cursor            tail        limit     reserved
//!          │   history, late readers │  to be read      │  may be    │  + 2    │
//!          ├─────────────────────────┼──────────────────┤  written   ├─────────┤
//! ```
//!
//! `reserved` runs ahead of all that a publisher may change: slots of positions before it, that is,
//! messages before `reserved − slots`. A lossless publisher raises it, fences, and then reads the
//! cursors; a subscriber writes its cursors, fences, and then reads `reserved`. So either the
//! publisher sees the cursor, or the subscriber sees what may be gone and starts after that. A
//! lossy reader copies a message, and then looks whether `reserved` has come near meanwhile.
//!
//! **Express.** A line that says "there is a message" and another with the message are two journeys
//! between processors, one after the other. So a message of up to a cache line announces itself:
//! slots that come next hold [`EMPTY`] in their last word, and that word is written last. Position
//! `p` is published as soon as `tail` is past it **or** the last word of its slot is not `EMPTY`,
//! whichever comes first. A message whose last word happens to be `EMPTY` waits for `tail`, which
//! then counts it at once. Of others, `tail` counts so many at a time ([`Shape::lag`]): its line
//! would have to travel for each, and who is sent for one looks at the message anyway. The rules
//! that make it right:
//!
//! 1. Before the last word of position `p` is written, the slot after it (after the last of the
//!    batch) is `EMPTY`. So a reader at `p`, which has read `p − 1`, finds nothing there but
//!    `EMPTY` or the message `p`.
//! 2. Of a batch, the last word of the first message is written last of all.
//! 3. Both are done early: after position `p` was published, the slots `p + 1` and `p + 2` are made
//!    `EMPTY`, which also fetches their lines for the next messages.
//!
//! **Owners.** A lane and a place (of a subscriber) belong to whom their word names: FREE →
//! HELD(owner) → FREE, and for a place FREE → JOINING(owner) → HELD(owner) → FREE, each taken by
//! one compare-and-swap with a version that makes every life different.
//!
//! | killed after | left behind | what others do |
//! |---|---|---|
//! | taking a lane | HELD(dead), nothing changed | sweep: FREE |
//! | writing a tenure | a record without messages | the next owner rewrites it |
//! | raising `reserved` | a shorter history | the next owner looks at all cursors first |
//! | filling slots | bytes behind a last word that is `EMPTY` | the next owner overwrites them |
//! | the last word, before `tail` | messages, visible to all | the next owner moves `tail` |
//! | `tail`, before emptying | one `EMPTY` slot, not two | the next owner empties the other |
//! | publishing, before waking | sleepers | they look themselves every few milliseconds |
//! | taking a place | JOINING(dead), which publishers ignore | sweep: FREE |
//! | becoming a subscriber | HELD(dead), its cursors hold back | sweep: FREE, publishers go on |
//! | reading part of a message | a cursor before it, as above | as above |
//! | part of a sweep | words of a participant still dead | sweep again, each step once |
//!
//! A publisher that is stopped delays nobody. A subscriber that is stopped holds back the
//! publishers of a lossless topic, which is what lossless means, until their deadlines; of a lossy
//! topic, none.

use std::sync::atomic::Ordering;

use super::shape::{AHEAD, KINDS, OWNER, RESERVED, Shape, TAIL, TENURES};
use crate::sync::words::{Atomic, Words};
use crate::sys::map::Mapping;

/// The last word of a slot without a message.
pub(super) const EMPTY: u64 = 0x8d3a_5f01_c6b2_e947;

/// No lane comes this far in a thousand years; what says so was not written by a publisher. Below
/// it, positions can be added to without a care.
const LAST: u64 = 1 << 62;

const FREE: u64 = 0;
const JOINING: u64 = 1;
const HELD: u64 = 2;

/// Whole slots, as the protocol moves them.
pub(super) trait Slots: Words {
    /// Writes words, the last one in the order `last` after the others.
    fn write(&self, at: usize, from: &[u64], last: Ordering);
    /// Reads words that somebody may be writing.
    fn read(&self, at: usize, into: &mut [u64]);
}

impl Slots for Mapping {
    #[inline]
    fn write(&self, at: usize, from: &[u64], last: Ordering) {
        let words = self.words(at, from.len());
        if let (Some((end, words)), Some((value, from))) = (words.split_last(), from.split_last()) {
            for (word, value) in words.iter().zip(from) {
                word.store(*value, Ordering::Relaxed);
            }
            end.store(*value, last);
        }
    }
    #[inline]
    fn read(&self, at: usize, into: &mut [u64]) {
        for (word, value) in self.words(at, into.len()).iter().zip(into) {
            *value = word.load(Ordering::Relaxed);
        }
    }
}

/// The word of a lane or a place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Holder(u64);

impl Holder {
    fn new(state: u64, owner: u8, version: u64) -> Self {
        Self(state | u64::from(owner) << 2 | version << 10)
    }
    fn state(self) -> u64 {
        self.0 & 3
    }
    fn owner(self) -> u8 {
        (self.0 >> 2) as u8
    }
    fn version(self) -> u64 {
        self.0 >> 10
    }

    /// Makes a free word `state` of `owner`.
    fn take<A: Atomic<u64>>(word: &A, state: u64, owner: u8) -> bool {
        let seen = Self(word.load(Ordering::Acquire));
        let taken = Self::new(state, owner, seen.version().wrapping_add(1));
        seen.state() == FREE && word.exchange(seen.0, taken.0, Ordering::AcqRel)
    }

    /// Frees a word that this participant holds.
    fn give_back<A: Atomic<u64>>(word: &A) {
        let seen = Self(word.load(Ordering::Relaxed));
        word.store(Self::new(FREE, 0, seen.version()).0, Ordering::Release);
    }

    fn sweep<A: Atomic<u64>>(word: &A, dead: u8, still_dead: &dyn Fn() -> bool) {
        let seen = Self(word.load(Ordering::Acquire));
        if seen.state() != FREE && seen.owner() == dead && still_dead() {
            word.exchange(seen.0, Self::new(FREE, 0, seen.version()).0, Ordering::AcqRel);
        }
    }
}

/// What the publisher of a lane knows and nobody else needs.
#[derive(Debug)]
pub(super) struct Writer {
    /// The position that is written next.
    pub(super) tail: u64,
    /// The first position that must not be written yet.
    pub(super) limit: u64,
    /// Whether messages of this lane have kinds.
    pub(super) kinds: bool,
    reserved: u64,
    fenced: bool,
}

/// What a subscriber knows of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reader {
    /// The position that is read next.
    pub(super) position: u64,
    /// `tail`, as it was when last looked at.
    seen: u64,
}

impl Reader {
    /// One that has read what comes before `position`, and has not looked yet.
    pub(super) fn at(position: u64) -> Self {
        Self { position, seen: position }
    }

    /// The same, so many messages further on.
    pub(super) fn after(self, messages: u64) -> Self {
        Self { position: self.position.wrapping_add(messages), ..self }
    }
}

/// One lane of a topic.
pub(super) struct Lane<'a, W> {
    pub(super) words: &'a W,
    pub(super) shape: &'a Shape,
    pub(super) number: usize,
}

impl<'a, W: Slots> Lane<'a, W> {
    fn word(&self, at: usize) -> &'a W::U64 {
        self.words.u64(self.shape.lane(self.number) + at)
    }
    fn tail(&self) -> &'a W::U64 {
        self.word(TAIL)
    }
    fn reserved(&self) -> &'a W::U64 {
        self.word(RESERVED)
    }
    fn cursor(&self, place: usize) -> &'a W::U64 {
        self.words.u64(self.shape.cursor(self.number, place))
    }
    #[inline]
    fn last_word(&self, position: u64) -> &'a W::U64 {
        let slot = self.shape.slot(self.number, position);
        self.words.u64(slot + self.shape.stride - 8)
    }

    /// Makes the slots of a new lane ready.
    pub(super) fn fill(&self) {
        let ahead = if self.shape.is_express() { AHEAD } else { 0 };
        for position in 0..ahead {
            self.last_word(position).store(EMPTY, Ordering::Relaxed);
        }
    }

    /// Makes the lane this participant's, and brings to an end what the last owner has begun.
    pub(super) fn claim(&self, me: u8, incarnation: u128) -> Option<Writer> {
        if !Holder::take(self.word(OWNER), HELD, me) {
            return None;
        }
        let begun = self.end();
        let tail = self.published(begun);
        if self.shape.is_express() {
            if tail != begun {
                self.tail().store(tail, Ordering::Release);
            }
            self.empty(tail);
            self.empty(tail.wrapping_add(1));
        }
        self.record_tenure(tail, incarnation);
        Some(Writer {
            tail,
            limit: tail,
            kinds: self.word(KINDS).load(Ordering::Relaxed) != 0,
            reserved: self.reserved().load(Ordering::Relaxed).min(LAST),
            fenced: false,
        })
    }

    pub(super) fn give_back(&self, writer: &Writer) {
        self.tail().store(writer.tail, Ordering::Release);
        Holder::give_back(self.word(OWNER));
    }

    /// Writes down who publishes from `start` on; a tenure without messages is replaced.
    fn record_tenure(&self, start: u64, incarnation: u128) {
        let count = self.word(TENURES).load(Ordering::Relaxed);
        let record = |tenure| self.shape.tenure(self.number, tenure);
        let last = count.wrapping_sub(1);
        let replaces = count != 0 && self.words.u64(record(last)).load(Ordering::Relaxed) == start;
        let tenure = if replaces { last } else { count };
        // A lossy reader that sees a word of this record also sees the `reserved` that came before.
        self.words.fence(Ordering::Release);
        let words = [start, incarnation as u64, (incarnation >> 64) as u64];
        self.words.write(record(tenure), &words, Ordering::Relaxed);
        if !replaces {
            self.word(TENURES).store(count.wrapping_add(1), Ordering::Release);
        }
    }

    /// The number of a message among those of its sender, and the sender's incarnation.
    pub(super) fn sender(&self, position: u64) -> (u64, u128) {
        let count = self.word(TENURES).load(Ordering::Acquire);
        for back in 1..=count.min(self.shape.slots + 1) {
            let mut record = [0; 3];
            self.words.read(self.shape.tenure(self.number, count - back), &mut record);
            let [start, low, high] = record;
            if start <= position {
                return (position - start, u128::from(low) | u128::from(high) << 64);
            }
        }
        (position, 0)
    }

    /// How many messages may be written now.
    #[inline]
    pub(super) fn room(&self, writer: &mut Writer) -> u64 {
        if writer.tail < writer.limit {
            return writer.limit - writer.tail;
        }
        self.raise(writer)
    }

    fn raise(&self, writer: &mut Writer) -> u64 {
        let goal = writer.tail.saturating_add(self.shape.chunk());
        let reserved = goal.saturating_add(AHEAD);
        if reserved > writer.reserved || !writer.fenced {
            writer.reserved = writer.reserved.max(reserved);
            self.reserved().store(writer.reserved, Ordering::Relaxed);
            // Lossless: pairs with the fence in `join`. Lossy: whoever sees a byte of the messages
            // that follow also sees this.
            self.words.fence(Ordering::SeqCst);
            writer.fenced = true;
        }
        let held =
            self.slowest().map_or(goal, |slowest| slowest.saturating_add(self.shape.choice.depth));
        writer.limit = goal.min(held).max(writer.tail);
        writer.limit - writer.tail
    }

    /// The cursor of the subscriber that is furthest behind.
    fn slowest(&self) -> Option<u64> {
        let held = |place: &usize| {
            let word = self.words.u64(self.shape.place(*place)).load(Ordering::Acquire);
            Holder(word).state() == HELD
        };
        let places = (0..self.shape.places()).filter(held);
        places.map(|place| self.cursor(place).load(Ordering::Acquire)).min()
    }

    /// Writes a message into the slot of `position`, which it fills, its last word last.
    #[inline]
    pub(super) fn put(&self, position: u64, message: &[u64]) {
        self.words.write(self.shape.slot(self.number, position), message, Ordering::Release);
    }

    /// Takes away what the last word of a slot says.
    #[inline]
    pub(super) fn empty(&self, position: u64) {
        self.last_word(position).store(EMPTY, Ordering::Relaxed);
    }

    /// Makes `count` messages that were written visible; at most as many as there was room for.
    #[inline]
    pub(super) fn publish(&self, writer: &mut Writer, count: u64) {
        writer.tail = writer.tail.wrapping_add(count);
        self.tail().store(writer.tail, Ordering::Release);
        if self.shape.is_express() {
            self.empty(writer.tail.wrapping_add(1));
        }
    }

    /// Publishes one message that announces itself, by its last word alone if that is enough.
    #[inline]
    pub(super) fn publish_express(&self, writer: &mut Writer, message: &[u64]) {
        self.put(writer.tail, message);
        writer.tail = writer.tail.wrapping_add(1);
        if writer.tail & (self.shape.lag - 1) == 0 || message.last() == Some(&EMPTY) {
            self.tail().store(writer.tail, Ordering::Release);
            self.fetch_ahead(writer);
        }
        self.empty(writer.tail.wrapping_add(1));
    }

    /// Brings the lines of the messages after the next few near, if those were read already: so
    /// that a stream waits for none of them. All at once, since to fetch one for each message would
    /// delay messages that are sent one by one.
    #[inline]
    fn fetch_ahead(&self, writer: &Writer) {
        let first = writer.tail.wrapping_add(self.shape.lag);
        let end = first.wrapping_add(self.shape.lag).min(writer.limit);
        for position in first..end {
            self.words.prefetch_write(self.shape.slot(self.number, position));
        }
    }

    /// Says that messages of this lane have kinds from now on.
    pub(super) fn use_kinds(&self, writer: &mut Writer) {
        writer.kinds = true;
        self.word(KINDS).store(1, Ordering::Release);
    }

    pub(super) fn has_kinds(&self) -> bool {
        self.word(KINDS).load(Ordering::Acquire) != 0
    }

    /// A reader that begins with the last `back` messages, as far as they are still there.
    pub(super) fn reader(&self, back: u64) -> Reader {
        let seen = self.published(self.end());
        Reader { position: seen.saturating_sub(back).max(self.oldest()).min(seen), seen }
    }

    /// The position after the last message published, as far as `tail` says.
    #[inline]
    pub(super) fn end(&self) -> u64 {
        self.tail().load(Ordering::Acquire).min(LAST)
    }

    /// The position after the last message published, if all before `position` are: messages may
    /// be there that `tail` does not count yet.
    pub(super) fn published(&self, mut position: u64) -> u64 {
        if self.shape.is_express() {
            for _ in 0..self.shape.slots {
                if self.last_word(position).load(Ordering::Acquire) == EMPTY {
                    break;
                }
                position = self.end().max(position.wrapping_add(1));
            }
        }
        position
    }

    /// The first message that no publisher will change before `reserved` is raised.
    pub(super) fn oldest(&self) -> u64 {
        self.reserved().load(Ordering::Relaxed).min(LAST).saturating_sub(self.shape.slots)
    }

    /// Whether a message that was copied before was whole; lossy topics only.
    #[inline]
    pub(super) fn was_intact(&self, position: u64) -> bool {
        self.words.fence(Ordering::Acquire);
        self.oldest() <= position
    }

    /// Moves a lossy reader that was overtaken on to what is still there; by how much.
    pub(super) fn skip(&self, reader: &mut Reader) -> u64 {
        // Not to the oldest message: that would be gone as soon as a publisher reserves again.
        let next = self.oldest().saturating_add(self.shape.chunk() / 4).min(self.end());
        let missed = next.saturating_sub(reader.position);
        reader.position = reader.position.wrapping_add(missed);
        self.look(reader);
        missed
    }

    /// How many messages can be read now. Only a thorough look is sure to see all of them.
    #[inline]
    pub(super) fn ready(&self, reader: &mut Reader, thorough: bool) -> u64 {
        if reader.seen > reader.position {
            return reader.seen - reader.position;
        }
        let express = self.shape.is_express();
        if express && self.last_word(reader.position).load(Ordering::Acquire) != EMPTY {
            return 1;
        }
        if express && !thorough {
            return 0;
        }
        self.look(reader)
    }

    /// Whether another message is there, at a glance.
    #[inline]
    pub(super) fn has_next(&self, reader: &Reader) -> bool {
        reader.seen > reader.position
            || self.shape.is_express()
                && self.last_word(reader.position).load(Ordering::Acquire) != EMPTY
    }

    /// Whether `tail` counts a message that the reader has not had.
    #[inline]
    pub(super) fn is_ahead(&self, reader: &Reader) -> bool {
        self.end() > reader.position
    }

    /// Likewise for batches, up to `most`: looks at `tail` first, and is always thorough.
    pub(super) fn ready_many(&self, reader: &mut Reader, most: u64) -> u64 {
        let known = reader.seen.saturating_sub(reader.position);
        let ready = if known >= most { known } else { self.look(reader) };
        if ready > 0 || !self.shape.is_express() {
            return ready.min(most);
        }
        let said = |ahead: &u64| {
            let word = self.last_word(reader.position.wrapping_add(*ahead));
            word.load(Ordering::Acquire) != EMPTY
        };
        (0..most.min(self.shape.slots)).take_while(said).count() as u64
    }

    #[inline]
    fn look(&self, reader: &mut Reader) -> u64 {
        let furthest = reader.position.saturating_add(self.shape.slots);
        reader.seen = self.end().min(furthest);
        reader.seen.saturating_sub(reader.position)
    }

    /// Lets publishers overwrite what is before `position`.
    #[inline]
    pub(super) fn advance(&self, place: usize, position: u64) {
        self.cursor(place).store(position, Ordering::Release);
    }
}

/// Who holds a lane, for those who only look: the participant's index.
pub(super) fn publisher_of<W: Slots>(lane: &Lane<'_, W>) -> Option<u8> {
    let holder = Holder(lane.word(OWNER).load(Ordering::Acquire));
    (holder.state() == HELD).then(|| holder.owner())
}

/// Who holds a subscriber's place, likewise, and where it is in each lane.
pub(super) fn subscriber_at<W: Slots>(
    words: &W,
    shape: &Shape,
    place: usize,
) -> Option<(u8, Vec<u64>)> {
    let word = words.u64(shape.place(place));
    let holder = Holder(word.load(Ordering::Acquire));
    if holder.state() != HELD {
        return None;
    }
    let cursor = |number| lane(words, shape, number).cursor(place).load(Ordering::Acquire);
    let cursors = (0..shape.lanes()).map(cursor).collect();
    words.fence(Ordering::Acquire);
    // Of one life only if that still lasts.
    (word.load(Ordering::Relaxed) == holder.0).then(|| (holder.owner(), cursors))
}

fn lane<'a, W>(words: &'a W, shape: &'a Shape, number: usize) -> Lane<'a, W> {
    Lane { words, shape, number }
}

/// Takes a place for a subscriber of a lossless topic, and reads the last `back` messages first.
pub(super) fn join<W: Slots>(
    words: &W,
    shape: &Shape,
    me: u8,
    back: u64,
) -> Option<(usize, Vec<Reader>)> {
    let free = |place: &usize| Holder::take(words.u64(shape.place(*place)), JOINING, me);
    let place = (0..shape.places()).find(free)?;
    let lanes = || (0..shape.lanes()).map(|number| lane(words, shape, number));
    let mut readers: Vec<Reader> = lanes().map(|lane| lane.reader(back)).collect();
    for (lane, reader) in lanes().zip(&readers) {
        lane.advance(place, reader.position);
    }
    let word = words.u64(shape.place(place));
    let version = Holder(word.load(Ordering::Relaxed)).version();
    word.store(Holder::new(HELD, me, version).0, Ordering::Release);
    // Pairs with the fence in `raise`.
    words.fence(Ordering::SeqCst);
    for (lane, reader) in lanes().zip(&mut readers) {
        reader.position = reader.position.max(lane.oldest());
        lane.advance(place, reader.position);
    }
    Some((place, readers))
}

/// Gives a subscriber's place back.
pub(super) fn part<W: Slots>(words: &W, shape: &Shape, place: usize) {
    Holder::give_back(words.u64(shape.place(place)));
}

/// Gives back what `dead` held. Many may do it at once, and each may die at any step.
pub(super) fn sweep<W: Slots>(words: &W, shape: &Shape, dead: u8, still_dead: &dyn Fn() -> bool) {
    for number in 0..shape.lanes() {
        Holder::sweep(lane(words, shape, number).word(OWNER), dead, still_dead);
    }
    for place in 0..shape.places() {
        Holder::sweep(words.u64(shape.place(place)), dead, still_dead);
    }
}
