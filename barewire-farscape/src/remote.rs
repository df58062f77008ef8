//! The caller's side of one worker: start it, make a call, learn how it died.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use barewire_runtime::shared_memory::Mapping;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags,
    SocketType, recv, sendmsg, socketpair,
};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::arena::{Arena, Block, shared};
use crate::dying;
use crate::engine::{Answer, status};
use crate::error::{Error, ErrorKind, Result};
use crate::hello::{Hello, MAX_HELLO};
use crate::mailbox::{
    ARGUMENTS, CALLER_SLEEPS, FUNCTION, REPLY, REQUEST, SCRATCH, SCRATCH_BYTES, Side, TAKEN, TEXT,
    WORKER_SLEEPS, Woken, Words, wake,
};
use crate::sandbox::Level;
use crate::worker::VARIABLE;

/// How long a worker may take to load its library.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program that becomes a worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    /// The path; this program itself if none.
    pub(crate) path: Option<std::path::PathBuf>,
    pub(crate) arguments: Vec<String>,
    pub(crate) quiet: bool,
}

/// A process that makes calls for this one.
pub(crate) struct Remote {
    /// A number that no other worker of this process has had.
    pub(crate) life: u64,
    pub(crate) map: Mapping,
    pub(crate) level: Level,
    socket: OwnedFd,
    death: OwnedFd,
    child: Child,
    number: u32,
    /// The signal that it says it dies of.
    dying: Option<i32>,
    /// Memory that its threads may write to for as long as there are any.
    held: Vec<Block>,
}

/// Why a call did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The worker is dead; whether the function had begun.
    Dead {
        began: bool,
    },
    TimedOut,
}

static LIVES: AtomicU64 = AtomicU64::new(1);

/// A number for one life of a worker.
pub(crate) fn life() -> u64 {
    LIVES.fetch_add(1, Ordering::Relaxed)
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}

