//! A named pipe.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use super::octets::End;
use super::{Place, Transport, is_batch};
use crate::Outcome;
use crate::payload::Payload;
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "kernel; a FIFO, write and read; not blocking where others spin";

/// Room that a pipe is given for messages larger than its usual room.
const LARGE_PIPE: i32 = 1 << 20;

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        (Shape::Queue | Shape::Service, Kind::Oneway | Kind::Roundtrip | Kind::Wake { .. }) => {
            Ok(())
        }
        (Shape::Queue, Kind::Stream { .. }) if !is_batch(row) => Ok(()),
        (Shape::Queue, Kind::Open) => Ok(()),
        (Shape::Queue, _) => Err("has no such thing, or it is in the kernel"),
        _ => Err("is a queue only"),
    }
}

pub(crate) struct Fifo;

fn open<P: Payload>(place: &Place) -> Outcome<End<P>> {
    // Opened for both, so that no end waits for the other to come.
    let file = OpenOptions::new().read(true).write(true).open(place.file(".pipe"))?;
    if P::BYTES > 1 << 16 {
        // SAFETY: a plain system call on a descriptor that is open.
        let room = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETPIPE_SZ, LARGE_PIPE) };
        if room < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
    }
    End::new(file, place.sleeping)
}

impl Transport for Fifo {
    type Sender<P: Payload> = End<P>;
    type Receiver<P: Payload> = End<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<End<P>> {
        if place.index == 0 {
            let path = CString::new(place.file(".pipe").as_os_str().as_bytes())?;
            // SAFETY: the path ends in a zero.
            if unsafe { libc::mkfifo(path.as_ptr(), 0o600) } != 0 {
                return Err(std::io::Error::last_os_error().into());
            }
        }
        open(place)
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<End<P>> {
        open(place)
    }
}
