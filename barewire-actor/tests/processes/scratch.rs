//! A directory of a test's own, and the processes in it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use barewire_actor::WorkerProcess;

/// A directory on tmpfs that must be empty in the end.
///
/// The tests that have one take turns: they measure how long things take.
pub(crate) struct Scratch(PathBuf, #[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

static TURN: Mutex<()> = Mutex::new(());

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            PathBuf::from(format!("/dev/shm/barewire-actors-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a new directory in /dev/shm");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, private).expect("its owner may");
        Self(path, turn)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the directory is there");
        entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// This program as a worker.
pub(crate) fn worker(role: &str) -> WorkerProcess {
    ["worker", "--exact", "--nocapture", "--test-threads=1", "-q"]
        .into_iter()
        .fold(WorkerProcess::new(role), WorkerProcess::argument)
}

pub(crate) fn signal(pid: u64, signal: i32) {
    let pid = i32::try_from(pid).expect("a process id");
    // SAFETY: a plain system call; the caller has the id from a child that was not waited for.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "a child that was not waited for can be signalled");
}