impl Remote {
    /// Starts a worker, and waits until it has its library.
    pub(crate) fn start(program: &Program, hello: &Hello, arena: &Arc<Arena>) -> Result<Self> {
        let name = if hello.library.is_empty() { "worker" } else { &hello.library };
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::NotStarted, name, format!("no worker was started: {error}"))
        };
        let text = hello.write();
        if text.len() > MAX_HELLO {
            let detail = format!(
                "expected at most {MAX_HELLO} bytes of prototypes and paths, found {}",
                text.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, name, detail));
        }
        let (file, map) = shared("farscape-mailbox", SCRATCH + SCRATCH_BYTES)?;
        let flags = SocketFlags::CLOEXEC;
        let (socket, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
            .map_err(|error| failed(&error))?;
        let path = match &program.path {
            Some(path) => path.clone(),
            None => std::env::current_exe().map_err(|error| failed(&error))?,
        };
        let mut command = Command::new(&path);
        command.args(&program.arguments).env(VARIABLE, std::process::id().to_string());
        command.stdin(Stdio::from(other));
        if program.quiet {
            command.stdout(Stdio::null());
        }
        let child =
            command.spawn().map_err(|error| failed(&format!("{}: {error}", path.display())))?;
        // Until it is waited for, the number is that of this child.
        drop(command);
        let number = Pid::from_child(&child);
        let death = pidfd_open(number, PidfdFlags::empty()).map_err(|error| failed(&error))?;
        let level = Level::default();
        let (number, dying, held) = (0, None, Vec::new());
        let mut made = Self { life: life(), map, level, socket, death, child, number, dying, held };
        made.tell(&text, &file, arena).map_err(|error| failed(&error))?;
        made.level = made.hear(name)?;
        Ok(made)
    }

    fn tell(
        &self,
        text: &str,
        mailbox: &std::fs::File,
        arena: &Arc<Arena>,
    ) -> rustix::io::Result<()> {
        let given = [mailbox.as_fd(), arena.file.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&given));
        let parts = [IoSlice::new(text.as_bytes())];
        sendmsg(&self.socket, &parts, &mut ancillary, SendFlags::NOSIGNAL).map(drop)
    }

    /// Waits for the worker's first word.
    fn hear(&mut self, name: &str) -> Result<Level> {
        let failed = |detail: String| Error::new(ErrorKind::NotStarted, name, detail);
        let mut fds =
            [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&self.death, PollFlags::IN)];
        let waited = poll(&mut fds, Some(&timespec(PATIENCE)));
        let heard = fds[0].revents().contains(PollFlags::IN);
        if !heard || waited.is_err() {
            let dead = fds[1].revents().contains(PollFlags::IN);
            let help = "does `main` call `barewire::farscape::serve` first?";
            return Err(match dead {
                true => failed(format!("the worker ended before it was ready: {help}")),
                false => failed(format!("the worker was not ready in {PATIENCE:?}: {help}")),
            });
        }
        let mut text = vec![0_u8; MAX_HELLO];
        let (_, received) = recv(&self.socket, text.as_mut_slice(), RecvFlags::empty())
            .map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&text[..received.min(MAX_HELLO)]).into_owned();
        match text.split_once(' ') {
            Some(("ready", bits)) => Ok(Level::of_bits(bits.parse().unwrap_or(0))),
            Some(("failed", told)) => Err(Error::new(ErrorKind::NotFound, name, told)),
            _ => Err(failed(
                "the worker ended before it was ready: does `main` call \
                 `barewire::farscape::serve` first?"
                    .to_owned(),
            )),
        }
    }

    /// Makes one call.
    #[inline]
    pub(crate) fn call(
        &mut self,
        function: u32,
        words: &[u64],
        text: Option<[u64; 2]>,
        how: (barewire_runtime::ipc::Wait, Duration),
    ) -> Result<Answer, Fault> {
        let map = &self.map;
        map.u32(FUNCTION).store(function, Ordering::Relaxed);
        for (index, word) in words.iter().enumerate().take(Words::default().len()) {
            map.u64(ARGUMENTS + 8 * index).store(*word, Ordering::Relaxed);
        }
        if let Some([place, room]) = text {
            map.u64(TEXT).store(place, Ordering::Relaxed);
            map.u64(TEXT + 8).store(room, Ordering::Relaxed);
        }
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        map.u32(REQUEST).store(number, Ordering::Release);
        wake(map, WORKER_SLEEPS, &self.socket);
        let side = Side {
            map,
            word: REPLY,
            sleeps: CALLER_SLEEPS,
            socket: self.socket.as_fd(),
            death: Some(self.death.as_fd()),
        };
        match side.wait(|reply| reply == number, how.0, Some(how.1)) {
            Woken::Changed => {
                let answer = Answer::read(map);
                if answer.status == status::DONE {
                    return Ok(answer);
                }
                self.dying = dying::signal(&answer);
                if self.dying.is_some() { Err(self.dead()) } else { Ok(answer) }
            }
            Woken::TimedOut => Err(Fault::TimedOut),
            Woken::Gone => Err(self.dead()),
        }
    }

    #[cold]
    fn dead(&self) -> Fault {
        Fault::Dead { began: self.map.u32(TAKEN).load(Ordering::Relaxed) == self.number }
    }

    /// Ends the process without waiting for its death if it says that it dies, and yields how.
    ///
    /// Until then it keeps `blocks`, so that no thread of it writes where others have their own.
    pub(crate) fn end_soon(&mut self, blocks: &mut Vec<Block>) -> ErrorKind {
        let Some(signal) = self.dying else { return self.end() };
        let _ = pidfd_send_signal(&self.death, Signal::KILL);
        self.held.append(blocks);
        ErrorKind::Crashed { signal }
    }

    /// Whether the process is dead, and has been waited for.
    pub(crate) fn is_buried(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the process, if it lives, and says how it died.
    pub(crate) fn end(&mut self) -> ErrorKind {
        use std::os::unix::process::ExitStatusExt;
        // One that has died already cannot be signalled.
        let _ = pidfd_send_signal(&self.death, Signal::KILL);
        match self.child.wait() {
            Ok(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => ErrorKind::Crashed { signal },
                (None, code) => ErrorKind::Exited { code: code.unwrap_or(0) },
            },
            // Somebody else has waited for it: it is dead, and how is not known.
            Err(_) => ErrorKind::Exited { code: -1 },
        }
    }

    /// The number of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.end();
    }
}
