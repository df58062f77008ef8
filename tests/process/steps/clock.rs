//! How long a survivor took, not counting the time for which the machine let it wait.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Within this time a survivor must get on, whatever has happened to others.
pub(crate) const PROGRESS: Duration = Duration::from_millis(10);

thread_local! {
    static SLOWEST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Does something that nobody who was killed or stopped may delay.
pub(crate) fn progress<R>(act: impl FnOnce() -> R) -> R {
    let (begun, waited) = (Instant::now(), waited());
    let result = act();
    let took = begun.elapsed().saturating_sub(self::waited().saturating_sub(waited));
    SLOWEST.set(SLOWEST.get().max(took));
    result
}

/// The longest since the last call.
pub(crate) fn slowest() -> Duration {
    SLOWEST.take()
}

/// For how long this thread was ready to run while the core was given to others.
fn waited() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let waited = statistics.split(' ').nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(waited.unwrap_or(0))
}
