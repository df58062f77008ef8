//! A worker that dies of a signal says so itself, before the kernel has taken it apart.
//!
//! Until a process counts as dead, each of its threads has to be scheduled once more, its memory is
//! unmapped, and whoever waits for that is woken: on a machine that is busy, milliseconds. Here the
//! thread that dies answers its call first. What it says is believed no further than to end it.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use barewire_runtime::shared_memory::Mapping;

use crate::engine::{Answer, status};
use crate::mailbox::{CALLER_SLEEPS, REPLY, REQUEST, wake};

/// The signals by which a fault in a program ends it.
const SIGNALS: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGTRAP];

/// Where this process says that it dies.
static WORKER: OnceLock<(Mapping, OwnedFd)> = OnceLock::new();

/// From now on, a fault in this process is told to its caller.
///
/// Libraries are loaded after this: one that has use for these signals takes them over, and the
/// kernel alone says that it is dead.
pub(crate) fn tell(mailbox: &Mapping, socket: OwnedFd) {
    if WORKER.set((mailbox.clone(), socket)).is_err() {
        return;
    }
    // SAFETY: all bytes of this struct may be zero.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(i32) as usize;
    // On the stack that threads of Rust have set aside, for the usual one may be full.
    action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
    for signal in SIGNALS {
        // SAFETY: the action is whole, and its function does what such a function may do.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
}

/// Answers the call, then dies as if nothing had been said.
extern "C" fn handler(signal: i32) {
    if let Some((map, socket)) = WORKER.get() {
        let result = u64::from(signal.cast_unsigned());
        Answer { status: status::DYING, errno: 0, result }.write(map);
        map.u32(REPLY).store(map.u32(REQUEST).load(Ordering::Acquire), Ordering::Release);
        wake(map, CALLER_SLEEPS, socket);
    }
    // Comes once this has returned, whoever sent the first one; now it does what it does by nature.
    // SAFETY: may be called where a signal is handled.
    unsafe { libc::raise(signal) };
}

/// The signal that an answer says its worker dies of.
pub(crate) fn signal(answer: &Answer) -> Option<i32> {
    let signal = i32::try_from(answer.result).ok().filter(|signal| SIGNALS.contains(signal));
    signal.filter(|_| answer.status == status::DYING)
}
