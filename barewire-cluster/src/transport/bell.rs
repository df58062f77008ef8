//! What wakes a thread that waits for descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::Wake;

/// A descriptor that becomes readable when somebody wakes.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(super) fn new() -> std::io::Result<Self> {
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    /// Waits until one of the descriptors can be read, somebody has woken, or it is time.
    pub(super) fn wait(&self, files: &[BorrowedFd<'_>], patience: Duration) {
        let mut polled: Vec<PollFd<'_>> =
            files.iter().map(|file| PollFd::from_borrowed_fd(*file, PollFlags::IN)).collect();
        polled.push(PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN));
        let Ok(patience) = Timespec::try_from(patience) else { return };
        // An interrupted wait is one that was short.
        let _ = poll(&mut polled, Some(&patience));
        let _ = rustix::io::read(&*self.0, &mut [0; 8]);
    }
}

impl Wake for Bell {
    fn wake(&self) {
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}
