//! What a node's thread and its users share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::driver::Passenger;
use super::figures::Figures;
use crate::core::members::Change;
use crate::counters::Counters;
use crate::error::ClusterError;
use crate::transport::Wake;
use crate::wire::{Alive, Incarnation, Role};

/// A node that another one knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNode {
    /// Which life of it.
    pub incarnation: Incarnation,
    /// What it is called.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// Whether it was heard lately.
    pub reachable: bool,
}

/// Something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A node is known from now on.
    Joined(KnownNode),
    /// A node is silent. It may come back as itself.
    Unreachable(KnownNode),
    /// A silent node is heard again.
    Reachable(KnownNode),
    /// A node is dead: its incarnation is not heard again.
    Dead(KnownNode),
    /// A node has gone of itself.
    Left(KnownNode),
    /// This node, a manager, begins to work.
    Begun {
        /// How often managers have begun with this log.
        epoch: u64,
    },
    /// This node was taken for dead, and goes on under another incarnation.
    Fenced(Incarnation),
    /// There is another manager, which is not heeded.
    SecondManager(String),
}

/// Locks, whoever has panicked meanwhile.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the node's thread, if it sleeps.
#[derive(Default)]
pub(super) struct Bell {
    sleeps: AtomicBool,
    wake: Mutex<Option<Arc<dyn Wake>>>,
}

impl Bell {
    pub(super) fn hang(&self, wake: Arc<dyn Wake>) {
        *lock(&self.wake) = Some(wake);
    }

    /// Nobody is to be woken any more; what would have woken the thread is given back.
    pub(super) fn take_down(&self) {
        *lock(&self.wake) = None;
    }

    /// Something is there for the thread. A system call only if it sleeps.
    pub(super) fn ring(&self) {
        if self.sleeps.swap(false, Ordering::SeqCst)
            && let Some(wake) = &*lock(&self.wake)
        {
            wake.wake();
        }
    }

    /// The thread is about to sleep, and looks once more for what is there.
    pub(super) fn falls_asleep(&self) {
        self.sleeps.store(true, Ordering::SeqCst);
    }

    pub(super) fn wakes_up(&self) {
        self.sleeps.store(false, Ordering::SeqCst);
    }
}

#[derive(Default)]
struct State {
    incarnation: Option<Incarnation>,
    known: BTreeMap<Incarnation, KnownNode>,
    listeners: Vec<Sender<Notice>>,
    /// Whether the manager has taken all kinds of a worker.
    ready: bool,
    ended: Option<Result<(), ClusterError>>,
    counters: Counters,
    epoch: u64,
}

/// What all roles have in common.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) bell: Bell,
    pub(super) stops: AtomicBool,
    figures: Mutex<Figures>,
    state: Mutex<State>,
    changed: Condvar,
    passenger: Mutex<Option<Arc<dyn Passenger>>>,
}

impl Shared {
    pub(super) fn set_incarnation(&self, incarnation: Incarnation) {
        let mut state = lock(&self.state);
        state.known.clear();
        state.incarnation = Some(incarnation);
    }

    pub(super) fn incarnation(&self) -> Option<Incarnation> {
        lock(&self.state).incarnation
    }

    pub(super) fn known(&self) -> Vec<KnownNode> {
        lock(&self.state).known.values().cloned().collect()
    }

    pub(super) fn listen(&self) -> Receiver<Notice> {
        let (sender, receiver) = channel();
        let mut state = lock(&self.state);
        for node in state.known.values() {
            let _ = sender.send(Notice::Joined(node.clone()));
        }
        state.listeners.push(sender);
        receiver
    }

    pub(super) fn tell(&self, notice: &Notice) {
        let mut state = lock(&self.state);
        state.listeners.retain(|listener| listener.send(notice.clone()).is_ok());
    }

    /// A node was noticed; one that has not said who it is yet is no news.
    pub(super) fn noticed(&self, node: Incarnation, alive: Option<Alive>, change: Change) {
        let Some(alive) = alive else { return };
        let reachable = !matches!(change, Change::Unreachable | Change::Dead | Change::Left);
        let known = KnownNode { incarnation: node, name: alive.name, role: alive.role, reachable };
        {
            let mut state = lock(&self.state);
            if matches!(change, Change::Dead | Change::Left) {
                state.known.remove(&node);
            } else {
                state.known.insert(node, known.clone());
            }
        }
        self.tell(&match change {
            Change::Joined => Notice::Joined(known),
            Change::Unreachable => Notice::Unreachable(known),
            Change::Reachable => Notice::Reachable(known),
            Change::Dead => Notice::Dead(known),
            Change::Left => Notice::Left(known),
        });
        self.changed.notify_all();
    }

    pub(super) fn set_counters(&self, counters: Counters, epoch: u64) {
        let mut state = lock(&self.state);
        (state.counters, state.epoch) = (counters, epoch);
    }

    pub(super) fn counters(&self) -> Counters {
        lock(&self.state).counters
    }

    pub(super) fn epoch(&self) -> u64 {
        lock(&self.state).epoch
    }

    /// What tools see; of the node's thread alone.
    pub(super) fn figures(&self) -> MutexGuard<'_, Figures> {
        lock(&self.figures)
    }

    pub(super) fn set_ready(&self, ready: bool) {
        lock(&self.state).ready = ready;
        self.changed.notify_all();
    }

    /// The node has ended: as it should, or for that reason.
    pub(super) fn end(&self, how: Result<(), ClusterError>) {
        self.figures().close();
        lock(&self.state).ended.get_or_insert(how);
        self.changed.notify_all();
    }

    /// Something stands on top of the node from now on, in the place of what stood there.
    #[cfg(feature = "actor")]
    pub(super) fn board(&self, passenger: Arc<dyn Passenger>) {
        let before = lock(&self.passenger).replace(passenger);
        if let Some(before) = before {
            before.close();
        }
        self.bell.ring();
        if self.ended().is_some() {
            self.disembark();
        }
    }

    /// What stands on top of the node.
    pub(super) fn passenger(&self) -> Option<Arc<dyn Passenger>> {
        lock(&self.passenger).clone()
    }

    /// The node has ended, and with it what stands on top of it.
    pub(super) fn disembark(&self) {
        let passenger = lock(&self.passenger).take();
        if let Some(passenger) = passenger {
            passenger.close();
        }
    }

    pub(super) fn ended(&self) -> Option<Result<(), ClusterError>> {
        lock(&self.state).ended.clone()
    }

    /// Waits until the node is ready, has ended, or it is too late.
    pub(super) fn wait_ready(&self, patience: Duration) -> Result<(), ClusterError> {
        self.wait(Some(patience), "the manager has not answered", |state| {
            state.ready.then_some(Ok(()))
        })
    }

    pub(super) fn wait_end(&self, patience: Option<Duration>) -> Result<(), ClusterError> {
        self.wait(patience, "the node goes on", |state| state.ended.clone())
    }

    fn wait(
        &self,
        patience: Option<Duration>,
        what: &str,
        done: impl Fn(&State) -> Option<Result<(), ClusterError>>,
    ) -> Result<(), ClusterError> {
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut state = lock(&self.state);
        loop {
            if let Some(done) = done(&state) {
                return done;
            }
            match &state.ended {
                Some(Err(error)) => return Err(error.clone()),
                Some(Ok(())) => return Err(ClusterError::Ended("it was stopped".to_owned())),
                None => {}
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(ClusterError::TimedOut(what.to_owned()));
            }
            let left = left.unwrap_or(Duration::from_secs(3600));
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
