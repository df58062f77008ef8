//! The way back: an answer to the one who asks, here or in another process.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::address::NodeId;
use crate::error::AskError;
use crate::message::{self, Value};
use crate::node::Node;

enum State<R> {
    Open(Option<Waker>),
    Ended(Result<R, AskError>, Closed),
    Taken,
}

/// Whether the question is out of its node's table already.
type Closed = bool;

/// Where the answer arrives.
pub(crate) struct Slot<R>(Mutex<State<R>>);

impl<R> Slot<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the question, if nothing has ended it before.
    fn end(&self, result: Result<R, AskError>, closed: Closed) {
        let mut state = self.lock();
        if let State::Open(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Ended(result, closed);
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// A question that waits, whatever the type of its answer is. Who has this has taken it out of the
/// table.
pub(crate) trait Waiter: Send + Sync {
    /// An answer has come from another process.
    fn answer(&self, slot: &[u8], length: usize);
    /// There is none.
    fn fail(&self, error: AskError);
}

impl<R: Value> Waiter for Slot<R> {
    fn answer(&self, slot: &[u8], length: usize) {
        self.end(message::read(slot, length).map_err(AskError::Invalid), true);
    }

    fn fail(&self, error: AskError) {
        self.end(Err(error), true);
    }
}

enum Way<R> {
    Here(Arc<Slot<R>>),
    There { node: Arc<Node>, asker: NodeId, ask: u64 },
}

/// The right to answer one question, once; whoever drops it unused has given no answer.
pub struct ReplyTo<R: Value> {
    way: Option<Way<R>>,
    correlation: u64,
}

impl<R: Value> ReplyTo<R> {
    pub(crate) fn here(slot: Arc<Slot<R>>, correlation: u64) -> Self {
        Self { way: Some(Way::Here(slot)), correlation }
    }

    pub(crate) fn there(node: Arc<Node>, asker: NodeId, ask: u64) -> Self {
        Self { way: Some(Way::There { node, asker, ask }), correlation: ask }
    }

    /// The number that question and answer have in common at the one who asked; never 0.
    #[must_use]
    pub fn correlation(&self) -> u64 {
        self.correlation
    }

    /// Answers.
    pub fn send(mut self, reply: R) {
        match self.way.take() {
            Some(Way::Here(slot)) => slot.end(Ok(reply), false),
            Some(Way::There { node, asker, ask }) => node.answer(asker, ask, &reply),
            None => {}
        }
    }

    /// Lets the one who asked know that there will be no answer.
    pub(crate) fn fail(mut self, error: AskError) {
        self.fail_now(error);
    }

    fn fail_now(&mut self, error: AskError) {
        match self.way.take() {
            Some(Way::Here(slot)) => slot.end(Err(error), false),
            Some(Way::There { node, asker, ask }) => node.refuse(asker, ask, &error),
            None => {}
        }
    }
}

impl<R: Value> Drop for ReplyTo<R> {
    fn drop(&mut self) {
        self.fail_now(AskError::Unanswered);
    }
}

impl<R: Value> std::fmt::Debug for ReplyTo<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyTo").field("correlation", &self.correlation).finish_non_exhaustive()
    }
}

/// Waits for an answer; dropped before that, nobody waits any more.
#[must_use = "a question is asked, but its answer is heard by whoever awaits this"]
pub(crate) struct Answer<R: Value> {
    slot: Arc<Slot<R>>,
    node: Arc<Node>,
    pub(crate) ask: u64,
    closed: Closed,
}

impl<R: Value> Answer<R> {
    /// Opens a question.
    pub(crate) fn open(node: Arc<Node>, target: NodeId, deadline: std::time::Duration) -> Self {
        let slot = Arc::new(Slot(Mutex::new(State::Open(None))));
        let ask = node.begin_ask(target, deadline, Arc::clone(&slot) as Arc<dyn Waiter>);
        Self { slot, node, ask, closed: false }
    }

    /// The right to answer it in this process.
    pub(crate) fn reply_here(&self) -> ReplyTo<R> {
        ReplyTo::here(Arc::clone(&self.slot), self.ask)
    }
}

impl<R: Value> Future for Answer<R> {
    type Output = Result<R, AskError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = &mut *self;
        let mut state = answer.slot.lock();
        match &mut *state {
            State::Open(waker) => {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                    *waker = Some(context.waker().clone());
                }
                Poll::Pending
            }
            ended => match std::mem::replace(ended, State::Taken) {
                State::Ended(result, closed) => {
                    answer.closed = closed;
                    Poll::Ready(result)
                }
                State::Open(_) | State::Taken => Poll::Ready(Err(AskError::Unanswered)),
            },
        }
    }
}

impl<R: Value> Drop for Answer<R> {
    fn drop(&mut self) {
        if !self.closed {
            self.node.end_ask(self.ask);
        }
    }
}
