//! An event that wakes all who wait for it, and whose waker as a rule runs no fence to learn that
//! nobody waits.
//!
//! ```text
//! offset  bytes
//!      0      4  sequence: changed before every wake; the word that is slept on
//!      4      4  waiting: 1 if somebody may sleep; the waker clears it
//!      8      8  watch: a count of changes × 4, + 0 RESTING, 1 ARMING, 2 ARMED
//! ```
//!
//! Whoever changes the condition and then looks whether somebody waits needs a full fence between
//! the two, or his look may overtake his change. Here he looks at `watch` without one. While it is
//! RESTING he is done. A waiter that finds it so makes it ARMING, has the kernel run a barrier in
//! every process, makes it ARMED, and only then looks at the condition for the last time:
//!
//! - a waker that read RESTING did so before the barrier, which therefore has made his change
//!   visible to the waiter's last look;
//! - any other waker sees that he must fence and look at `waiting`, as usual.
//!
//! A waker that has found nobody for a long time makes it RESTING again, fences, and looks at
//! `waiting` once more: a waiter that still read ARMED is seen by this look, and one that is not
//! reads RESTING. Every change of `watch` has a number of its own, so that a waiter cannot make
//! ARMED what somebody else has begun.
//!
//! | killed after | left behind | what others do |
//! |---|---|---|
//! | saying `waiting` | the word 1 | the next waker clears it; one wake for nobody |
//! | ARMING | a watch that wakers fence for | the next waiter arms it |
//! | a change, before the look | sleepers | they look themselves, every few milliseconds |
//! | RESTING, before the last look | likewise | likewise |

use std::sync::atomic::{Ordering, compiler_fence};
use std::time::{Duration, Instant};

use super::words::{Atomic, Words};
use crate::sys::map::Mapping;
use crate::sys::{barrier, futex};

/// What the two words and the watch take, on a cache line of their own.
pub(crate) const BROADCAST_BYTES: usize = 64;

const SEQUENCE: usize = 0;
const WAITING: usize = 4;
const WATCH: usize = 8;

const STATE: u64 = 3;
const RESTING: u64 = 0;
const ARMING: u64 = 1;
const ARMED: u64 = 2;

/// How often a waiter looks before it sleeps.
const SPINS: u32 = 600;
/// Every so many looks of a spinning waiter are thorough ones.
const THOROUGH: u32 = 16;
/// The longest sleep: a waiter looks at least this often by itself.
const SLICE: Duration = Duration::from_millis(4);
/// After so many fences for nobody, a waker stops to fence.
const PATIENCE: u32 = 256;
/// How often a waiter tries to arm a watch that others change meanwhile, before it sleeps anyway.
const ATTEMPTS: u32 = 8;

/// The two sides of a barrier that is free for one of them.
pub(crate) trait Barriers: Words {
    /// The frequent side: keeps the order of the program, at least as far as the compiler goes.
    fn light(&self);
    /// The rare side: makes every `light` of other processes a full fence; whether it could.
    fn heavy(&self) -> bool;
}

impl Barriers for Mapping {
    #[inline]
    fn light(&self) {
        compiler_fence(Ordering::SeqCst);
    }
    fn heavy(&self) -> bool {
        barrier::everywhere()
    }
}

/// What a waker knows and nobody else needs.
#[derive(Debug)]
pub(crate) struct Waker {
    unreached: bool,
    quiet: u32,
}

impl Waker {
    /// A waker of a process that waiters' barriers reach, or one that must always fence.
    pub(crate) fn new(reached: bool) -> Self {
        Self { unreached: !reached, quiet: 0 }
    }
}

/// The words of the event, from `at`.
pub(crate) struct Broadcast<'a, W> {
    pub(crate) words: &'a W,
    pub(crate) at: usize,
}

impl<'a, W: Barriers> Broadcast<'a, W> {
    fn sequence(&self) -> &'a W::U32 {
        self.words.u32(self.at + SEQUENCE)
    }
    fn waiting(&self) -> &'a W::U32 {
        self.words.u32(self.at + WAITING)
    }
    fn watch(&self) -> &'a W::U64 {
        self.words.u64(self.at + WATCH)
    }

    /// Whether a waker has to look closer; called after the condition was changed.
    #[inline]
    pub(crate) fn watched(&self, waker: &Waker) -> bool {
        self.words.light();
        waker.unreached || self.watch().load(Ordering::Relaxed) & STATE != RESTING
    }

    /// The closer look: whether sleepers must be woken now.
    pub(crate) fn look(&self, waker: &mut Waker) -> bool {
        self.words.fence(Ordering::SeqCst);
        if self.call() {
            waker.quiet = 0;
            return true;
        }
        waker.quiet += 1;
        waker.quiet >= PATIENCE && self.rest(waker)
    }

    fn call(&self) -> bool {
        let waiting = self.waiting().load(Ordering::Relaxed) != 0;
        if waiting {
            self.waiting().store(0, Ordering::Relaxed);
            self.sequence().fetch_add(1, Ordering::AcqRel);
        }
        waiting
    }

    /// Stops the fences until somebody waits again; whether somebody does just now.
    pub(crate) fn rest(&self, waker: &mut Waker) -> bool {
        waker.quiet = 0;
        let seen = self.watch().load(Ordering::Relaxed);
        if seen & STATE != ARMED || !self.watch().exchange(seen, next(seen), Ordering::SeqCst) {
            return false;
        }
        self.words.fence(Ordering::SeqCst);
        self.call()
    }

    /// Says that somebody waits. Who looks after this and finds nothing may sleep for as long as
    /// the sequence is the one returned.
    pub(crate) fn prepare(&self) -> u32 {
        let seen = self.sequence().load(Ordering::Acquire);
        self.waiting().store(1, Ordering::Relaxed);
        self.words.fence(Ordering::SeqCst);
        for _ in 0..ATTEMPTS {
            let watch = self.watch().load(Ordering::Acquire);
            if watch & STATE == ARMED {
                break;
            }
            let arming = next(watch) | ARMING;
            let begun = self.watch().exchange(watch, arming, Ordering::SeqCst);
            if begun && self.words.heavy() {
                let armed = arming & !STATE | ARMED;
                if self.watch().exchange(arming, armed, Ordering::SeqCst) {
                    break;
                }
            }
        }
        seen
    }

    #[cfg(test)]
    pub(crate) fn is_called_since(&self, seen: u32) -> bool {
        self.sequence().load(Ordering::Acquire) != seen
    }
}

