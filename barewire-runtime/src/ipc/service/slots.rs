//! The protocol of calls, in words only: who owns a slot, what became of a call, who is attached.
//!
//! ```text
//! call word   63 ………… 12  11 … 4  3          2 1 0     frame word  63 … 32  31 … 4  3     2 1 0
//!             number      server  CANCELLED  state                 number   bytes   turn  kind
//! end word    63 … 32 number  1 0 kind                 ack word    63 … 32 number   31 … 0 count
//! owner word  63 … 13 life  12 … 9 slots in use  8 … 1 participant  0 OWNED
//! server word 63 ………… 1 life  0 SERVING
//! ```
//!
//! A client owns a line of eight slots; a slot carries one call at a time. It has a call word, an
//! area for the request, and a ring of frames for replies, each with a word of its own. The
//! number of the call stands in every word, so that nothing of one call is taken for another's.
//!
//! ```text
//!             client               server                      server
//! call   FREE ──────► REQUESTED ──────► SERVING(server) ──────► (a frame or the end word)
//!          ▲  cancel      │                 │ its server is dead
//!          └──────────────┘                 └──────► FAILED
//! ```
//!
//! | step | who may make it | how |
//! |---|---|---|
//! | claim a line, give it back | its client; giving back also a sweeper | CAS of the owner word |
//! | fill the request | the line's client, while the slot is free | plain |
//! | FREE, FAILED or let go → REQUESTED | the line's client | swap |
//! | REQUESTED → SERVING(me) | any server: claimed, and by whom, in one word | CAS |
//! | REQUESTED → FREE | the client (cancel), a sweeper of the client | CAS |
//! | SERVING → SERVING + CANCELLED | the client, a sweeper of the client | CAS |
//! | write frames, publish them, let go | the server that the call word names | plain, store |
//! | acknowledge a frame | the client | store of the ack word |
//! | SERVING(dead) → FAILED | a sweeper of the server | CAS |
//!
//! A slot is **free** if its call word says FREE or FAILED, or says SERVING while frame 0 or the
//! end word says that the server has let this call go. Letting go is the last that a server does
//! to a slot. So a server that stands still, or whose client has cancelled or died, keeps the
//! slot for as long as it lives, and what it writes when it continues reaches nobody else's call.
//!
//! | killed or stopped after | left behind | why it is harmless |
//! |---|---|---|
//! | client: claiming a line | an owned line | sweep: free |
//! | client: filling a request | a free slot | nobody looks at it |
//! | client: publishing | REQUESTED | served, or swept to FREE; a stopped one is answered |
//! | client: cancelling | FREE, or SERVING + CANCELLED | both end without it |
//! | client: receiving, before the ack | a full ring | its server waits for it; dead: cancelled |
//! | client: giving a line back | slots without a request | the step is repeated by a sweep |
//! | server: claiming | SERVING(dead) | sweep: FAILED. Stopped: the call's deadline |
//! | server: filling a frame | a frame without its word | nobody looks; sweep: FAILED |
//! | server: publishing a part | whole parts | received first, then FAILED |
//! | server: letting go | a whole reply | the client sees it, before or after a sweep |
//! | sweeper: any step | words of a participant still dead | swept again, each step once |
//!
//! A sweeper reads a word, then asks whether the participant still is dead, then exchanges the
//! very word it read. Numbers and lives only grow, so one that was stopped in between fails.

mod look;

use std::sync::atomic::Ordering;

use super::shape::Shape;
use crate::sync::words::{Atomic, Words};
pub(super) use look::Phase;

const FREE: u64 = 0;
const REQUESTED: u64 = 1;
const SERVING: u64 = 2;
const FAILED: u64 = 3;
const STATE_MASK: u64 = 7;
const CANCELLED: u64 = 1 << 3;
const SERVER_SHIFT: u32 = 4;
const NUMBER_SHIFT: u32 = 12;

const EMPTY: u64 = 0;
const PART: u64 = 1;
const LAST: u64 = 2;
const ENDED: u64 = 3;
const GIVEN_UP: u64 = 4;
const KIND_MASK: u64 = 7;
const TURN: u64 = 1 << 3;
const BYTES_SHIFT: u32 = 4;
/// The most bytes of one payload, as a frame word can say them.
pub(super) const MAX_PAYLOAD_BYTES: usize = (1 << 28) - 1;

