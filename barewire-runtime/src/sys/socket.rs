//! Unix sockets that have a name in a private directory, and what is sent and received over them.
//!
//! A path in a socket's address has at most 107 octets. So nothing here names a path that a user
//! has chosen: a socket is bound under a short name below `/proc/self/fd`, and renamed; and it is
//! connected to through a descriptor of its entry.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags,
    SocketType, bind, connect, listen, recv, recvmsg, send, sendmsg, socket_with,
};

/// The most descriptors that go with one message.
pub(crate) const MOST_FILES: usize = 16;

/// How much room is asked for in the kernel for what is sent.
const SEND_BYTES: usize = 1 << 20;

/// The short name that a socket has before it has its own. No user can choose it.
const BINDING: &str = ".binding";

fn address(descriptor: BorrowedFd<'_>, below: &str) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(format!("/proc/self/fd/{}{below}", descriptor.as_raw_fd()))?)
}

fn stream() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// Takes the lock of a directory, which those hold who give and remove the names of sockets in it;
/// false if somebody else has it. It is given back when `directory` is closed.
pub(crate) fn try_lock_directory(directory: &OwnedFd) -> io::Result<bool> {
    match fs::flock(directory, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Gives the lock of a directory back.
pub(crate) fn unlock_directory(directory: &OwnedFd) {
    // Closing the descriptor does it as well.
    let _ = fs::flock(directory, FlockOperation::Unlock);
}

/// A socket that listens under `name`, for its owner alone; an existing entry is an error.
///
/// The caller holds the lock of the directory. The entry leads to a listening socket from its first
/// instant on.
pub(crate) fn listen_at(directory: &OwnedFd, name: &str, backlog: i32) -> io::Result<OwnedFd> {
    let socket = stream()?;
    // A socket's entry has the mode of the socket, less what the process masks.
    fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    // What is there was left by a process that died right here, for the lock is ours.
    let _ = fs::unlinkat(directory, BINDING, AtFlags::empty());
    bind(&socket, &address(directory.as_fd(), "/.binding")?)?;
    let named = listen(&socket, backlog).and_then(|()| {
        fs::renameat_with(directory, BINDING, directory, name, RenameFlags::NOREPLACE)
    });
    if named.is_err() {
        let _ = fs::unlinkat(directory, BINDING, AtFlags::empty());
    }
    named?;
    Ok(socket)
}

/// A descriptor of the entry itself, whatever it is; a link in its place stays a link.
pub(crate) fn open_entry(directory: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(directory, name, flags, Mode::empty())?)
}

/// Whether nobody has the socket of an entry any more, whether its owner closed it or died.
///
/// Asked by a datagram socket, which a stream socket refuses as being of another kind, so that its
/// owner sees nothing of it.
pub(crate) fn is_abandoned(entry: &OwnedFd) -> io::Result<bool> {
    let probe = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    Ok(connect(&probe, &address(entry.as_fd(), "")?) == Err(Errno::CONNREFUSED))
}

/// Connects to the socket of an entry without waiting: `None` while its queue is full.
pub(crate) fn connect_to(entry: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let socket = stream()?;
    // Only for connecting; afterwards each call says whether it waits.
    rustix::io::ioctl_fionbio(&socket, true)?;
    match connect(&socket, &address(entry.as_fd(), "")?) {
        Ok(()) => {}
        Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    rustix::io::ioctl_fionbio(&socket, false)?;
    Ok(Some(socket))
}

/// The next connection, if there is one.
pub(crate) fn accept(listener: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
        Ok(socket) => Ok(Some(socket)),
        // Its other end may have gone meanwhile.
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Lets [`accept`] return at once.
pub(crate) fn set_nonblocking(file: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(file, true)?)
}

/// Gives what is sent over a connection more room, up to what the system allows.
///
/// The more of a large message is on its way, the less does either side wait for the other.
pub(crate) fn widen(socket: &OwnedFd) {
    // Without it, things are slower.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, SEND_BYTES);
}

/// Ends both directions of a connection.
pub(crate) fn shut_down(socket: &OwnedFd) {
    // Fails if the other side did it already.
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
}

/// The process id, user and group of whoever made the other end of a connection.
///
/// Not through rustix, which has no process id 0: that is what a process has of which this one's
/// namespace knows nothing.
pub(crate) fn peer(socket: &OwnedFd) -> io::Result<(i32, u32, u32)> {
    let mut found = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut bytes = size_of::<libc::ucred>() as libc::socklen_t;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    let (into, raw) = ((&raw mut found).cast(), socket.as_raw_fd());
    // SAFETY: the descriptor is open, and `found` is as large as `bytes` says.
    let result = unsafe { libc::getsockopt(raw, level, option, into, &raw mut bytes) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok((found.pid, found.uid, found.gid))
}

/// Receives octets; descriptors that come with them are closed by the kernel.
#[inline]
pub(crate) fn receive(socket: &OwnedFd, into: &mut [u8], waits: bool) -> io::Result<usize> {
    let flags = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let (_, bytes) = recv(socket, into, flags)?;
    Ok(bytes)
}

/// Receives octets, and the descriptors that come with them.
///
/// Whatever comes here is closed when a process begins another program. More descriptors than may
/// go with one message are an error, after the kernel has closed those that are too many.
pub(crate) fn receive_with_files(
    socket: &OwnedFd,
    into: &mut [u8],
    files: &mut VecDeque<OwnedFd>,
    waits: bool,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(into)], &mut control, flags)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            files.extend(rights);
        }
    }
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(received.bytes)
}

fn sending(waits: bool) -> SendFlags {
    let flags = if waits { SendFlags::empty() } else { SendFlags::DONTWAIT };
    flags | SendFlags::NOSIGNAL
}

/// Sends octets; how many.
#[inline]
pub(crate) fn send_octets(socket: &OwnedFd, octets: &[u8], waits: bool) -> io::Result<usize> {
    Ok(send(socket, octets, sending(waits))?)
}

/// Sends octets from several places, with descriptors that go with the first of them; how many.
pub(crate) fn send_parts(
    socket: &OwnedFd,
    parts: &[IoSlice<'_>],
    files: &[BorrowedFd<'_>],
    waits: bool,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_FILES))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(sendmsg(socket, parts, &mut control, sending(waits))?)
}
