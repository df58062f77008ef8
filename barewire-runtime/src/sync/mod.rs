//! Waiting: one word that sleepers wait on, and a waker that pays only if somebody sleeps.

mod event;
pub(crate) mod files;
mod future;
mod pace;
pub(crate) mod reactor;
pub(crate) mod shelf;
pub(crate) mod words;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sys::futex;

pub(crate) use event::EVENT_BYTES;
#[allow(unreachable_pub, reason = "a public trait that cannot be named has it in a method")]
pub use event::Event;
pub(crate) use pace::{Pace, breathe};

/// How often a waiter looks at its condition before it sleeps, at most and at least, and for how
/// long: a pause between two looks takes some processors 10 ns and others 60.
const SPINS: u32 = 400;
pub(crate) const LEAST_SPINS: u32 = 32;
const SPIN_TIME: Duration = Duration::from_micros(10);

/// The longest sleep, in nanoseconds; see [`slice`].
static SLICE_NS: AtomicU64 = AtomicU64::new(4_000_000);

/// The longest sleep: a waiter looks at least this often whether a participant has died.
pub(crate) fn slice() -> Duration {
    Duration::from_nanos(SLICE_NS.load(Ordering::Relaxed))
}

/// Sets the longest sleep of this process. With a long one, a test sees a lost wake as a long wait.
pub fn set_longest_sleep(slice: Duration) {
    SLICE_NS.store(u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
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

/// A waiter that spins looks at the clock once in so many looks; one look may take long.
const LOOKS_BETWEEN_CLOCKS: u32 = 64;

impl Event<'_> {
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
        let found = match wait {
            Wait::Spin => return spin(deadline, attempt, idle),
            Wait::SpinThenPark => spin_a_while(&mut attempt)?,
            Wait::Park => attempt()?,
        };
        if found.is_some() { Ok(found) } else { self.sleep(deadline, attempt, idle) }
    }

    #[cold]
    fn sleep<T, E>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
        mut idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
        let mut looked_at = None;
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let seen = self.enter();
            let found = attempt();
            let longest = slice();
            let time = left.unwrap_or(longest).min(longest);
            let sleeps = matches!(found, Ok(None)) && !time.is_zero();
            let timed_out = sleeps && futex::wait(self.sequence(), seen, time);
            self.leave(seen);
            let found = if sleeps { attempt() } else { found };
            if let Some(found) = found? {
                return Ok(Some(found));
            }
            let late = left.is_some_and(|left| left.is_zero());
            // Who is woken again and again for nothing looks for the dead as well.
            let now = Instant::now();
            let due = now.duration_since(*looked_at.get_or_insert(now)) >= longest;
            if late || timed_out || due {
                looked_at = Some(now);
                idle();
            }
            if late {
                return attempt();
            }
        }
    }
}

/// Calls `attempt` until it yields something, for a few microseconds.
#[inline]
pub(crate) fn spin_a_while<T, E>(
    mut attempt: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let mut begun = None;
    for look in 0..SPINS {
        if let Some(found) = attempt()? {
            return Ok(Some(found));
        }
        std::hint::spin_loop();
        if look % (LEAST_SPINS / 2) == LEAST_SPINS / 2 - 1 {
            let now = Instant::now();
            if now.duration_since(*begun.get_or_insert(now)) > SPIN_TIME {
                break;
            }
        }
    }
    Ok(None)
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
        }
        let now = Instant::now();
        let late = deadline.is_some_and(|deadline| now >= deadline);
        if late || now.duration_since(*looked_at.get_or_insert(now)) >= slice() {
            idle();
            looked_at = Some(now);
        }
        if late {
            return attempt();
        }
    }
}