/// One call: its place, and its number among the calls of that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallId {
    pub(super) line: usize,
    pub(super) slot: usize,
    number: u64,
}

impl CallId {
    /// The next call of the same slot.
    pub(super) fn next(self) -> Self {
        Self { number: self.number.wrapping_add(1) & NUMBER_MASK, ..self }
    }

    pub(super) fn number(self) -> u64 {
        self.number
    }

    pub(super) fn new(line: usize, slot: usize, number: u64) -> Self {
        Self { line, slot, number }
    }

    /// The number as frame, end and ack words carry it. What they hold of earlier calls never
    /// matches it: see [`Slots::prepare`].
    fn short(self) -> u64 {
        self.number << 32
    }
}

const OWNED: u64 = 1;
const USED_SHIFT: u32 = 9;
const USED_MASK: u64 = 15;
const LIFE_SHIFT: u32 = 13;

const SHORT_MASK: u64 = !0 << 32;
const NUMBER_MASK: u64 = (1 << (64 - NUMBER_SHIFT)) - 1;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Call(u64);

impl Call {
    fn new(state: u64, number: u64) -> Self {
        Self(state | (number & NUMBER_MASK) << NUMBER_SHIFT)
    }
    fn state(self) -> u64 {
        self.0 & STATE_MASK
    }
    fn number(self) -> u64 {
        self.0 >> NUMBER_SHIFT
    }
    fn is_served_by(self, server: u8) -> bool {
        self.state() == SERVING && (self.0 >> SERVER_SHIFT) as u8 == server
    }
}

/// What a server has published next for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing yet.
    Waiting,
    /// A part of a stream, of so many bytes.
    Part(usize),
    /// The only reply, of so many bytes.
    Last(usize),
    /// The stream is over.
    Ended,
    /// The server has let the call go without a reply, or without an end.
    GivenUp,
    /// The server has died.
    Failed,
}

/// Where a call stood when its client cancelled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancelled {
    /// No server had taken it, and none will.
    Untaken,
    /// A server has it, and keeps the slot until it lets go.
    Taken,
    /// It was over already.
    Over,
}

/// What a server does with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letting {
    /// The stream is complete.
    End,
    /// No reply, or a stream cut short.
    GiveUp,
}

/// The words of one service, as one participant works on them.
#[derive(Clone, Copy)]
pub(super) struct Slots<'a, W> {
    pub(super) words: &'a W,
    pub(super) shape: &'a Shape,
    pub(super) me: u8,
}

