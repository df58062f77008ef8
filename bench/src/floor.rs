//! What the machine itself takes: a line from core to core, a raw wake, a copy.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::machine;
use crate::stats::{Samples, Spread};

/// Round trips of the line that one look at the floor takes.
const LINE_TRIPS: u64 = 8_000;
/// Round trips of the raw wake that one look at the floor takes.
const FUTEX_TRIPS: u32 = 150;
/// The longest a raw sleeper sleeps before it looks again.
static SLICE: libc::timespec = libc::timespec { tv_sec: 1, tv_nsec: 0 };
/// How long a sender waits before it sends to one that shall sleep by then. The longest that any
/// system here spins before it sleeps is about 60 µs.
const PAUSE: Duration = Duration::from_micros(200);
/// The same while every system call stops the process that makes it.
const TRACED_PAUSE: Duration = Duration::from_millis(1);
/// How long one copying rate is measured.
const COPYING: Duration = Duration::from_millis(60);

/// One of the two that measure the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// One way of a cache line between this core and the other side's, of many. Both sides
/// write the one line, and whoever reads it comes to own it.
///
/// `turn` counts the calls of this row; both sides call it at the same time. The right side
/// measures nothing.
pub(crate) fn line(control: &Control, side: Side, turn: u64) -> Option<Spread> {
    let word = &control.words().line.0;
    bounce([word, word], side, turn)
}

/// Likewise where each side writes a line of its own and reads the other's, as messages in two
/// channels do: a writer has to get its line back first, from the reader that looks at it.
pub(crate) fn lines(control: &Control, side: Side, turn: u64) -> Option<Spread> {
    let [left, right] = &control.words().lines;
    bounce([&left.0, &right.0], side, turn)
}

fn bounce([left, right]: [&AtomicU64; 2], side: Side, turn: u64) -> Option<Spread> {
    let first = turn * 2 * LINE_TRIPS;
    let mut samples = Samples::with_room(LINE_TRIPS as usize);
    let mut last = machine::ticks();
    for trip in (first..).step_by(2).take(LINE_TRIPS as usize) {
        match side {
            Side::Left => {
                left.store(trip + 1, Ordering::Release);
                while right.load(Ordering::Acquire) != trip + 2 {}
                let now = machine::ticks();
                samples.record(now - last);
                last = now;
            }
            Side::Right => {
                while left.load(Ordering::Acquire) != trip + 1 {}
                right.store(trip + 2, Ordering::Release);
            }
        }
    }
    samples.spread(2.0)
}

/// How a sender waits until the other side sleeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pause {
    length: Duration,
    /// On one core the other side needs the core to go to sleep.
    gives_way: bool,
}

impl Pause {
    /// As it is done in a row.
    pub(crate) fn new(one_core: bool, traced: bool) -> Self {
        Self { length: if traced { TRACED_PAUSE } else { PAUSE }, gives_way: one_core }
    }

    /// Waits; how many ticks it took.
    pub(crate) fn wait(self) -> u64 {
        let start = machine::ticks();
        if self.gives_way {
            std::thread::sleep(self.length);
        } else {
            let until = start + machine::ticks_in(self.length);
            while machine::ticks() < until {}
        }
        machine::ticks() - start
    }
}

/// One way of a raw wake: one stores and wakes, the other sleeps; the middle of many.
///
/// Both wait before they send. The right side says how long, so that the left can leave it out.
pub(crate) fn futex(control: &Control, side: Side, turn: u32, pause: Pause) -> Option<f64> {
    let [left, right] = &control.words().futex;
    let paused = &control.words().paused.0;
    let first = turn * FUTEX_TRIPS;
    let mut samples = Samples::with_room(FUTEX_TRIPS as usize);
    for trip in first..first + FUTEX_TRIPS {
        match side {
            Side::Left => {
                pause.wait();
                let start = machine::ticks();
                wake(&right.0, trip + 1);
                sleep(&left.0, trip);
                let spent = machine::ticks() - start;
                samples.record(spent.saturating_sub(paused.load(Ordering::Acquire)));
            }
            Side::Right => {
                sleep(&right.0, trip);
                paused.store(pause.wait(), Ordering::Release);
                wake(&left.0, trip + 1);
            }
        }
    }
    samples.spread(2.0).map(|spread| spread.p50_ns)
}

/// Changes a word, and wakes who sleeps on it.
pub(crate) fn wake(word: &AtomicU32, value: u32) {
    word.store(value, Ordering::Release);
    // SAFETY: the word is mapped; waking reads no memory of the program's.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}

/// Sleeps while the word is what it was.
pub(crate) fn sleep(word: &AtomicU32, seen: u32) {
    while word.load(Ordering::Acquire) == seen {
        let slice = &raw const SLICE;
        // SAFETY: the word is mapped, and the time lives as long as the program.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, seen, slice) };
    }
}

/// The rate at which one core copies that many bytes again and again, in 10⁹ bytes a second.
pub(crate) fn copying(bytes: usize) -> f64 {
    let source = vec![7u8; bytes];
    let mut target = vec![0u8; bytes];
    let mut copied = 0;
    let start = Instant::now();
    while start.elapsed() < COPYING {
        for _ in 0..(1 << 22 >> bytes.ilog2()).max(1) {
            std::hint::black_box(&mut target).copy_from_slice(std::hint::black_box(&source));
            copied += bytes;
        }
    }
    copied as f64 / start.elapsed().as_nanos() as f64
}
