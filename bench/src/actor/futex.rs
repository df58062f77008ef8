//! The floor of a parked question: two processes that sleep on a word each, and wake each other.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::{Length, PAUSE, Pinned, Trips, parked};
use crate::Outcome;
use crate::floor::{sleep, wake};
use crate::stats::Spread;

const BYTES: usize = 4096;
/// The other one's word is on another cache line.
const FAR_AT: usize = 64;
/// What ends the other process.
const OVER: u32 = u32::MAX;

struct Words(MmapRaw);

impl Words {
    fn map(file: &File) -> Outcome<Self> {
        Ok(Self(MmapOptions::new().len(BYTES).map_raw(file)?))
    }

    fn word(&self, at: usize) -> &AtomicU32 {
        assert!(at + 4 <= BYTES && at.is_multiple_of(4));
        // SAFETY: in the mapping.
        let word = unsafe { self.0.as_mut_ptr().add(at) };
        // SAFETY: aligned, and changed by atomic operations alone, in both processes.
        unsafe { AtomicU32::from_ptr(word.cast()) }
    }
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Round trips, each after a pause.
pub(super) fn trips(length: Length) -> Outcome<Spread> {
    // SAFETY: the name is a string that ends with a zero.
    let descriptor = unsafe { libc::memfd_create(c"barewire-bench".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    // SAFETY: the descriptor is new, and nobody else's.
    let file = unsafe { File::from_raw_fd(descriptor) };
    file.set_len(BYTES as u64)?;
    let words = Words::map(&file)?;
    let (near, far) = (words.word(0), words.word(FAR_AT));
    let process = std::process::id().to_string();
    let child = Command::new(std::env::current_exe()?)
        .args(["far", "futex", &process, &file.as_raw_fd().to_string()])
        .spawn()?;
    let child = Ended(child);
    sleep(near, 0);
    let _near = Pinned::near()?;
    let mut trips = Trips::new(parked(length));
    let mut turn = 1;
    while !trips.is_full() {
        std::thread::sleep(PAUSE);
        trips.begin();
        wake(far, turn);
        sleep(near, turn);
        trips.end();
        turn += 1;
    }
    wake(far, OVER);
    drop(child);
    trips.spread()
}

/// The other side: it is woken, and wakes.
pub(super) fn echo(process: u32, descriptor: i32) -> Outcome<()> {
    Pinned::far()?;
    let path = format!("/proc/{process}/fd/{descriptor}");
    let words = Words::map(&File::options().read(true).write(true).open(path)?)?;
    let (near, far) = (words.word(0), words.word(FAR_AT));
    let mut turn = 0;
    loop {
        wake(near, turn + 1);
        sleep(far, turn);
        turn = far.load(Ordering::Acquire);
        if turn == OVER {
            return Ok(());
        }
    }
}
