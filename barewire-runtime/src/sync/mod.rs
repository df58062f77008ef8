//! Waiting: one word that sleepers wait on, and a waker that pays only if somebody sleeps.

pub(crate) mod broadcast;
mod future;
pub(crate) mod reactor;
pub(crate) mod shelf;
pub(crate) mod words;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence, fence};
use std::time::{Duration, Instant};

use crate::sys::map::Mapping;
use crate::sys::{barrier, futex};

/// How often a waiter looks at its condition before it sleeps.
const SPINS: u32 = 400;

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

/// How many sleepers a call that wakes everybody wakes: more than ever wait.
const EVERYBODY: u32 = 1 << 20;

/// The bytes of an event's words.
pub(crate) const EVENT_BYTES: usize = 12;

/// An event in shared memory: three words, and whether [`barrier::everywhere`] reaches this one.
///
/// ```text
/// 0  4  sequence: rises before every wake by how many sleepers are woken, so that one that has
///       looked too early does not sleep, and one that waits for many tasks knows how many to wake
/// 4  4  sleepers: how many are about to sleep; one that was killed stays counted, which costs
///       wakes, not time. The tasks of one process that wait through one mapping count as one
/// 8  4  armed: 0 until somebody wants to sleep for the first time, then 1, and 2 after a barrier
/// ```
///
/// Who changes the condition must look for sleepers after the change is visible. While nobody has
/// ever slept, that costs no fence: the first sleeper sets `armed` and then asks the kernel for a
/// barrier in all processors. A notifier whose look at `armed` came before that barrier has made
/// its change visible by then, and the sleeper, which looks at the condition after it, sees it. One
/// whose look came after sees `armed`, and fences.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    pub(crate) map: &'a Mapping,
    pub(crate) at: usize,
    pub(crate) reached: bool,
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

impl<'a> Event<'a> {
    pub(crate) fn sequence(&self) -> &'a AtomicU32 {
        self.map.u32(self.at)
    }
    fn sleepers(&self) -> &'a AtomicU32 {
        self.map.u32(self.at + 4)
    }
    fn armed(&self) -> &'a AtomicU32 {
        self.map.u32(self.at + 8)
    }

    /// Tells one sleeper that the condition may hold now.
    #[inline]
    pub(crate) fn notify(&self) {
        self.notify_some(1);
    }

    /// Tells every sleeper.
    pub(crate) fn notify_all(&self) {
        self.notify_some(EVERYBODY);
    }

    /// Tells `count` sleepers, since the condition may hold for so many.
    #[inline]
    pub(crate) fn notify_some(&self, count: u32) {
        // Keeps the change before the look; the barrier of the first sleeper does the rest.
        compiler_fence(Ordering::SeqCst);
        if self.armed().load(Ordering::Relaxed) != 0 || !self.reached {
            self.wake_sleepers(count);
        }
    }

    #[cold]
    fn wake_sleepers(&self, count: u32) {
        // Pairs with the fence in `sleep`: either the sleeper sees the change that came before
        // this call, or this call sees the sleeper.
        fence(Ordering::SeqCst);
        if self.sleepers().load(Ordering::Relaxed) != 0 {
            self.sequence().fetch_add(count, Ordering::Release);
            futex::wake(self.sequence(), count);
        }
    }

    /// Before the first sleep: makes every notifier look for sleepers from now on.
    pub(crate) fn arm(&self) {
        if self.armed().load(Ordering::Acquire) != 2 {
            self.armed().fetch_max(1, Ordering::SeqCst);
            barrier::everywhere();
            self.armed().fetch_max(2, Ordering::SeqCst);
        }
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

    /// Counts the caller as a sleeper, who may then look at the condition for the last time, and
    /// yields the sequence to sleep on. The event must be armed.
    pub(crate) fn enter(&self) -> u32 {
        let seen = self.sequence().load(Ordering::Acquire);
        self.sleepers().fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        seen
    }

    /// Ends what [`enter`](Self::enter) began.
    pub(crate) fn leave(&self) {
        self.sleepers().fetch_sub(1, Ordering::Relaxed);
    }

    #[cold]
    fn sleep<T, E>(
        &self,
        deadline: Option<Instant>,
        mut attempt: impl FnMut() -> Result<Option<T>, E>,
        mut idle: impl FnMut(),
    ) -> Result<Option<T>, E> {
        self.arm();
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            let seen = self.enter();
            let found = attempt();
            let longest = slice();
            let slice = left.unwrap_or(longest).min(longest);
            if matches!(found, Ok(None)) && !slice.is_zero() {
                futex::wait(self.sequence(), seen, slice);
            }
            self.leave();
            if let Some(found) = found? {
                return Ok(Some(found));
            }
            if slice == longest || left.is_some_and(|left| left.is_zero()) {
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
