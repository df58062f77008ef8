//! A task that was asked for, and its response.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use barewire_runtime::codec::decode;

use super::client::Desk;
use super::shared::lock;
use crate::error::TaskError;
use crate::task::Value;
use crate::wire::{Outcome, Progress};

#[derive(Default)]
struct State {
    number: Option<u64>,
    outcome: Option<Result<Outcome, TaskError>>,
    attempts: u32,
    progress: Option<Progress>,
    waker: Option<Waker>,
    /// How many threads wait: if none does, telling them needs no system call.
    waits: usize,
}

/// What the node's thread and the one who waits share.
#[derive(Default)]
pub(super) struct Cell {
    state: Mutex<State>,
    ended: Condvar,
}

impl Cell {
    pub(super) fn set_number(&self, number: u64) {
        lock(&self.state).number = Some(number);
    }

    pub(super) fn number(&self) -> Option<u64> {
        lock(&self.state).number
    }

    pub(super) fn progress(&self, progress: Progress) {
        lock(&self.state).progress = Some(progress);
    }

    pub(super) fn end(&self, outcome: Result<Outcome, TaskError>, attempts: u32) {
        let mut state = lock(&self.state);
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        state.attempts = attempts;
        let (waker, waits) = (state.waker.take(), state.waits);
        drop(state);
        if waits > 0 {
            self.ended.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A task that was asked for. It is done whether or not anybody waits for its response.
///
/// It is a future as well, of any executor.
#[must_use = "a task's response may be an error"]
pub struct Pending<R> {
    cell: Arc<Cell>,
    desk: Arc<Desk>,
    _response: PhantomData<fn() -> R>,
}

impl<R: Value> Pending<R> {
    pub(super) fn new(cell: Arc<Cell>, desk: Arc<Desk>) -> Self {
        Self { cell, desk, _response: PhantomData }
    }

    /// Waits for the response.
    ///
    /// # Errors
    ///
    /// Why there is none: see [`TaskError`].
    pub fn wait(&self) -> Result<R, TaskError> {
        self.wait_until(None)
    }

    /// Waits for the response for so long.
    ///
    /// # Errors
    ///
    /// [`TaskError::TimedOut`] if there is no result yet; it can be waited for again.
    pub fn wait_timeout(&self, patience: Duration) -> Result<R, TaskError> {
        self.wait_until(Instant::now().checked_add(patience))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<R, TaskError> {
        let mut state = lock(&self.cell.state);
        loop {
            if let Some(outcome) = &state.outcome {
                return response(outcome.clone());
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(TaskError::TimedOut);
            }
            let left = left.unwrap_or(Duration::from_secs(3600));
            state.waits += 1;
            let waited = self.cell.ended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waits -= 1;
        }
    }

    /// How far the task is, as was last heard.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        lock(&self.cell.state).progress.clone()
    }

    /// How many attempts it took in the last epoch of the manager; 0 before there is a result.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        lock(&self.cell.state).attempts
    }

    /// Whether there is a result.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        lock(&self.cell.state).outcome.is_some()
    }

    /// Says that nobody wants the response any more. It may be done all the same; what comes of it
    /// is said by [`wait`](Self::wait).
    pub fn cancel(&self) {
        self.desk.cancel(&self.cell);
    }
}

fn response<R: Value>(outcome: Result<Outcome, TaskError>) -> Result<R, TaskError> {
    let octets = outcome.and_then(TaskError::response)?;
    decode(&octets).map_err(TaskError::Undecodable)
}

impl<R: Value> Future for Pending<R> {
    type Output = Result<R, TaskError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.cell.state);
        match &state.outcome {
            Some(outcome) => Poll::Ready(response(outcome.clone())),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<R> std::fmt::Debug for Pending<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("number", &self.cell.number()).finish_non_exhaustive()
    }
}
