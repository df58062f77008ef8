//! Connections of another library whose closing would hold up a thread (`SO_LINGER`).
//!
//! Who is told to linger waits in `close` until the other side has everything; if that is out of
//! reach, to the end of the time that was asked for. Otherwise `close` returns at once, and the
//! kernel goes on sending by itself.

use std::ffi::c_int;
use std::io;

/// Makes closing not wait for all connections of this process over TCP that would do so for just
/// so many seconds; how many those were.
///
/// # Errors
///
/// If the descriptors of this process cannot be listed.
pub fn close_without_waiting(seconds: u16) -> io::Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(descriptor) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        found += usize::from(lingers(descriptor, seconds) && stop_lingering(descriptor));
    }
    Ok(found)
}

/// Whether that is a connection over TCP whose closing waits for so long. Nothing else is one.
fn lingers(descriptor: c_int, seconds: u16) -> bool {
    get(descriptor, libc::SO_LINGER) == Some([1, c_int::from(seconds)])
        && get(descriptor, libc::SO_PROTOCOL) == Some([libc::IPPROTO_TCP])
}

/// An option of a socket, as the integers that it is made of; nothing if the descriptor is no
/// socket, or has been closed by now.
fn get<const COUNT: usize>(descriptor: c_int, option: c_int) -> Option<[c_int; COUNT]> {
    let mut value = [0; COUNT];
    let mut size = size_of_val(&value) as libc::socklen_t;
    let pointer = (&raw mut value).cast();
    // SAFETY: the kernel writes at most `size` bytes, which `value` has. A descriptor that is
    // closed, or anything else by now, is no harm: it is only asked.
    let result =
        unsafe { libc::getsockopt(descriptor, libc::SOL_SOCKET, option, pointer, &raw mut size) };
    (result == 0 && size as usize == size_of_val(&value)).then_some(value)
}

fn stop_lingering(descriptor: c_int) -> bool {
    let off: [c_int; 2] = [0, 0];
    let (pointer, size) = ((&raw const off).cast(), size_of_val(&off) as libc::socklen_t);
    let (level, option) = (libc::SOL_SOCKET, libc::SO_LINGER);
    // SAFETY: the value is as long as it is said to be. Should the descriptor be another socket by
    // now, closing that does not wait, as for most; and if it is no socket, nothing changes.
    let result = unsafe { libc::setsockopt(descriptor, level, option, pointer, size) };
    result == 0
}

/// What `SO_LINGER` is made of: whether it is on, and seconds.
const _: () = assert!(size_of::<libc::linger>() == size_of::<[c_int; 2]>());

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use rustix::net::sockopt::{set_socket_linger, socket_linger};

    use super::*;

    #[test]
    fn only_connections_that_would_wait_for_just_so_long_are_changed() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let connect = |seconds| {
            let stream = TcpStream::connect(address).expect("somebody listens");
            set_socket_linger(&stream, Some(Duration::from_secs(seconds))).expect("it may");
            stream
        };
        let linger = |of: &dyn AsFd| socket_linger(of).expect("it is a socket");
        let (ours, other) = (connect(4321), connect(1234));
        assert_eq!(close_without_waiting(4321).ok(), Some(1));
        assert_eq!(linger(&ours), None);
        assert_eq!(linger(&other), Some(Duration::from_secs(1234)));
        assert_eq!(close_without_waiting(4321).ok(), Some(0));
    }

    #[test]
    fn what_is_no_socket_does_not_linger() {
        let file = std::fs::File::open("/proc/self/exe").expect("this program");
        assert!(!lingers(file.as_raw_fd(), 10));
        assert!(!lingers(-1, 10));
        assert!(!stop_lingering(file.as_raw_fd()));
    }
}
