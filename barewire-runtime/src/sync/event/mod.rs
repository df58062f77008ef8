//! An event: sleepers wait on a word, and a waker pays only if somebody sleeps.
//!
//! ```text
//! offset  bytes
//!      0      4  sequence: rises before every wake by how many it is meant for; slept on
//!      4      4  entered: how many tickets were taken; whoever is about to sleep takes one
//!      8      4  settled: how many tickets are done with
//!     12      4  watch: a count of changes × 4, + 0 RESTING, 1 ARMING, 2 ARMED
//! ```
//!
//! **Who sleeps.** There may be a sleeper while `entered` and `settled` differ. A sleeper reads the
//! sequence, takes a ticket, fences, looks at the condition once more, and sleeps for as long as
//! the sequence is what it read. A waker changes the condition, fences and looks at the tickets. If
//! some are open it raises the sequence by `n`, has the kernel wake `n`, and settles up to `n` of
//! the tickets that it saw, whether or not anybody was asleep: who was about to sleep finds another
//! sequence, looks again, and takes a new ticket. So there are at least as many open tickets as
//! sleepers, and a ticket that nobody sleeps for costs one call for nobody and is gone.
//!
//! A sleeper that ends its sleep by itself settles its own ticket, unless the sequence has changed:
//! then some waker may have settled it. To settle is a compare-and-swap, and the sequence is looked
//! at after `settled` was read, so no ticket is settled twice.
//!
//! A task that waits has a ticket as well. The thread that sleeps for it ([`super::reactor`]) wakes
//! as many tasks as the sequence has risen: each rise takes away as many sleepers as tickets.
//!
//! **Whether to fence.** A fence for every change would cost more than the change. So a waker looks
//! at `watch` without one, and is done while it is RESTING. A sleeper that finds it so makes it
//! ARMING, has the kernel run a barrier in every process, makes it ARMED, and only then looks at
//! the condition:
//!
//! - a waker that read RESTING did so before the barrier, which therefore has made its change
//!   visible to the sleeper's look;
//! - any other waker sees that it must fence and look at the tickets.
//!
//! A waker that has found nobody for a long time makes it RESTING again, fences, and looks at the
//! tickets once more: a sleeper that still read ARMED is seen by this look, and one that is not
//! reads RESTING. Every change of `watch` has a number of its own, so that a sleeper cannot make
//! ARMED what somebody else has begun.
//!
//! | killed after | left behind | what others do |
//! |---|---|---|
//! | taking a ticket, or asleep | an open ticket | one call for nobody settles it |
//! | ARMING | a watch that wakers fence for | the next sleeper arms it |
//! | being woken | others asleep, the condition true | they look, every few milliseconds |
//! | a change, before the wake | likewise | likewise |
//! | the wake, before settling | open tickets | one call for nobody settles each |
//! | RESTING, before the last look | sleepers | they look, every few milliseconds |

#[cfg(test)]
mod model;

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use super::words::{Atomic, Words};
use crate::sys::map::Mapping;
use crate::sys::{barrier, futex};

/// The bytes of an event's words, which start at a multiple of 4.
pub(crate) const EVENT_BYTES: usize = 16;

const SEQUENCE: usize = 0;
const ENTERED: usize = 4;
const SETTLED: usize = 8;
const WATCH: usize = 12;

const STATE: u32 = 3;
const RESTING: u32 = 0;
const ARMING: u32 = 1;
const ARMED: u32 = 2;

/// How many sleepers a call that wakes everybody wakes: more than ever wait. It is odd, so that the
/// sequence takes all its values before one comes back.
const EVERYBODY: u32 = (1 << 20) + 1;

/// After so many fences for nobody, a thread that wakes makes the watch rest.
const PATIENCE: u32 = 256;

/// How often a word is tried to be changed that others change meanwhile. Who gives up leaves an
/// open ticket, or a watch that is not armed: a call for nobody, or a sleep of a few milliseconds.
const ATTEMPTS: u32 = 8;

/// What an event asks of the system.
pub(crate) trait Kernel: Words {
    /// The frequent side of a barrier: keeps the order of the program, at least as far as the
    /// compiler goes.
    fn light(&self);
    /// The rare side: makes every `light` of other processes a full fence; whether it could.
    fn heavy(&self) -> bool;
    /// Ends the sleep of up to `count` who sleep on the word at `at`.
    fn wake(&self, at: usize, count: u32);
}

impl Kernel for Mapping {
    #[inline]
    fn light(&self) {
        compiler_fence(Ordering::SeqCst);
    }
    fn heavy(&self) -> bool {
        barrier::everywhere()
    }
    fn wake(&self, at: usize, count: u32) {
        futex::wake(self.u32(at), count);
    }
}

/// The words of an event, from `at`, and whether the barriers of others reach this process.
struct Protocol<'a, W> {
    words: &'a W,
    at: usize,
    reached: bool,
}

