//! Waiting: one word that sleepers wait on, and a waker that pays only if somebody sleeps.

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

/// How a participant waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Looks without end: the fastest answer, for the price of a core.
    Spin,
    /// Looks for a few microseconds, then sleeps.
    #[default]
    SpinThenPark,
    /// Sleeps at once: the least work for the machine.
    Park,
}

/// A waiter that spins looks at the clock once in so many looks.
const LOOKS_BETWEEN_CLOCKS: u32 = 1024;

impl Event<'_> {
    /// Tells one sleeper that the condition may hold now.
    #[inline]
    pub(crate) fn notify(&self) {
        // Pairs with the fence in `sleep`: either the sleeper sees the change that came before
        // this call, or this call sees the sleeper.
        fence(Ordering::SeqCst);
        self.wake_sleepers(1);
    }

    /// As [`notify`](Self::notify), directly after the condition was changed by a sequentially
    /// consistent store or exchange.
    ///
    /// That change and the load below are in the one order of all such steps, and so is the fence
    /// in `sleep`. If the load does not see the sleeper, it comes before that fence, and then so
    /// does the change: the sleeper's look after the fence sees it.
    #[inline]
    pub(crate) fn notify_ordered(&self) {
        if self.sleepers.load(Ordering::SeqCst) != 0 {
            self.wake_up(1);
        }
    }

    /// As [`notify_ordered`](Self::notify_ordered), to every sleeper.
    #[inline]
    pub(crate) fn notify_all_ordered(&self) {
        if self.sleepers.load(Ordering::SeqCst) != 0 {
            self.wake_up(u32::MAX >> 1);
        }
    }

    /// Tells every sleeper.
    pub(crate) fn notify_all(&self) {
        fence(Ordering::SeqCst);
        self.wake_sleepers(u32::MAX >> 1);
    }

    #[inline]
    fn wake_sleepers(&self, count: u32) {
        if self.sleepers.load(Ordering::Relaxed) != 0 {
            self.wake_up(count);
        }
    }

    #[cold]
    fn wake_up(&self, count: u32) {
        self.sequence.fetch_add(1, Ordering::Release);
        futex::wake(self.sequence, count);
    }

    /// As [`wait_as`](Self::wait_as) with [`Wait::SpinThenPark`].
    pub(crate) fn wait<T, E>(
        &self,
        deadline: Option<Instant>,
        attempt: impl FnMut() -> Result<Option<T>, E>,
        idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
        self.wait_as(Wait::SpinThenPark, deadline, attempt, idle)
    }

    /// Calls `attempt` until it yields something, or until the deadline; `None` means never.
    ///
    /// `idle` is called about every few milliseconds of fruitless waiting.
    #[inline]
    pub(crate) fn wait_as<T, E>(
        &self,
        wait: Wait,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
        idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
        let spins = match wait {
            Wait::Spin => return spin(deadline, attempt, idle),
            Wait::SpinThenPark => SPINS,
            Wait::Park => 1,
        };
        for _ in 0..spins {
            if let Some(found) = attempt()? {
                return Ok(Some(found));
            }
            std::hint::spin_loop();
        }
        self.sleep(deadline, attempt, idle)
    }

    #[cold]
    fn sleep<T, E>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
        mut idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
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

/// Waits without ever sleeping.
#[inline]
fn spin<T, E>(
    deadline: Option<Instant>,
    mut attempt: impl FnMut() -> Result<Option<T>, E>,
    mut idle: impl FnMut(),
) -> Result<Option<T>, E> {
    let mut looked_at = None;
    loop {
        for _ in 0..LOOKS_BETWEEN_CLOCKS {
            if let Some(found) = attempt()? {
                return Ok(Some(found));
            }
            std::hint::spin_loop();
        }
        let now = Instant::now();
        let late = deadline.is_some_and(|deadline| now >= deadline);
        if late || now.duration_since(*looked_at.get_or_insert(now)) >= SLICE {
            idle();
            looked_at = Some(now);
        }
        if late {
            return attempt();
        }
    }
}
