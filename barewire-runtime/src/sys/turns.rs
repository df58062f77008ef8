//! How soon the scheduler gives a thread its turn after it was woken.
//!
//! Since Linux 6.12 `sched_setattr` takes the length of the turns of an ordinary thread. It needs
//! no privilege and gives no more of the processor: a thread with short turns has more of them, and
//! comes before others when it is woken. Where the call is forbidden, or the kernel older, nothing
//! changes.

use std::io;
use std::mem::size_of;

use libc::{c_int, c_long, sched_attr};

/// The shortest turns that the kernel gives.
const SHORTEST_NS: u64 = 100_000;

/// Does some work with the shortest turns there are. The threads and processes that it starts keep
/// them.
pub fn with_short_turns<R>(work: impl FnOnce() -> R) -> R {
    // Only the policy of ordinary threads means turns by this field.
    let before = get().ok().filter(|now| now.sched_policy == libc::SCHED_OTHER as u32);
    if let Some(before) = &before {
        set(&sched_attr { sched_runtime: SHORTEST_NS, ..*before });
    }
    let result = work();
    if let Some(before) = &before {
        set(before);
    }
    result
}

const SIZE: u32 = size_of::<sched_attr>() as u32;

/// This thread's attributes.
fn get() -> io::Result<sched_attr> {
    let mut now = sched_attr {
        size: SIZE,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    let (this, flags): (c_int, c_int) = (0, 0);
    // SAFETY: the kernel writes at most `SIZE` bytes to `now`, which has so many; the attributes
    // are integers, so all that it can write is valid.
    let result: c_long =
        unsafe { libc::syscall(libc::SYS_sched_getattr, this, &raw mut now, SIZE, flags) };
    if result == 0 { Ok(now) } else { Err(io::Error::last_os_error()) }
}

/// Changes this thread's attributes, if that may be.
fn set(wanted: &sched_attr) {
    let (this, flags): (c_int, c_int) = (0, 0);
    // SAFETY: the kernel reads `wanted.size` bytes of `wanted`, which `get` has set to `SIZE`.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, this, &raw const *wanted, flags) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_short_for_as_long_as_the_work_and_what_it_starts() {
        let turns = || get().map(|now| (now.sched_policy, now.sched_nice, now.sched_runtime));
        let Ok(before) = turns() else { return };
        let (during, started) = with_short_turns(|| {
            let started = std::thread::spawn(turns).join().expect("it does not panic");
            (turns().expect("as before"), started.expect("as before"))
        });
        assert_eq!(during, started, "what it starts keeps them");
        assert_eq!((during.0, during.1), (before.0, before.1), "nothing else changes");
        // Kernels before 6.12 say 0.
        if before.0 == libc::SCHED_OTHER as u32 && before.2 > 0 {
            assert_eq!(during.2, SHORTEST_NS);
        }
        assert_eq!(turns().expect("as before"), before);
    }
}