impl<'a, W: Words> Slots<'a, W> {
    fn owner(&self, line: usize) -> &'a W::U64 {
        self.words.u64(self.shape.owner(line))
    }
    fn call(&self, line: usize, slot: usize) -> &'a W::U64 {
        self.words.u64(self.shape.call(line, slot))
    }
    fn ack(&self, call: CallId) -> &'a W::U64 {
        self.words.u64(self.shape.ack(call))
    }
    fn end(&self, call: CallId) -> &'a W::U64 {
        self.words.u64(self.shape.end(call))
    }
    fn frame(&self, call: CallId, index: u64) -> &'a W::U64 {
        self.words.u64(self.shape.frame(call, index))
    }
    fn server(&self, index: usize) -> &'a W::U64 {
        self.words.u64(self.shape.server(index))
    }
    fn turn(&self, index: u64) -> u64 {
        if self.shape.is_odd_turn(index) { TURN } else { 0 }
    }

    // ---- a client's line ----

    /// Makes a line this participant's, the lowest that is free.
    pub(super) fn claim_line(&self) -> Option<usize> {
        let free = |line: &usize| {
            let word = self.owner(*line);
            let seen = word.load(Ordering::Relaxed);
            let life = (seen >> LIFE_SHIFT).wrapping_add(1) << LIFE_SHIFT;
            let mine = life | 1 << USED_SHIFT | u64::from(self.me) << 1 | OWNED;
            seen & OWNED == 0 && word.exchange(seen, mine, Ordering::SeqCst)
        };
        let line = (0..self.shape.clients).find(free)?;
        let high = self.words.u64(self.shape.high());
        // It only grows, so whoever loses this exchange has seen it grow, and seldom loses many.
        for _ in 0..=self.shape.clients {
            let seen = high.load(Ordering::Relaxed);
            if seen > line as u64 || high.exchange(seen, line as u64 + 1, Ordering::SeqCst) {
                break;
            }
        }
        Some(line)
    }

    /// Makes the servers look at so many slots of this participant's line, which at first is one.
    pub(super) fn widen(&self, line: usize, slots: usize) {
        let word = self.owner(line);
        // Only other threads of this client change the word, each to a larger number of slots.
        for _ in 0..=USED_MASK {
            let seen = word.load(Ordering::Relaxed);
            let wider = seen & !(USED_MASK << USED_SHIFT) | (slots as u64) << USED_SHIFT;
            if used(seen) >= slots || word.exchange(seen, wider, Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Gives back a line of this participant, with the calls that were forgotten in it.
    pub(super) fn release_line(&self, line: usize) {
        let seen = self.owner(line).load(Ordering::Relaxed);
        if seen & OWNED != 0 && (seen >> 1) as u8 == self.me {
            self.abandon_line(line, seen, &|| true);
        }
    }

    fn abandon_line(&self, line: usize, owner: u64, still_dead: &dyn Fn() -> bool) {
        // The line may have been given back by another sweeper, and have a new owner, before the
        // dead participant's entry is cleared: so both are asked after a word was read.
        let still = || still_dead() && self.owner(line).load(Ordering::Acquire) == owner;
        for slot in 0..self.shape.slots {
            let word = self.call(line, slot);
            // A server may take the call meanwhile; then it is marked in the second round.
            for _ in 0..2 {
                let seen = Call(word.load(Ordering::Acquire));
                let next = match seen.state() {
                    REQUESTED => Call::new(FREE, seen.number()),
                    SERVING => Call(seen.0 | CANCELLED),
                    _ => break,
                };
                if seen == next || !still() || word.exchange(seen.0, next.0, Ordering::AcqRel) {
                    break;
                }
            }
        }
        if still() {
            self.owner(line).exchange(owner, owner & !OWNED, Ordering::AcqRel);
        }
    }

    // ---- the client's side of a call ----

    /// The next call of a slot in this participant's line, if the slot is free.
    pub(super) fn next_call(&self, line: usize, slot: usize) -> Option<CallId> {
        let seen = Call(self.call(line, slot).load(Ordering::Acquire));
        let last = CallId { line, slot, number: seen.number() };
        let free = match seen.state() {
            FREE | FAILED => true,
            SERVING => self.is_let_go(last),
            _ => false,
        };
        free.then(|| last.next())
    }

    /// Whether the server of this call has done the last that it does to the slot.
    fn is_let_go(&self, call: CallId) -> bool {
        let first = self.frame(call, 0).load(Ordering::Acquire);
        let over = matches!(first & KIND_MASK, LAST | ENDED | GIVEN_UP);
        let end = self.end(call).load(Ordering::Acquire);
        (over && first & SHORT_MASK == call.short())
            || (end & KIND_MASK != EMPTY && end & SHORT_MASK == call.short())
    }

    /// Removes what could be taken for a word of this call; before it is published.
    ///
    /// The words carry the low half of a call's number. One that was left by a call 2³² before
    /// would match; only such a one is cleared, since the last call's words say that its server
    /// has let go.
    pub(super) fn prepare(&self, call: CallId, stream: bool) {
        let clear = |word: &W::U64| {
            if word.load(Ordering::Relaxed) & SHORT_MASK == call.short() {
                word.store(EMPTY, Ordering::Relaxed);
            }
        };
        clear(self.frame(call, 0));
        clear(self.end(call));
        if stream {
            (1..self.shape.frames as u64).for_each(|index| clear(self.frame(call, index)));
            self.ack(call).store(call.short(), Ordering::Relaxed);
        }
    }

    /// Makes a call visible to the servers.
    ///
    /// The word need not be read first. Only a sweeper exchanges the word of a free slot, SERVING
    /// for FAILED; before the swap that is overwritten, after it the sweeper's exchange fails.
    #[inline]
    pub(super) fn publish(&self, call: CallId) {
        let next = Call::new(REQUESTED, call.number);
        self.call(call.line, call.slot).swap(next.0, Ordering::SeqCst);
    }

    /// What stands in the frame of that index: the quick look, at one word.
    #[inline]
    pub(super) fn look(&self, call: CallId, index: u64) -> Progress {
        let word = self.frame(call, index).load(Ordering::Acquire);
        if word & (SHORT_MASK | TURN) != call.short() | self.turn(index) {
            return Progress::Waiting;
        }
        let bytes = (word as u32 >> BYTES_SHIFT) as usize;
        match word & KIND_MASK {
            PART => Progress::Part(bytes),
            LAST => Progress::Last(bytes),
            ENDED => Progress::Ended,
            GIVEN_UP => Progress::GivenUp,
            _ => Progress::Waiting,
        }
    }

    /// What became of the call after `index` frames: the whole look.
    pub(super) fn progress(&self, call: CallId, index: u64) -> Progress {
        let word = Call(self.call(call.line, call.slot).load(Ordering::Acquire));
        let end = self.end(call).load(Ordering::Acquire);
        // After the two words that may say that nothing more comes: what came before them counts.
        let found = self.look(call, index);
        if found != Progress::Waiting {
            return found;
        }
        let ended = end & SHORT_MASK == call.short();
        match end & KIND_MASK {
            ENDED if ended => Progress::Ended,
            GIVEN_UP if ended => Progress::GivenUp,
            _ if word.state() == FAILED || word.number() != call.number => Progress::Failed,
            _ => Progress::Waiting,
        }
    }

    /// Ends a call from the client's side.
    pub(super) fn cancel(&self, call: CallId) -> Cancelled {
        let word = self.call(call.line, call.slot);
        // At most: taken by a server meanwhile, then swept.
        for _ in 0..4 {
            let seen = Call(word.load(Ordering::Acquire));
            if seen.number() != call.number {
                return Cancelled::Over;
            }
            match seen.state() {
                REQUESTED => {
                    let free = Call::new(FREE, call.number);
                    if word.exchange(seen.0, free.0, Ordering::AcqRel) {
                        return Cancelled::Untaken;
                    }
                }
                SERVING if self.is_let_go(call) => return Cancelled::Over,
                SERVING => {
                    if word.exchange(seen.0, seen.0 | CANCELLED, Ordering::AcqRel) {
                        return Cancelled::Taken;
                    }
                }
                _ => return Cancelled::Over,
            }
        }
        Cancelled::Over
    }

    /// Whether a server has the call.
    pub(super) fn is_taken(&self, call: CallId) -> bool {
        Call(self.call(call.line, call.slot).load(Ordering::Relaxed)).state() != REQUESTED
    }

    /// Gives `count` frames of the call back to its server.
    pub(super) fn acknowledge(&self, call: CallId, count: u64) {
        self.ack(call).store(call.short() | u64::from(count as u32), Ordering::Release);
    }

    // ---- the server's side of a call ----

    /// How many lines were ever in use.
    #[inline]
    fn high(&self) -> usize {
        let high = self.words.u64(self.shape.high()).load(Ordering::Acquire);
        usize::try_from(high).unwrap_or(usize::MAX).min(self.shape.clients)
    }

    /// Whether a call waits that no server has.
    pub(super) fn any_requested(&self) -> bool {
        (0..self.high()).any(|line| {
            let owner = self.owner(line).load(Ordering::Relaxed);
            let used = if owner & OWNED != 0 { used(owner).min(self.shape.slots) } else { 0 };
            let is_requested =
                |slot| Call(self.call(line, slot).load(Ordering::Relaxed)).state() == REQUESTED;
            (0..used).any(is_requested)
        })
    }

    /// Takes a call that no server has, beginning the search at this line and slot.
    #[inline]
    pub(super) fn take(&self, start: (usize, usize)) -> Option<CallId> {
        let high = self.high();
        let (mut line, first) = start;
        for _ in 0..high {
            if line >= high {
                line = 0;
            }
            let owner = self.owner(line).load(Ordering::Relaxed);
            if owner & OWNED != 0
                && let Some(call) = self.take_from(line, used(owner), first)
            {
                return Some(call);
            }
            line += 1;
        }
        None
    }

    #[inline]
    fn take_from(&self, line: usize, used: usize, first: usize) -> Option<CallId> {
        let used = used.min(self.shape.slots);
        let first = first.min(used);
        for slot in (first..used).chain(0..first) {
            let word = self.words.u64(self.shape.call(line, slot));
            let seen = Call(word.load(Ordering::Relaxed));
            if seen.state() != REQUESTED {
                continue;
            }
            let call = CallId { line, slot, number: seen.number() };
            // It is on its way while the exchange waits for the line of the call.
            self.words.prefetch_read(self.shape.request(call));
            let serving = Call::new(SERVING, seen.number()).0 | u64::from(self.me) << SERVER_SHIFT;
            if word.exchange(seen.0, serving, Ordering::AcqRel) {
                return Some(call);
            }
        }
        None
    }

    /// Whether nobody waits for this call any more.
    pub(super) fn is_cancelled(&self, call: CallId) -> bool {
        let seen = Call(self.call(call.line, call.slot).load(Ordering::Relaxed));
        seen.0 & CANCELLED != 0 || seen.number() != call.number || !seen.is_served_by(self.me)
    }

    /// Whether the frame of that index may be filled.
    pub(super) fn has_room(&self, call: CallId, index: u64) -> bool {
        if index < self.shape.frames as u64 {
            return true;
        }
        let word = self.ack(call).load(Ordering::Acquire);
        let open = (index as u32).wrapping_sub(word as u32);
        word & SHORT_MASK == call.short() && (open as usize) < self.shape.frames
    }

    /// Publishes a filled frame as a part of a stream; the call goes on.
    pub(super) fn send_part(&self, call: CallId, index: u64, bytes: usize) {
        self.set_frame(call, index, PART, bytes);
    }

    /// Publishes frame 0 as the reply, and lets the call go.
    pub(super) fn reply(&self, call: CallId, bytes: usize) {
        self.set_frame(call, 0, LAST, bytes);
    }

    /// Lets the call go after `index` frames.
    pub(super) fn let_go(&self, call: CallId, index: u64, how: Letting) {
        let kind = if how == Letting::End { ENDED } else { GIVEN_UP };
        if index == 0 {
            self.set_frame(call, 0, kind, 0);
        } else {
            self.end(call).store(call.short() | kind, Ordering::Release);
        }
    }

    #[inline]
    fn set_frame(&self, call: CallId, index: u64, kind: u64, bytes: usize) {
        let bytes = (bytes.min(MAX_PAYLOAD_BYTES) as u64) << BYTES_SHIFT;
        let word = call.short() | bytes | self.turn(index) | kind;
        self.frame(call, index).store(word, Ordering::Release);
    }

    // ---- who serves, and the dead ----

    /// Says that this participant serves, or that it does so no more.
    pub(super) fn set_serving(&self, serving: bool) {
        let word = self.server(usize::from(self.me));
        let seen = word.load(Ordering::Relaxed);
        word.store((seen & !1).wrapping_add(2) | u64::from(serving), Ordering::SeqCst);
    }

    /// How many participants serve.
    pub(super) fn servers(&self) -> usize {
        self.serving().len()
    }

    /// Gives back what `dead` held. Many may do it at once, and each may die at any step.
    pub(super) fn sweep(&self, dead: u8, still_dead: &dyn Fn() -> bool) {
        for line in 0..self.shape.clients {
            let owner = self.owner(line).load(Ordering::Acquire);
            if owner & OWNED != 0 && (owner >> 1) as u8 == dead && still_dead() {
                self.abandon_line(line, owner, still_dead);
            }
            for slot in 0..self.shape.slots {
                let word = self.call(line, slot);
                // Its client may mark the call as cancelled meanwhile, once.
                for _ in 0..2 {
                    let seen = Call(word.load(Ordering::Acquire));
                    if !seen.is_served_by(dead) || !still_dead() {
                        break;
                    }
                    let failed = Call::new(FAILED, seen.number());
                    if word.exchange(seen.0, failed.0, Ordering::AcqRel) {
                        break;
                    }
                }
            }
        }
        let word = self.server(usize::from(dead));
        let seen = word.load(Ordering::Acquire);
        if seen & 1 != 0 && still_dead() {
            word.exchange(seen, seen & !1, Ordering::AcqRel);
        }
    }
}

/// How many slots of a line the servers look at.
fn used(owner: u64) -> usize {
    (owner >> USED_SHIFT & USED_MASK) as usize
}
