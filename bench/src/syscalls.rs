//! Counts the system calls of processes, while they say that it is time to count.

use std::collections::HashSet;
use std::ptr::null_mut;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use crate::Outcome;
use crate::control::Control;

/// What marks a stop as that of a system call.
const SYSCALL_STOP: i32 = libc::SIGTRAP | 0x80;

/// Follows children of this process to their ends; how many system calls they began together while
/// the shared page said that they count.
pub(crate) fn count(children: &[i32], control: &Control, patience: Duration) -> Outcome<u64> {
    let (done, waits) = mpsc::channel::<()>();
    let ids = children.to_vec();
    // Waiting for a stop has no deadline of its own; ending the children ends it.
    let guard = std::thread::spawn(move || {
        if waits.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
            for id in ids {
                // SAFETY: a plain system call, on a child that was not waited for to its end.
                unsafe { libc::kill(id, libc::SIGKILL) };
            }
        }
    });
    let counted = follow(children, control);
    drop(done);
    guard.join().map_err(|_| "the guard of the count failed")?;
    counted
}

fn follow(children: &[i32], control: &Control) -> Outcome<u64> {
    for child in children {
        let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
        ptrace(libc::PTRACE_SEIZE, *child, options)?;
        ptrace(libc::PTRACE_INTERRUPT, *child, 0)?;
    }
    let mut alive: HashSet<i32> = children.iter().copied().collect();
    let (mut stops, mut failed) = (0, false);
    while !alive.is_empty() {
        let mut status = 0;
        // SAFETY: the status is written to a local.
        let child = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL) };
        if child < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            failed |= !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0;
            alive.remove(&child);
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        let mut deliver = 0;
        if signal == SYSCALL_STOP {
            stops += u64::from(control.words().counting.0.load(Ordering::Acquire) != 0);
        } else if status >> 16 == 0 {
            deliver = signal;
        }
        // One that was ended meanwhile is reported by the next wait.
        let _ = ptrace(libc::PTRACE_SYSCALL, child, deliver);
    }
    if failed {
        return Err("a process failed while its system calls were counted".into());
    }
    // Each call stops twice: where it begins and where it ends.
    Ok(stops / 2)
}

fn ptrace(request: libc::c_uint, child: i32, data: i32) -> Outcome<()> {
    // SAFETY: these requests read no memory of this process; the child is one of its own.
    let result = unsafe { libc::ptrace(request, child, null_mut::<u8>(), data as usize) };
    if result < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(())
}
