//! One child under ptrace: forked, stepped by single instructions, stopped anywhere, killed there.

use std::io;

/// What a child reports if it panicked; below are the reports of operations.
const PANICKED: i32 = 101;
const REFUSED: i32 = 102;

/// Stops a traced child, so that its tracer knows where it is.
///
/// All marks are this one instruction: whoever stands right behind it has just passed one.
#[inline(never)]
pub(crate) fn mark() {
    // SAFETY: a trap changes nothing; it is delivered to the tracer, which suppresses it.
    unsafe { std::arch::asm!("int3", options(nomem, nostack)) };
}

/// The operation of a child: what it does between two marks.
pub(crate) fn inside<R>(act: impl FnOnce() -> R) -> R {
    mark();
    let result = act();
    mark();
    result
}

/// How a child came to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// One instruction, a mark or a break-point was executed.
    Trap,
    /// It ended by itself, with this code.
    Exited(i32),
}

/// A forked child that this thread traces; it is killed if nobody has waited for its end.
#[derive(Debug)]
pub(crate) struct Tracee {
    pid: libc::pid_t,
    ended: bool,
}

impl Tracee {
    /// Forks a child that stands still before `body`; it ends with what `body` returns.
    ///
    /// Must be called while this process is attached to no segment: a fork shares the open files
    /// that say who is alive.
    pub(crate) fn fork(body: impl FnOnce() -> u8) -> io::Result<Self> {
        // SAFETY: the only other thread of this process waits for this one, so the child finds no
        // lock taken; it never returns from this function.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => Err(io::Error::last_os_error()),
            0 => child(body),
            _ => {
                let mut tracee = Self { pid, ended: false };
                match tracee.wait() {
                    (status, _) if libc::WIFEXITED(status) => {
                        tracee.ended = true;
                        Err(io::ErrorKind::PermissionDenied.into())
                    }
                    (status, _) if libc::WIFSTOPPED(status) => {
                        let options = libc::PTRACE_O_EXITKILL as usize;
                        tracee.request(libc::PTRACE_SETOPTIONS, 0, options)?;
                        Ok(tracee)
                    }
                    (status, _) => panic!("a new child ended with status {status:#x}"),
                }
            }
        }
    }

    /// Lets it run to its next mark or break-point, or to its end.
    pub(crate) fn run(&mut self) -> Event {
        self.resume(libc::PTRACE_CONT)
    }

    /// Lets it execute one instruction; a whole system call is one.
    pub(crate) fn step(&mut self) -> Event {
        self.resume(libc::PTRACE_SINGLESTEP)
    }

    /// The address of the instruction that it will execute next.
    pub(crate) fn counter(&self) -> u64 {
        let at = std::mem::offset_of!(libc::user_regs_struct, rip);
        self.peek(libc::PTRACE_PEEKUSER, at)
    }

    fn set_counter(&self, counter: u64) {
        let at = std::mem::offset_of!(libc::user_regs_struct, rip);
        self.request(libc::PTRACE_POKEUSER, at, counter as usize)
            .expect("its registers can be set");
    }

    /// The eight bytes at `address`.
    pub(crate) fn word(&self, address: u64) -> u64 {
        self.peek(libc::PTRACE_PEEKDATA, address as usize)
    }

    fn set_word(&self, address: u64, word: u64) {
        self.request(libc::PTRACE_POKEDATA, address as usize, word as usize)
            .expect("its code can be written: the page is its own copy");
    }

    /// Runs until it is about to execute `address` for the `hits`-th time; false if it came to a
    /// mark or to its end before.
    pub(crate) fn run_to(&mut self, address: u64, hits: usize) -> bool {
        let original = self.word(address);
        let trapped = (original & !0xff) | 0xcc;
        for hit in 1..=hits {
            self.set_word(address, trapped);
            let event = self.run();
            if event != Event::Trap {
                return false;
            }
            self.set_word(address, original);
            if self.counter() != address + 1 {
                return false;
            }
            self.set_counter(address);
            if hit < hits && self.step() != Event::Trap {
                return false;
            }
        }
        true
    }

    /// Kills it where it stands, and returns when the kernel has released all that it had.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // SAFETY: a plain system call on a child that was not waited for, so its id is its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        while !self.ended {
            let (status, _) = self.wait();
            self.ended = libc::WIFSIGNALED(status) || libc::WIFEXITED(status);
        }
    }

    fn resume(&mut self, request: libc::c_uint) -> Event {
        loop {
            self.request(request, 0, 0).expect("a stopped child can be resumed");
            let (status, pid) = self.wait();
            assert_eq!(pid, self.pid, "a child that was resumed can be waited for");
            if libc::WIFEXITED(status) {
                self.ended = true;
                let code = libc::WEXITSTATUS(status);
                assert_ne!(code, PANICKED, "the child panicked: its message stands above");
                return Event::Exited(code);
            }
            assert!(libc::WIFSTOPPED(status), "the child died of something, status {status:#x}");
            match libc::WSTOPSIG(status) {
                libc::SIGTRAP => return Event::Trap,
                // Somebody outside pauses whoever runs here; no instruction was executed.
                libc::SIGSTOP | libc::SIGCONT => {}
                other => panic!("the child got signal {other}"),
            }
        }
    }

    fn wait(&self) -> (libc::c_int, libc::pid_t) {
        let mut status = 0;
        loop {
            // SAFETY: `status` is valid for the call to write to.
            let pid = unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
            if pid != -1 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return (status, pid);
            }
        }
    }

    fn request(&self, request: libc::c_uint, address: usize, data: usize) -> io::Result<()> {
        // SAFETY: these requests read no memory of this process; the kernel checks the rest.
        match unsafe { libc::ptrace(request, self.pid, address, data) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    fn peek(&self, request: libc::c_uint, address: usize) -> u64 {
        // SAFETY: as for `request`; the C library returns the word that was read.
        let word = unsafe { libc::ptrace(request, self.pid, address, 0_usize) };
        word.cast_unsigned()
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if !self.ended {
            self.end();
        }
    }
}

/// The life of a forked child.
fn child(body: impl FnOnce() -> u8) -> ! {
    // SAFETY: asks to be traced by the parent, which waits for the stop below.
    let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0_usize, 0_usize) };
    let code = if traced == -1 {
        REFUSED
    } else {
        // SAFETY: stops this process, until its tracer resumes it.
        unsafe { libc::raise(libc::SIGSTOP) };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        result.map_or(PANICKED, i32::from)
    };
    // SAFETY: ends this process at once, as a forked copy of a test must.
    unsafe { libc::_exit(code) }
}
