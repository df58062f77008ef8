//! The memory through which one call at a time goes to a worker and its result comes back.
//!
//! ```text
//! offset  bytes
//!      0      4  request: the number of the call; stored last          } written by the caller
//!      4      4  the number of the function                            }
//!      8    128  16 arguments                                          }
//!    136     16  where a text goes that is returned, and its room      }
//!    192      4  reply: the number of the call; stored last            } written by the worker
//!    196      4  status; also that the worker dies, and of what         }
//!    200      4  errno                                                 }
//!    208      8  result                                                }
//!    256      4  taken: the number of the last call that was begun     } written by the worker
//!    320      4  whether the worker sleeps
//!    384      4  whether the caller sleeps
//!   4096         scratch: small arguments and results, laid out anew by the caller for each call
//! ```
//!
//! An argument is a number, a handle, or an address: 0 for null, and otherwise bit 63, bit 62 for
//! the arena and not the scratch, and an offset.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use barewire_runtime::ipc::Wait;
use barewire_runtime::shared_memory::Mapping;
use barewire_schema::c::MAX_PARAMETERS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, recv, send};

pub(crate) const REQUEST: usize = 0;
pub(crate) const FUNCTION: usize = 4;
pub(crate) const ARGUMENTS: usize = 8;
pub(crate) const TEXT: usize = 136;
pub(crate) const REPLY: usize = 192;
pub(crate) const STATUS: usize = 196;
pub(crate) const ERRNO: usize = 200;
pub(crate) const RESULT: usize = 208;
pub(crate) const TAKEN: usize = 256;
pub(crate) const WORKER_SLEEPS: usize = 320;
pub(crate) const CALLER_SLEEPS: usize = 384;
pub(crate) const SCRATCH: usize = 4096;
pub(crate) const SCRATCH_BYTES: usize = 64 << 10;
const _: () = assert!(ARGUMENTS + 8 * MAX_PARAMETERS == TEXT && TEXT + 16 <= REPLY);

/// What an address begins with.
pub(crate) const ADDRESS: u64 = 1 << 63;
/// What an address in the arena has besides.
pub(crate) const IN_ARENA: u64 = 1 << 62;

/// Arguments of a call.
pub(crate) type Words = [u64; MAX_PARAMETERS];

/// How long a side looks again and again before it sleeps.
fn spin_time(wait: Wait) -> Duration {
    match wait {
        Wait::Spin => Duration::MAX,
        Wait::SpinThenPark => Duration::from_micros(50),
        Wait::Park => Duration::ZERO,
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    Changed,
    /// The other side is gone.
    Gone,
    TimedOut,
}

/// One side's view of the words to wait with.
pub(crate) struct Side<'m> {
    pub(crate) map: &'m Mapping,
    /// The word to wait for.
    pub(crate) word: usize,
    /// Where this side says that it sleeps.
    pub(crate) sleeps: usize,
    pub(crate) socket: BorrowedFd<'m>,
    /// What becomes readable when the other side dies; without it, the socket's end says so.
    pub(crate) death: Option<BorrowedFd<'m>>,
}

/// How often a word is looked at before the clock is.
const LOOKS: u32 = 32;
/// How often a spinning side looks whether the other has died.
const DEATH_EVERY: Duration = Duration::from_micros(100);

impl Side<'_> {
    /// Waits until `done` holds for the word.
    #[inline]
    pub(crate) fn wait(
        &self,
        done: impl Fn(u32) -> bool,
        wait: Wait,
        timeout: Option<Duration>,
    ) -> Woken {
        let word = self.map.u32(self.word);
        for _ in 0..LOOKS {
            if done(word.load(Ordering::Acquire)) {
                return Woken::Changed;
            }
            std::hint::spin_loop();
        }
        self.wait_longer(done, wait, timeout)
    }

    fn wait_longer(
        &self,
        done: impl Fn(u32) -> bool,
        wait: Wait,
        timeout: Option<Duration>,
    ) -> Woken {
        let word = self.map.u32(self.word);
        let begin = Instant::now();
        let patience = spin_time(wait);
        let mut looked = Duration::ZERO;
        loop {
            let passed = begin.elapsed();
            if passed >= patience {
                break;
            }
            if timeout.is_some_and(|timeout| passed >= timeout) {
                return Woken::TimedOut;
            }
            if passed >= looked + DEATH_EVERY {
                looked = passed;
                if self.poll(Some(Duration::ZERO), false) == Woken::Gone {
                    return self.last_look(&done);
                }
            }
            for _ in 0..LOOKS {
                if done(word.load(Ordering::Acquire)) {
                    return Woken::Changed;
                }
                std::hint::spin_loop();
            }
        }
        let sleeps = self.map.u32(self.sleeps);
        loop {
            sleeps.store(1, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            if done(word.load(Ordering::Acquire)) {
                sleeps.store(0, Ordering::Relaxed);
                return Woken::Changed;
            }
            let left = timeout.map(|timeout| timeout.saturating_sub(begin.elapsed()));
            if left == Some(Duration::ZERO) {
                sleeps.store(0, Ordering::Relaxed);
                return Woken::TimedOut;
            }
            let woken = self.poll(left, true);
            sleeps.store(0, Ordering::Relaxed);
            if woken == Woken::Gone {
                return self.last_look(&done);
            }
        }
    }

    /// What the dead side did last counts.
    fn last_look(&self, done: &impl Fn(u32) -> bool) -> Woken {
        let found = done(self.map.u32(self.word).load(Ordering::Acquire));
        if found { Woken::Changed } else { Woken::Gone }
    }

    /// Sleeps until the other side rings or dies; whether it is gone.
    fn poll(&self, timeout: Option<Duration>, bell: bool) -> Woken {
        let bell_flags = if bell { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = [
            PollFd::from_borrowed_fd(self.socket, bell_flags),
            PollFd::from_borrowed_fd(self.death.unwrap_or(self.socket), PollFlags::IN),
        ];
        let count = if self.death.is_some() { 2 } else { 1 };
        let time = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        // An interrupted wait is one that ended early.
        let _ = poll(&mut fds[..count], time.as_ref());
        let gone = match self.death {
            Some(_) => fds[1].revents().contains(PollFlags::IN),
            None => fds[0].revents().contains(PollFlags::HUP),
        };
        if gone {
            return Woken::Gone;
        }
        if fds[0].revents().contains(PollFlags::IN) {
            let mut byte = [0_u8; 8];
            let _ = recv(self.socket, &mut byte, RecvFlags::DONTWAIT);
        } else if fds[0].revents().contains(PollFlags::HUP) && self.death.is_some() {
            // A worker that has closed its end, and lives: only the deadline ends this.
            std::thread::sleep(timeout.unwrap_or(DEATH_EVERY).min(Duration::from_millis(1)));
        }
        Woken::Changed
    }
}

/// Wakes the other side, if it sleeps, after a word was changed.
#[inline]
pub(crate) fn wake(map: &Mapping, sleeps: usize, socket: &OwnedFd) {
    fence(Ordering::SeqCst);
    if map.u32(sleeps).load(Ordering::Relaxed) != 0 {
        // If the socket is full or closed, nobody needs this.
        let _ = send(socket.as_fd(), &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}
