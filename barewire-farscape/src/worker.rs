//! The worker's side: takes calls from its mailbox until its caller is gone.

use std::fs::File;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use barewire_runtime::shared_memory::{Mapping, is_sealed};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};

use crate::dying;
use crate::engine::{Answer, Engine};
use crate::hello::{Hello, MAX_HELLO};
use crate::library::Library;
use crate::mailbox::{
    ARGUMENTS, CALLER_SLEEPS, ERRNO, FUNCTION, REPLY, REQUEST, RESULT, STATUS, Side, TAKEN, TEXT,
    WORKER_SLEEPS, Woken, Words, wake,
};

/// The variable that tells a program that it is a worker, and whose.
pub(crate) const VARIABLE: &str = "BAREWIRE_FARSCAPE_WORKER";

/// Becomes a worker, and does not return, if this program was started as one.
///
/// Call it first thing in `main`, with every library that the program calls out of process. In a
/// program that was started by a user it does nothing.
///
/// ```
/// barewire_farscape::serve(&[]); // `&[Zlib::LIBRARY]`, with what the macro has made
/// // the program itself
/// ```
pub fn serve(libraries: &[&'static Library]) {
    let Some(value) = std::env::var_os(VARIABLE) else { return };
    // A program that the library starts inherits the variable, and is no worker.
    // SAFETY: a plain system call.
    let parent = unsafe { libc::getppid() };
    if value.to_str().and_then(|text| text.parse().ok()) != Some(parent) {
        return;
    }
    let code = match run(libraries) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("barewire worker: {error}");
            1
        }
    };
    exit(code);
}

/// Ends this process at once: what the library wants to do at the end may be what hangs.
fn exit(code: i32) -> ! {
    // SAFETY: ends the process; nothing of ours is to be written out.
    unsafe { libc::_exit(code) }
}

type Failure = Box<dyn std::error::Error>;

fn run(libraries: &[&'static Library]) -> Result<(), Failure> {
    // The caller gives the socket as the input, which the library shall find empty.
    let socket: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned()?;
    let nothing = File::open("/dev/null")?;
    // SAFETY: both descriptors are open, and nothing reads the input yet.
    let moved = unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&nothing), 0) };
    if moved != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    watch(socket.try_clone()?)?;
    let (hello, mailbox, arena) = receive(&socket)?;
    dying::tell(&mailbox, socket.try_clone()?);
    let outcome = load(libraries, &hello, mailbox.clone(), arena);
    let (engine, text) = match outcome {
        Ok(engine) => {
            let level = hello.sandbox.enter();
            (Some(engine), format!("ready {}", level.bits()))
        }
        Err(told) => (None, format!("failed {told}")),
    };
    let text = &text.as_bytes()[..text.len().min(MAX_HELLO)];
    send(&socket, text, SendFlags::NOSIGNAL)?;
    if let Some(engine) = engine {
        calls(engine, &mailbox, &socket, &hello);
    }
    Ok(())
}

/// Ends this process when its caller is gone, whatever the library is doing then.
fn watch(socket: OwnedFd) -> std::io::Result<()> {
    let wait = move || {
        loop {
            let mut fds = [PollFd::new(&socket, PollFlags::empty())];
            let _ = poll(&mut fds, None);
            if fds[0].revents().contains(PollFlags::HUP) {
                exit(0);
            }
        }
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(wait).map(drop)
}

/// What the caller tells, and the memory that it gives.
fn receive(socket: &OwnedFd) -> Result<(Hello, Mapping, Mapping), Failure> {
    let mut text = vec![0_u8; MAX_HELLO];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut ancillary, flags)?.bytes;
    let mut given = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            given.extend(descriptors);
        }
    }
    if received == 0 {
        // The caller was gone before it said a word.
        exit(0);
    }
    let hello = Hello::read(std::str::from_utf8(&text[..received])?);
    let mut maps = Vec::new();
    for descriptor in given {
        if !is_sealed(&descriptor) {
            return Err("memory whose length is not sealed".into());
        }
        maps.push(Mapping::new(&File::from(descriptor))?);
    }
    match <[Mapping; 2]>::try_from(maps) {
        Ok([mailbox, arena]) => Ok((hello, mailbox, arena)),
        Err(_) => Err("two pieces of memory were expected".into()),
    }
}

fn load(
    libraries: &[&'static Library],
    hello: &Hello,
    mailbox: Mapping,
    arena: Mapping,
) -> Result<Engine, String> {
    let functions = if hello.prototypes.is_empty() {
        let known = libraries.iter().find(|library| library.name == hello.library);
        let Some(library) = known else {
            return Err(format!("`serve` in this program does not name `{}`", hello.library));
        };
        Engine::load(library, &hello.files)?
    } else {
        crate::dynamic::load(&hello.files, &hello.prototypes)?
    };
    Ok(Engine::new(functions, mailbox, arena))
}

/// Takes calls until the caller is gone.
fn calls(mut engine: Engine, map: &Mapping, socket: &OwnedFd, hello: &Hello) {
    let side =
        Side { map, word: REQUEST, sleeps: WORKER_SLEEPS, socket: socket.as_fd(), death: None };
    let mut last = 0;
    loop {
        if side.wait(|number| number != last, hello.wait, None) == Woken::Gone {
            return;
        }
        last = map.u32(REQUEST).load(Ordering::Acquire);
        map.u32(TAKEN).store(last, Ordering::Relaxed);
        let function = map.u32(FUNCTION).load(Ordering::Relaxed);
        let mut words: Words = [0; barewire_schema::c::MAX_PARAMETERS];
        for (index, word) in words.iter_mut().enumerate() {
            *word = map.u64(ARGUMENTS + 8 * index).load(Ordering::Relaxed);
        }
        let text = [TEXT, TEXT + 8].map(|at| map.u64(at).load(Ordering::Relaxed));
        // SAFETY: the arguments come from the caller, who goes by the same prototypes.
        let answer = unsafe { engine.call(function, &words, text) };
        answer.write(map);
        map.u32(REPLY).store(last, Ordering::Release);
        wake(map, CALLER_SLEEPS, socket);
    }
}

impl Answer {
    pub(crate) fn write(&self, map: &Mapping) {
        map.u32(STATUS).store(self.status, Ordering::Relaxed);
        map.u32(ERRNO).store(self.errno.cast_unsigned(), Ordering::Relaxed);
        map.u64(RESULT).store(self.result, Ordering::Relaxed);
    }

    pub(crate) fn read(map: &Mapping) -> Self {
        Self {
            status: map.u32(STATUS).load(Ordering::Relaxed),
            errno: map.u32(ERRNO).load(Ordering::Relaxed).cast_signed(),
            result: map.u64(RESULT).load(Ordering::Relaxed),
        }
    }
}
