//! How long a survivor took, not counting the time for which the machine let it wait.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Within this time a survivor must get on, whatever has happened to others.
pub(crate) const PROGRESS: Duration = Duration::from_millis(10);

thread_local! {
    static STATISTICS: Option<File> = File::open("/proc/thread-self/schedstat").ok();
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
    STATISTICS.with(|file| {
        let mut text = [0; 64];
        let len = file.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..len]);
        let waited = text.split(' ').nth(1).and_then(|field| field.parse().ok());
        Duration::from_nanos(waited.unwrap_or(0))
    })
}
