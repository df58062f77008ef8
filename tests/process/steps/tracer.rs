//! One child under ptrace: forked, stepped by single instructions, stopped anywhere, killed there.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

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

/// Where the kernel's own code lies in this process and its children, by which clocks are read.
static VDSO: LazyLock<Range<u64>> = LazyLock::new(|| {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux has it");
    let line = maps.lines().find(|line| line.ends_with("[vdso]"));
    let bounds = line.and_then(|line| line.split_once(' ')?.0.split_once('-'));
    let (low, high) = bounds.unwrap_or(("0", "0"));
    let [low, high] = [low, high].map(|bound| u64::from_str_radix(bound, 16).expect("an address"));
    low..high
});

/// How a child came to a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// One instruction, a mark or a break-point was executed.
    Trap,
    /// It ended by itself, with this code.
    Exited(i32),
}

/// A process that does nothing but fork children, so that it stays as it was when it was made.
///
/// Each child finds the same memory, the allocator's lists among it, and goes the same way to the
/// last instruction. Forks of a process that works between them each find another heap.
#[derive(Debug)]
pub(crate) struct Nursery {
    pid: libc::pid_t,
    line: UnixStream,
}

impl Nursery {
    /// A nursery for children that run `body` and end with what it returns.
    ///
    /// Must be made while this process is attached to no segment: a fork shares the open files
    /// that say who is alive.
    pub(crate) fn new(body: impl Fn() -> u8) -> io::Result<Self> {
        let (line, orders) = UnixStream::pair()?;
        // SAFETY: the only other thread of this process waits for this one, so the new process
        // finds no lock taken; it never returns from this function.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                drop(line);
                nurse(&orders, body)
            }
            pid => Ok(Self { pid, line }),
        }
    }

    /// A new child, which stands still before its body.
    pub(crate) fn child(&self) -> io::Result<Tracee> {
        (&self.line).write_all(&[0])?;
        let mut pid = [0; size_of::<libc::pid_t>()];
        (&self.line).read_exact(&mut pid)?;
        Tracee::new(libc::pid_t::from_ne_bytes(pid))
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        // SAFETY: a plain system call on a child that was not waited for, so its id is its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // SAFETY: as above; nobody wants to know how it ended.
        unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
    }
}

/// The life of a nursery: it ends with the process that made it.
fn nurse(mut orders: &UnixStream, body: impl Fn() -> u8) -> ! {
    while orders.read_exact(&mut [0]).is_ok() {
        // A sibling, not a child: who traces it and waits for it, is who made this process.
        let flags = libc::CLONE_PARENT | libc::SIGCHLD;
        // SAFETY: as `fork`, on a copy of the same stack; this process has one thread.
        let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
        if pid == 0 {
            child(body)
        }
        let pid = libc::pid_t::try_from(pid).unwrap_or(-1);
        if orders.write_all(&pid.to_ne_bytes()).is_err() {
            break;
        }
    }
    // SAFETY: ends this process at once, as a forked copy of a test must.
    unsafe { libc::_exit(0) }
}

/// A child that this thread traces; it is killed if nobody has waited for its end.
#[derive(Debug)]
pub(crate) struct Tracee {
    pid: libc::pid_t,
    ended: bool,
}

impl Tracee {
    fn new(pid: libc::pid_t) -> io::Result<Self> {
        assert!(pid > 0, "there is room for a process");
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

    /// Lets it run to its next mark or break-point, or to its end.
    pub(crate) fn run(&mut self) -> Event {
        self.resume(libc::PTRACE_CONT)
    }

    /// Lets it execute one instruction; a whole system call is one.
    ///
    /// So is a call that the kernel's code in this process answers. To look at a clock is to try
    /// until no tick came in between, which under single steps may take for ever.
    pub(crate) fn step(&mut self) -> Event {
        let event = self.resume(libc::PTRACE_SINGLESTEP);
        if event == Event::Trap && VDSO.contains(&self.counter()) {
            let stack = self.register(std::mem::offset_of!(libc::user_regs_struct, rsp));
            let back = self.run_to(self.word(stack), 1, None);
            assert!(back, "it comes back to where it was called");
        }
        event
    }

    /// The address of the instruction that it will execute next.
    pub(crate) fn counter(&self) -> u64 {
        self.register(std::mem::offset_of!(libc::user_regs_struct, rip))
    }

    fn register(&self, at: usize) -> u64 {
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
    /// mark or to its end before. What comes after `address`, if it is always the same, makes that
    /// quicker: to stop there costs less than a single step.
    pub(crate) fn run_to(&mut self, address: u64, hits: usize, next: Option<u64>) -> bool {
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
            let is_last = hit == hits;
            let passed = match next {
                _ if is_last => true,
                Some(next) => self.run_to(next, 1, None),
                None => self.step() == Event::Trap,
            };
            if !passed {
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
fn child(body: impl Fn() -> u8) -> ! {
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
