//! Waiting on words that several processes share.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec, WaitFlags, WaitPtr, WaitvFlags};
use rustix::time::{ClockId, clock_gettime};

/// The most words that one call can wait on.
pub(crate) const MOST_WORDS: usize = 128;

/// How long a wait on many words takes at most where the kernel cannot wait on many.
const ONE_BY_ONE: Duration = Duration::from_micros(500);

pub(super) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// Sleeps until `word` is woken or differs from `expected`, for `timeout` at most, or perhaps less;
/// whether it was the time that ended it.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Duration) -> bool {
    // Every other error (interrupted, changed value) sends the caller back to its condition too.
    let ended = futex::wait(word, Flags::empty(), expected, Some(&timespec(timeout)));
    ended == Err(Errno::TIMEDOUT)
}

/// Sleeps until one of up to [`MOST_WORDS`] words is woken or differs from the value beside it, for
/// `timeout` at most; perhaps less.
///
/// Where the kernel has no such call (before Linux 5.16), it is a wait on the first word that is
/// cut short, so that the caller looks at the others often enough.
pub(crate) fn wait_any(words: &[(&AtomicU32, u32)], timeout: Option<Duration>) {
    let waiters: Vec<_> = words.iter().take(MOST_WORDS).map(|word| waiter(*word)).collect();
    let until = timeout.and_then(|timeout| {
        let now = clock_gettime(ClockId::Monotonic);
        now.checked_add(timespec(timeout))
    });
    let (flags, clock) = (WaitvFlags::empty(), futex::ClockId::Monotonic);
    if let Err(Errno::NOSYS | Errno::PERM) = futex::waitv(&waiters, flags, until.as_ref(), clock)
        && let Some((word, expected)) = words.first()
    {
        let all = words.len() == 1;
        let cut = |timeout: Duration| if all { timeout } else { timeout.min(ONE_BY_ONE) };
        wait(word, *expected, cut(timeout.unwrap_or(Duration::MAX)));
    }
}

fn waiter((word, expected): (&AtomicU32, u32)) -> futex::Wait {
    let mut waiter = futex::Wait::new();
    waiter.val = u64::from(expected);
    waiter.uaddr = WaitPtr::new(word.as_ptr().cast());
    waiter.flags = WaitFlags::SIZE_U32;
    waiter
}

/// Wakes up to `count` sleepers of `word`.
pub(crate) fn wake(word: &AtomicU32, count: u32) {
    // The word is mapped, so the call cannot fail.
    let _ = futex::wake(word, Flags::empty(), count);
}
