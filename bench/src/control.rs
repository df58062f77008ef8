//! The page that the processes of a row share: barriers, and the words that floors bounce.

use std::fs::{File, OpenOptions};
use std::mem::offset_of;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use memmap2::MmapRaw;

use crate::Outcome;

/// How long one that is not of the measured pair sleeps before it looks again.
const NAP: Duration = Duration::from_micros(100);
/// How often one of the pair looks before it lets others run.
const LOOKS: u32 = 256;

/// A word alone on its line (two lines, since processors fetch pairs of them).
#[repr(C, align(128))]
#[derive(Default)]
pub(crate) struct Alone<T>(pub(crate) T);

/// What the processes of a row share.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Words {
    /// How often somebody has come to a barrier.
    arrived: Alone<AtomicU64>,
    /// The line that is bounced.
    pub(crate) line: Alone<AtomicU64>,
    /// The lines that each side writes one of.
    pub(crate) lines: [Alone<AtomicU64>; 2],
    /// The words that sleepers sleep on, one for each side.
    pub(crate) futex: [Alone<AtomicU32>; 2],
    /// How long the right side waited before it sent, in ticks.
    pub(crate) paused: Alone<AtomicU64>,
    /// Handed from one side to the other between steps.
    pub(crate) hand: Alone<AtomicU64>,
    /// Not 0 while system calls are to be counted.
    pub(crate) counting: Alone<AtomicU32>,
}

const _: () = assert!(size_of::<Words>() <= 4096 && offset_of!(Words, line) == 128);

/// The shared page, mapped.
pub(crate) struct Control {
    map: MmapRaw,
    participants: u64,
    passed: std::cell::Cell<u64>,
    patient: bool,
}

impl Control {
    /// Makes the page, all zeroes, before anybody opens it.
    pub(crate) fn create(path: &Path) -> Outcome<()> {
        File::create_new(path)?.set_len(4096)?;
        Ok(())
    }

    /// Opens the page as one of so many; `patient` ones sleep at barriers.
    pub(crate) fn open(path: &Path, participants: usize, patient: bool) -> Outcome<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let map = MmapRaw::map_raw(&file)?;
        if map.len() < size_of::<Words>() {
            return Err("the shared page is too short".into());
        }
        let passed = std::cell::Cell::new(0);
        Ok(Self { map, participants: participants as u64, passed, patient })
    }

    /// The words.
    pub(crate) fn words(&self) -> &Words {
        // SAFETY: the mapping is page-aligned and long enough (checked in `open`), lives as long as
        // `self`, and every bit pattern is a value of these atomics.
        unsafe { &*self.map.as_ptr().cast::<Words>() }
    }

    /// Waits until all have come here as often as this one.
    ///
    /// Nothing bounds the wait but the program that started this process: it ends the process when
    /// the row's time is over, or when another of the row has failed.
    pub(crate) fn barrier(&self) {
        let target = self.passed.get() + self.participants;
        self.passed.set(target);
        let arrived = &self.words().arrived.0;
        arrived.fetch_add(1, Ordering::AcqRel);
        let mut looks = 0;
        while arrived.load(Ordering::Acquire) < target {
            looks += 1;
            if self.patient {
                std::thread::sleep(NAP);
            } else if looks < LOOKS {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}