/// The watch of the next number, RESTING.
fn next(watch: u64) -> u64 {
    (watch & !STATE).wrapping_add(4)
}

impl Broadcast<'_, Mapping> {
    /// Tells all who wait that the condition may hold now.
    #[inline]
    pub(crate) fn notify(&self, waker: &mut Waker) {
        if self.watched(waker) {
            self.notify_watched(waker);
        }
    }

    #[cold]
    fn notify_watched(&self, waker: &mut Waker) {
        if self.look(waker) {
            futex::wake(self.sequence(), i32::MAX as u32);
        }
    }

    /// Calls `attempt` until it yields something, or until the deadline; `None` means never.
    ///
    /// It is told whether to look thoroughly, which most looks of a spinning waiter need not.
    /// `idle` is called about every few milliseconds of fruitless waiting.
    pub(crate) fn wait<T, E>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut(bool) -> Result<Option<T>, E>,
        mut idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
        for look in 0..SPINS {
            if let Some(found) = attempt(look % THOROUGH == 0)? {
                return Ok(Some(found));
            }
            std::hint::spin_loop();
        }
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let slice = left.unwrap_or(SLICE).min(SLICE);
            let seen = self.prepare();
            if let Some(found) = attempt(true)? {
                return Ok(Some(found));
            }
            if left.is_some_and(|left| left.is_zero()) {
                idle();
                return attempt(true);
            }
            let begun = Instant::now();
            futex::wait(self.sequence(), seen, slice);
            if begun.elapsed() >= slice.min(SLICE / 2) {
                idle();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use loom::sync::Arc;
    use loom::thread;

    use super::super::words::Words;
    use super::super::words::model::Model;
    use super::*;

    impl Barriers for Model {
        fn light(&self) {
            self.fence(Ordering::SeqCst);
        }
        fn heavy(&self) -> bool {
            self.fence(Ordering::SeqCst);
            true
        }
    }

    const CONDITION: usize = 64;

    fn event(words: &Model) -> Broadcast<'_, Model> {
        Broadcast { words, at: 0 }
    }

    fn check(explore: impl Fn() + Sync + Send + 'static) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(explore);
    }

    /// Changes the condition and wakes; rests at once where a real waker has patience.
    fn change(words: &Model, rests: bool) {
        words.u64(CONDITION).fetch_add(1, Ordering::Release);
        let mut waker = Waker::new(true);
        if event(words).watched(&waker) {
            event(words).look(&mut waker);
            if rests {
                event(words).rest(&mut waker);
            }
        }
    }

    /// Whether the waiter found the condition; if not, the sequence that it sleeps on.
    fn wait_once(words: &Model, wanted: u64) -> Result<(), u32> {
        let seen = event(words).prepare();
        let found = words.u64(CONDITION).load(Ordering::Acquire) >= wanted;
        if found { Ok(()) } else { Err(seen) }
    }

    fn armed(words: &Model) {
        event(words).prepare();
        words.u32(WAITING).store(0, Ordering::Relaxed);
    }

    #[test]
    fn no_waiter_sleeps_through_a_change() {
        check(|| {
            let words = Arc::new(Model::new(128));
            let waiters: Vec<_> = (0..2)
                .map(|_| {
                    let words = words.clone();
                    thread::spawn(move || wait_once(&words, 1))
                })
                .collect();
            change(&words, false);
            for waiter in waiters {
                if let Err(seen) = waiter.join().expect("it does not panic") {
                    assert!(event(&words).is_called_since(seen), "it sleeps for ever");
                }
            }
        });
    }

    #[test]
    fn a_waker_that_rests_leaves_no_sleeper_behind() {
        check(|| {
            let words = Arc::new(Model::new(128));
            armed(&words);
            let changers: Vec<_> = [true, false]
                .map(|rests| {
                    let words = words.clone();
                    thread::spawn(move || change(&words, rests))
                })
                .into();
            // Who is woken looks again, and sleeps again if that was not enough.
            let mut slept = None;
            while let Err(seen) = wait_once(&words, 2) {
                if !event(&words).is_called_since(seen) {
                    slept = Some(seen);
                    break;
                }
            }
            changers.into_iter().for_each(|changer| changer.join().expect("it does not panic"));
            if let Some(seen) = slept {
                assert!(event(&words).is_called_since(seen), "it sleeps for ever");
            }
        });
    }
}
