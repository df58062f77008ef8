//! A connection on its way: drives a handshake over a socket, and never waits.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::PeerCredentials;
use super::frame::Inbox;
use super::handshake::{Agreement, Handshake, Offer, Step};
use super::link::{Kept, Link, Patience, Taken};
use super::receive::Intake;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::socket;

/// How long a client may take for its handshake.
pub(super) const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);

/// Two sides that do not know each other yet.
#[derive(Debug)]
pub(super) struct Meeting {
    link: Link,
    intake: Intake,
    handshake: Handshake,
    sent: usize,
    /// How it ends, once what there is to send has gone out.
    end: Option<Result<Agreement>>,
    pub(super) peer: PeerCredentials,
    pub(super) deadline: Option<Instant>,
}

/// Two sides that have accepted each other.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) link: Link,
    pub(super) intake: Intake,
    pub(super) agreement: Agreement,
    pub(super) peer: PeerCredentials,
}

impl Meeting {
    pub(super) fn new(
        name: &str,
        socket: OwnedFd,
        (offer, hello): (Offer, &[u8]),
        peer: PeerCredentials,
        kept: Kept,
    ) -> Self {
        socket::widen(&socket);
        let link = Link::socket(name, socket, offer.files > 0, kept);
        let intake =
            Intake { inbox: Inbox::new(offer.largest, offer.files), files: VecDeque::new() };
        let handshake = Handshake::new(name, offer, hello);
        Self { link, intake, handshake, sent: 0, end: None, peer, deadline: None }
    }

    /// Whether it waits to read, and to write.
    pub(super) fn wanted(&self) -> (bool, bool) {
        (self.end.is_none(), self.sent < self.handshake.out.len())
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// Does what can be done without waiting; whether both sides have accepted each other.
    pub(super) fn go_on(&mut self) -> Result<bool> {
        loop {
            let out = &self.handshake.out;
            while self.sent < out.len() {
                let rest = [IoSlice::new(&out[self.sent..])];
                match self.link.give(&rest, &[], Patience::None) {
                    Ok(0) => break,
                    Ok(count) => self.sent += count,
                    // The other side takes no more; what it has said may still tell why.
                    Err(_) => self.sent = out.len(),
                }
            }
            if self.sent == out.len() {
                match self.end.take() {
                    Some(Err(error)) => return Err(error),
                    Some(done) => {
                        self.end = Some(done);
                        return Ok(true);
                    }
                    None => {}
                }
            }
            if self.end.is_some() {
                return Ok(false);
            }
            let Intake { inbox, files } = &mut self.intake;
            if let Some(frame) = inbox.next().map_err(|fault| self.link.fault(fault))? {
                match self.handshake.take(frame.kind, inbox.body(&frame)) {
                    Step::GoOn => {}
                    Step::Done(agreement) => self.end = Some(Ok(agreement)),
                    Step::Failed(error) => self.end = Some(Err(error)),
                }
                continue;
            }
            match self.link.take_in(inbox, files, Patience::None)? {
                Taken::Some => {}
                Taken::Nothing => return Ok(false),
                Taken::End => {
                    let detail = "the other side has gone in the middle of the handshake";
                    return Err(Error::new(ErrorKind::Closed, &*self.link.name, detail));
                }
            }
        }
    }

    /// What there is once both have accepted.
    pub(super) fn met(self) -> Result<Met> {
        let Self { link, intake, end, peer, .. } = self;
        let closed = link.closed();
        let agreement = end.unwrap_or(Err(closed))?;
        Ok(Met { link, intake, agreement, peer })
    }

    /// Goes on until the deadline.
    pub(super) fn wait(mut self, deadline: Option<Instant>) -> Result<Met> {
        loop {
            if self.go_on()? {
                return self.met();
            }
            let patience = deadline.map_or(Patience::Forever, Patience::Until);
            if !self.link.ready(self.wanted(), patience)? {
                return Err(self.timed_out());
            }
        }
    }

    pub(super) fn timed_out(&self) -> Error {
        let detail = "the other side has not completed its handshake";
        Error::new(ErrorKind::TimedOut, &*self.link.name, detail)
    }
}