impl<'a, W: Kernel> Protocol<'a, W> {
    fn word(&self, offset: usize) -> &'a W::U32 {
        self.words.u32(self.at + offset)
    }

    /// Whether a waker has to look closer; called after the condition was changed.
    #[inline]
    fn is_watched(&self) -> bool {
        self.words.light();
        !self.reached || self.word(WATCH).load(Ordering::Relaxed) & STATE != RESTING
    }

    /// The closer look: wakes up to `count`, if anybody sleeps; whether that may be.
    fn call(&self, count: u32) -> bool {
        // Pairs with the fence in `enter`: either the sleeper sees the change that came before
        // this call, or this call sees its ticket.
        self.words.fence(Ordering::SeqCst);
        // In this order: tickets are settled only after they were taken.
        let mut settled = self.word(SETTLED).load(Ordering::Acquire);
        let entered = self.word(ENTERED).load(Ordering::Acquire);
        if entered == settled {
            return false;
        }
        self.call_anyway(count);
        for _ in 0..ATTEMPTS {
            // Signed, since others may have settled later ones by now.
            let open = entered.wrapping_sub(settled).cast_signed();
            if open <= 0 {
                break;
            }
            let next = settled.wrapping_add(count.min(open.cast_unsigned()));
            if self.word(SETTLED).exchange(settled, next, Ordering::AcqRel) {
                break;
            }
            settled = self.word(SETTLED).load(Ordering::Acquire);
        }
        true
    }

    /// Wakes up to `count` for whom somebody has settled the tickets already.
    fn call_anyway(&self, count: u32) {
        self.word(SEQUENCE).fetch_add(count, Ordering::AcqRel);
        self.words.wake(self.at + SEQUENCE, count);
    }

    /// Ends the fences until somebody sleeps again, and wakes who does just now.
    fn rest(&self, count: u32) {
        let seen = self.word(WATCH).load(Ordering::Relaxed);
        if seen & STATE == ARMED
            && self.word(WATCH).exchange(seen, next_watch(seen), Ordering::SeqCst)
        {
            self.call(count);
        }
    }

    /// Takes a ticket, and yields the sequence: who looks at the condition after this, and finds
    /// nothing, may sleep for as long as it does not change.
    fn enter(&self) -> u32 {
        let seen = self.word(SEQUENCE).load(Ordering::Acquire);
        self.word(ENTERED).fetch_add(1, Ordering::AcqRel);
        self.words.fence(Ordering::SeqCst);
        for _ in 0..ATTEMPTS {
            let watch = self.word(WATCH).load(Ordering::Acquire);
            if watch & STATE == ARMED {
                break;
            }
            let arming = next_watch(watch) | ARMING;
            if !self.word(WATCH).exchange(watch, arming, Ordering::SeqCst) {
                continue;
            }
            let armed = arming & !STATE | ARMED;
            if !self.words.heavy() || self.word(WATCH).exchange(arming, armed, Ordering::SeqCst) {
                break;
            }
        }
        seen
    }

    /// Settles the ticket that [`enter`](Self::enter) has taken and for which it yielded `seen`.
    fn leave(&self, seen: u32) {
        for _ in 0..ATTEMPTS {
            let settled = self.word(SETTLED).load(Ordering::Acquire);
            if self.word(SEQUENCE).load(Ordering::Acquire) != seen
                || self.word(SETTLED).exchange(settled, settled.wrapping_add(1), Ordering::AcqRel)
            {
                break;
            }
        }
    }
}

/// The watch of the next number, RESTING.
fn next_watch(watch: u32) -> u32 {
    (watch & !STATE).wrapping_add(4)
}

/// An event in the memory of a segment.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub(crate) map: &'a Mapping,
    pub(crate) at: usize,
    /// Whether [`barrier::everywhere`] reaches this process.
    pub(crate) reached: bool,
}

impl<'a> Event<'a> {
    #[inline]
    fn protocol(&self) -> Protocol<'a, Mapping> {
        Protocol { words: self.map, at: self.at, reached: self.reached }
    }

    /// The word that is slept on.
    pub(crate) fn sequence(&self) -> &'a AtomicU32 {
        self.map.u32(self.at + SEQUENCE)
    }

    /// Takes a ticket, and yields the sequence: who looks at the condition after this, and finds
    /// nothing, may sleep for as long as it does not change.
    pub(crate) fn enter(&self) -> u32 {
        self.protocol().enter()
    }

    /// Settles the ticket that [`enter`](Self::enter) has taken and for which it yielded `seen`,
    /// unless a waker may have done so.
    pub(crate) fn leave(&self, seen: u32) {
        self.protocol().leave(seen);
    }

    /// How many may sleep: one that was killed asleep counts until the next wake.
    pub(crate) fn open_tickets(&self) -> u32 {
        // In this order: tickets are settled only after they were taken.
        let settled = self.map.u32(self.at + SETTLED).load(Ordering::Acquire);
        let entered = self.map.u32(self.at + ENTERED).load(Ordering::Acquire);
        entered.wrapping_sub(settled).cast_signed().max(0).cast_unsigned()
    }

    /// Whether somebody was woken since the sequence was `seen`.
    pub(crate) fn has_called_since(&self, seen: u32) -> bool {
        self.sequence().load(Ordering::Acquire) != seen
    }

    /// Wakes up to `count` whose tickets were settled by a call that has reached the wrong one.
    pub(crate) fn pass_on(&self, count: u32) {
        self.protocol().call_anyway(count);
    }

    /// Tells one sleeper that the condition may hold now.
    #[inline]
    pub(crate) fn notify(&self) {
        self.notify_some(1);
    }

    /// Tells every sleeper.
    #[inline]
    pub(crate) fn notify_all(&self) {
        self.notify_some(EVERYBODY);
    }

    /// Tells `count` sleepers, since the condition may hold for so many.
    #[inline]
    pub(crate) fn notify_some(&self, count: u32) {
        if self.protocol().is_watched() {
            self.wake_sleepers(count);
        }
    }

    #[cold]
    fn wake_sleepers(&self, count: u32) {
        thread_local! {
            /// How many fences in a row were for nobody. It is for all events of the thread: who
            /// wakes sleepers of one has no need to save fences at another.
            static QUIET: Cell<u32> = const { Cell::new(0) };
        }
        let quiet = if self.protocol().call(count) { 0 } else { QUIET.get() + 1 };
        QUIET.set(quiet % PATIENCE);
        if quiet == PATIENCE {
            self.protocol().rest(count);
        }
    }
}
