//! Looking at calls from outside: loads alone.

use std::sync::atomic::Ordering;

use super::{CANCELLED, Call, CallId, OWNED, REQUESTED, SERVER_SHIFT, SERVING, Slots};
use crate::sync::words::{Atomic, Words};

/// How far a call is, for those who only look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Phase {
    /// No server has taken it.
    Requested,
    /// That participant works on it.
    Serving(u8),
    /// There is none.
    Over,
}

/// The last call of a slot, for those who only look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Glimpse {
    pub(in super::super) call: CallId,
    pub(in super::super) phase: Phase,
    pub(in super::super) cancelled: bool,
}

impl<W: Words> Slots<'_, W> {
    /// The lines that were ever in use.
    pub(in super::super) fn lines(&self) -> std::ops::Range<usize> {
        0..self.high()
    }

    /// The participant that has a line.
    pub(in super::super) fn client_of(&self, line: usize) -> Option<u8> {
        let owner = self.owner(line).load(Ordering::Acquire);
        (owner & OWNED != 0).then_some((owner >> 1) as u8)
    }

    /// The participants that serve.
    pub(in super::super) fn serving(&self) -> Vec<u8> {
        let serves = |index: &usize| self.server(*index).load(Ordering::Acquire) & 1 != 0;
        (0..self.shape.participants).filter(serves).map(|index| index as u8).collect()
    }

    /// How far the last call of a slot is.
    ///
    /// The words of a reply say nothing of this call once another one is under way, so the call
    /// word is read again behind them.
    pub(in super::super) fn glimpse(&self, line: usize, slot: usize) -> Glimpse {
        let word = Call(self.call(line, slot).load(Ordering::Acquire));
        let call = CallId { line, slot, number: word.number() };
        let serves = || {
            let now = || Call(self.call(line, slot).load(Ordering::Acquire));
            !self.is_let_go(call) && now().number() == call.number
        };
        let phase = match word.state() {
            REQUESTED => Phase::Requested,
            SERVING if serves() => Phase::Serving((word.0 >> SERVER_SHIFT) as u8),
            _ => Phase::Over,
        };
        Glimpse { call, phase, cancelled: word.0 & CANCELLED != 0 }
    }
}
