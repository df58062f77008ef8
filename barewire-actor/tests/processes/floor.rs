//! What the machine itself needs, measured while a test runs: the floors that its limits stand on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use barewire_runtime::shared_memory::with_short_turns;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::scratch::pid;

/// A thread that does nothing but wait for the end of a process, as the kernel tells it, and that
/// has its turn as soon as the kernel gives one.
pub(crate) struct Witness(JoinHandle<Instant>);

impl Witness {
    pub(crate) fn of(process: u64) -> Self {
        let handle = pidfd_open(pid(process), PidfdFlags::empty()).expect("a child can be opened");
        let wait = move || {
            let mut files = [PollFd::new(&handle, PollFlags::IN)];
            poll(&mut files, None).expect("a process can be waited for");
            Instant::now()
        };
        Self(std::thread::spawn(|| with_short_turns(wait)))
    }

    /// When the process had ended.
    pub(crate) fn ended(self) -> Instant {
        self.0.join().expect("a thread that waits does not panic")
    }
}

/// A thread that sleeps for a moment, again and again: how late are threads woken here?
pub(crate) struct Sleeper {
    over: Arc<AtomicBool>,
    latest_ns: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Sleeper {
    pub(crate) fn begin() -> Self {
        let (over, latest_ns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, latest) = (Arc::clone(&over), Arc::clone(&latest_ns));
        let thread = std::thread::spawn(move || {
            let moment = Duration::from_millis(1);
            while !until.load(Ordering::Relaxed) {
                let begun = Instant::now();
                std::thread::sleep(moment);
                let late = begun.elapsed().saturating_sub(moment);
                latest.fetch_max(late.as_nanos() as u64, Ordering::Relaxed);
            }
        });
        Self { over, latest_ns, thread }
    }

    /// How late it was at most.
    pub(crate) fn latest(self) -> Duration {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("a thread that sleeps does not panic");
        Duration::from_nanos(self.latest_ns.load(Ordering::Relaxed))
    }
}
