//! One thread that waits for file descriptors for all tasks of the process.
//!
//! It is to descriptors what the [reactor](super::reactor) is to events: started by the first task
//! that has to wait, and the same for every executor. A task leaves its waker beside the direction
//! that it waits for. The kernel is asked to tell once, and tells at once if the descriptor is
//! ready already, so nothing is missed between a look and the wait.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use crate::sys::poll::{MOST_READY, Watched};

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

#[derive(Default)]
struct Waiting {
    read: Option<Waker>,
    write: Option<Waker>,
}

impl Waiting {
    fn wanted(&self) -> (bool, bool) {
        (self.read.is_some(), self.write.is_some())
    }
}

struct Table {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

static TABLE: Mutex<Table> = Mutex::new(Table { waiting: BTreeMap::new(), next: 0 });
static WATCHED: OnceLock<Watched> = OnceLock::new();

fn table() -> MutexGuard<'static, Table> {
    // The table is consistent whenever it is unlocked, also by a panic.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread waits on; starts it if nobody has.
fn watched(_locked: &mut Table) -> io::Result<&'static Watched> {
    if let Some(watched) = WATCHED.get() {
        return Ok(watched);
    }
    let new = Watched::new()?;
    // The lock of the table is held, so nobody else comes here meanwhile.
    let watched = WATCHED.get_or_init(|| new);
    let thread = std::thread::Builder::new().name("barewire-files".to_owned());
    thread.spawn(move || run(watched))?;
    Ok(watched)
}

fn run(watched: &Watched) {
    loop {
        let Ok(events) = watched.wait(MOST_READY, None) else {
            // The kernel has no memory just now.
            std::thread::yield_now();
            continue;
        };
        let mut woken = Vec::new();
        let mut table = table();
        for number in events {
            let Some(waiting) = table.waiting.get_mut(&number) else { continue };
            // Telling once has ended both directions: who waits for the other one comes again.
            woken.extend(waiting.read.take());
            woken.extend(waiting.write.take());
        }
        drop(table);
        for waker in woken {
            // The waker is foreign code; what it does wrong concerns its own task alone.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

/// A descriptor that tasks may wait for.
#[derive(Debug)]
pub(crate) struct Watch {
    /// A copy, so that it is the thread's own for as long as it is watched.
    file: OwnedFd,
    number: u64,
}

impl Watch {
    pub(crate) fn new(file: BorrowedFd<'_>) -> io::Result<Self> {
        let file = file.try_clone_to_owned()?;
        let mut table = table();
        let watched = watched(&mut table)?;
        let number = table.next;
        table.next += 1;
        watched.add_silent(file.as_fd(), number)?;
        table.waiting.insert(number, Waiting::default());
        Ok(Self { file, number })
    }

    /// Wakes the task once the descriptor can be used in this direction, or perhaps before.
    pub(crate) fn wake(&self, direction: Direction, waker: &Waker) -> io::Result<()> {
        let waker = waker.clone();
        let mut table = table();
        let watched = watched(&mut table)?;
        let Some(waiting) = table.waiting.get_mut(&self.number) else { return Ok(()) };
        let place = match direction {
            Direction::Read => &mut waiting.read,
            Direction::Write => &mut waiting.write,
        };
        let old = place.replace(waker);
        let asked = watched.once(self.file.as_fd(), self.number, waiting.wanted());
        drop(table);
        // Dropping a waker may drop a task, which may come here again: the table is free for it.
        drop(old);
        asked
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut table = table();
        if let Ok(watched) = watched(&mut table) {
            watched.remove(self.file.as_fd());
        }
        let waiting = table.waiting.remove(&self.number);
        drop(table);
        drop(waiting);
    }
}
