//! Waiting on a word that several processes share.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex::{Flags, Timespec, wait as futex_wait, wake as futex_wake};

/// Sleeps until `word` is woken or differs from `expected`, for `timeout` at most; perhaps less.
pub(crate) fn wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    };
    // Every error (woken early, changed value, time-out) sends the caller back to its condition.
    let _ = futex_wait(word, Flags::empty(), expected, Some(&timeout));
}

/// Wakes up to `count` sleepers of `word`.
pub(crate) fn wake(word: &AtomicU32, count: u32) {
    // The word is mapped, so the call cannot fail.
    let _ = futex_wake(word, Flags::empty(), count);
}
