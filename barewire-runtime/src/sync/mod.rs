//! Waiting: one word that sleepers wait on, and a waker that pays only if somebody sleeps.

pub(crate) mod broadcast;
#[allow(dead_code, reason = "the protocols move onto it one by one")]
pub(crate) mod words;

use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

use crate::sys::futex;

/// How often a waiter looks at its condition before it sleeps.
const SPINS: u32 = 400;

/// The longest sleep: a waiter looks at least this often whether a participant has died.
const SLICE: Duration = Duration::from_millis(4);

/// The two words of an event in shared memory.
pub(crate) struct Event<'a> {
    /// Changed before every wake, so that a sleeper that has looked too early does not sleep.
    pub(crate) sequence: &'a AtomicU32,
    /// How many are about to sleep. One that was killed stays counted: that costs wakes, not time.
    pub(crate) sleepers: &'a AtomicU32,
}

impl Event<'_> {
    /// Tells one sleeper that the condition may hold now.
    #[inline]
    pub(crate) fn notify(&self) {
        // Pairs with the fence in `wait`: either the sleeper sees the change that came before this
        // call, or this call sees the sleeper.
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::Relaxed) != 0 {
            self.sequence.fetch_add(1, Ordering::Release);
            futex::wake(self.sequence, 1);
        }
    }

    /// Calls `attempt` until it yields something, or until the deadline; `None` means never.
    ///
    /// `idle` is called about every few milliseconds of fruitless waiting.
    pub(crate) fn wait<T, E>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
        mut idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
        for _ in 0..SPINS {
            if let Some(found) = attempt()? {
                return Ok(Some(found));
            }
            std::hint::spin_loop();
        }
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let seen = self.sequence.load(Ordering::Acquire);
            self.sleepers.fetch_add(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let found = attempt();
            let slice = left.unwrap_or(SLICE).min(SLICE);
            if matches!(found, Ok(None)) && !slice.is_zero() {
                futex::wait(self.sequence, seen, slice);
            }
            self.sleepers.fetch_sub(1, Ordering::Relaxed);
            if let Some(found) = found? {
                return Ok(Some(found));
            }
            if slice == SLICE || left.is_some_and(|left| left.is_zero()) {
                idle();
            }
            if left.is_some_and(|left| left.is_zero()) {
                return attempt();
            }
        }
    }
}
