//! A directory of a test's own, and the processes in it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use barewire_actor::WorkerProcess;
use rustix::process::{Pid, Signal, kill_process};

#[path = "../../../tests/support/scratch.rs"]
mod directory;

/// A directory on tmpfs that must be empty in the end.
///
/// The tests that have one take turns: they measure how long things take.
pub(crate) struct Scratch(
    directory::Scratch,
    #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>,
);

static TURN: Mutex<()> = Mutex::new(());

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(directory::Scratch::new(&format!("actors-{number}")), turn)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        self.0.files()
    }
}

/// This program as a worker.
pub(crate) fn worker(role: &str) -> WorkerProcess {
    ["worker", "--exact", "--nocapture", "--test-threads=1", "-q"]
        .into_iter()
        .fold(WorkerProcess::new(role), WorkerProcess::argument)
}

pub(crate) fn pid(number: u64) -> Pid {
    let number = i32::try_from(number).ok().and_then(Pid::from_raw);
    number.expect("a process id")
}

/// Signals a child that was not waited for.
pub(crate) fn signal(process: u64, signal: Signal) {
    kill_process(pid(process), signal).expect("a child that was not waited for can be signalled");
}
