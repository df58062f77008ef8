//! Being asked to end: by Ctrl-C, by a signal, or because enough was shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::Outcome;

/// When a command that goes on is to end.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl Stop {
    /// When somebody asks, or after so many seconds.
    pub(crate) fn after(seconds: Option<f64>) -> Outcome<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        let deadline = seconds.and_then(|seconds| Instant::now().checked_add(span(seconds)));
        Ok(Self { asked, deadline })
    }

    pub(crate) fn is_due(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Sleeps so long, less if it is to end before that.
    pub(crate) fn sleep(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        let end = Instant::now() + time;
        while !self.is_due() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(STEP));
        }
    }
}

/// So many seconds; as good as for ever, if they are more than can be counted.
pub(crate) fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::from_secs(1 << 40))
}
