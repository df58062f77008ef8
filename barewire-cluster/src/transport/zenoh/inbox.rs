//! What zenoh's threads bring, until the node's thread takes it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::transport::Wake;
use crate::wire::Incarnation;

/// How much may wait. More is lost, and said again.
const MOST_OCTETS: usize = 32 << 20;
const MOST_EVENTS: usize = 1 << 16;
/// How much is handed over at once.
const MOST_AT_ONCE: usize = 256;

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Come {
    Frame(Vec<u8>),
    /// Its token has come: it hears from now on.
    Seen(Incarnation),
    /// Its token has gone. That is what zenoh believes, and no fact.
    Unseen(Incarnation),
}

impl Come {
    fn octets(&self) -> usize {
        match self {
            Self::Frame(octets) => octets.len(),
            Self::Seen(_) | Self::Unseen(_) => 0,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Come>,
    octets: usize,
    woken: bool,
    sleeps: bool,
}

/// Where zenoh's threads put what has come. They never wait for its reader.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    more: Condvar,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, come: Come) {
        let mut state = self.lock();
        let octets = state.octets + come.octets();
        if octets > MOST_OCTETS || state.events.len() >= MOST_EVENTS {
            return;
        }
        state.octets = octets;
        state.events.push_back(come);
        self.rouse(state);
    }

    /// A thread that does not sleep costs no system call.
    fn rouse(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut state.sleeps) {
            drop(state);
            self.more.notify_one();
        }
    }

    /// Moves what has come into `into`, which is empty; if nothing has, waits so long, or until
    /// woken.
    pub(super) fn take(&self, patience: Duration, into: &mut Vec<Come>) {
        let mut state = self.lock();
        if !patience.is_zero() {
            state.sleeps = true;
            let nothing = |state: &mut State| state.events.is_empty() && !state.woken;
            let waited = self.more.wait_timeout_while(state, patience, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.sleeps = false;
        }
        state.woken = false;
        let count = state.events.len().min(MOST_AT_ONCE);
        into.extend(state.events.drain(..count));
        state.octets -= into.iter().map(Come::octets).sum::<usize>();
    }
}

impl Wake for Inbox {
    fn wake(&self) {
        let mut state = self.lock();
        state.woken = true;
        self.rouse(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_is_bounded_and_all_of_it_is_handed_over_in_turns() {
        let inbox = Inbox::default();
        let frame = vec![7; 1 << 20];
        (0..100).for_each(|_| inbox.put(Come::Frame(frame.clone())));
        let mut found = Vec::new();
        inbox.take(Duration::ZERO, &mut found);
        assert_eq!(found.len(), MOST_OCTETS >> 20);
        (0..2 * MOST_AT_ONCE).for_each(|_| inbox.put(Come::Frame(vec![1])));
        for _ in 0..2 {
            found.clear();
            inbox.take(Duration::ZERO, &mut found);
            assert_eq!(found.len(), MOST_AT_ONCE);
        }
        found.clear();
        inbox.take(Duration::ZERO, &mut found);
        assert_eq!((found.len(), inbox.lock().octets), (0, 0));
    }
}
