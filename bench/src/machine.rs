//! The machine: its name, its cores, pinning, and the clock that samples are taken with.

use std::fs;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long the clock is compared with the system's.
const CALIBRATION: Duration = Duration::from_millis(20);

/// The processor's name, as the kernel tells it.
pub(crate) fn name() -> String {
    let about = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':')).map_or("unknown", |(_, name)| name);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, Linux {}", model.trim(), kernel.trim())
}

/// The cores that this process may run on.
pub(crate) fn cores() -> Outcome<Vec<usize>> {
    // SAFETY: a set of cores is plain bits; all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the set is as large as said, and 0 is this thread.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if result != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let limit = usize::try_from(libc::CPU_SETSIZE)?;
    // SAFETY: every core asked for is below the size of the set.
    Ok((0..limit).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect())
}

/// Keeps this thread on one core.
pub(crate) fn pin(core: usize) -> Outcome<()> {
    pin_to(&[core])
}

/// Keeps this thread on one of these cores.
pub(crate) fn pin_to(cores: &[usize]) -> Outcome<()> {
    // SAFETY: a set of cores is plain bits; all zeroes is the empty set.
    let mut set: libc::cpu_set_t = unsafe { MaybeUninit::zeroed().assume_init() };
    for core in cores {
        // SAFETY: the core comes from the kernel's own set, so it is below the set's size.
        unsafe { libc::CPU_SET(*core, &mut set) };
    }
    // SAFETY: the set is as large as said, and 0 is this thread.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    if result != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(())
}

/// The clock, in ticks of its own; it runs alike on all cores.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    // SAFETY: every x86-64 processor counts its time stamps, and Linux lets programs read them.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// The clock, in ticks of its own; it runs alike on all cores.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// How long one tick takes, in nanoseconds.
pub(crate) fn ns_per_tick() -> f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    *RATE.get_or_init(|| {
        let (from, start) = (ticks(), Instant::now());
        while start.elapsed() < CALIBRATION {
            std::hint::spin_loop();
        }
        let spent = start.elapsed();
        spent.as_nanos() as f64 / (ticks() - from) as f64
    })
}

/// Ticks in a span of time.
pub(crate) fn ticks_in(span: Duration) -> u64 {
    (span.as_nanos() as f64 / ns_per_tick()) as u64
}

/// How long this thread was ready to run while others had its core, since it began; nanoseconds.
pub(crate) fn waited_ns() -> u64 {
    let about = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    about.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0)
}
