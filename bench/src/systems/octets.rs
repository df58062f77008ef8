//! Messages over a stream of octets: what is left of one goes out, or comes in, the next time.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};

use super::{Receiver, Sender};
use crate::Outcome;
use crate::payload::{Payload, check, fill};

/// Words as octets.
fn octets(words: &mut [u64]) -> &mut [u8] {
    let bytes = size_of_val(words);
    // SAFETY: the same memory, whose every byte is initialised; octets need no alignment, and any
    // octets are words again.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), bytes) }
}

/// One end of a stream, with a message that is on its way.
pub(crate) struct End<P> {
    file: File,
    words: Vec<u64>,
    moved: usize,
    _payload: PhantomData<P>,
}

impl<P: Payload> End<P> {
    /// Takes a descriptor that is this process's own.
    pub(crate) fn new(file: impl IntoRawFd, sleeping: bool) -> Outcome<Self> {
        // SAFETY: the descriptor was given away by its owner.
        let file = unsafe { File::from_raw_fd(file.into_raw_fd()) };
        if !sleeping {
            set_nonblocking(file.as_raw_fd())?;
        }
        Ok(Self { file, words: vec![0; P::BYTES / 8], moved: 0, _payload: PhantomData })
    }

    /// Moves on; whether the message is through.
    #[inline(always)]
    fn go_on(
        &mut self,
        step: impl Fn(&mut File, &mut [u8]) -> std::io::Result<usize>,
    ) -> Outcome<bool> {
        while self.moved < P::BYTES {
            match step(&mut self.file, &mut octets(&mut self.words)[self.moved..]) {
                Ok(0) => return Err("the other side is gone".into()),
                Ok(bytes) => self.moved += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.moved = 0;
        Ok(true)
    }
}

impl<P: Payload> Sender for End<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        // A message that is partly out is the one with this stamp: it was refused before.
        if self.moved == 0 {
            fill(&mut self.words, stamp);
        }
        self.go_on(|file, octets| file.write(octets))
    }
}

impl<P: Payload> Receiver for End<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        if !self.go_on(|file, octets| file.read(octets))? {
            return Ok(None);
        }
        check(&self.words).map(Some)
    }

    fn receive(&mut self) -> Outcome<u64> {
        loop {
            if let Some(stamp) = self.try_receive()? {
                return Ok(stamp);
            }
        }
    }
}

fn set_nonblocking(descriptor: RawFd) -> Outcome<()> {
    // SAFETY: a plain system call on a descriptor that is open.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
    // SAFETY: as above.
    let result = unsafe { libc::fcntl(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK) };
    if flags < 0 || result < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(())
}
