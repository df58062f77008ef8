//! A bounded mailbox: a lane for messages, and one for signals that never waits behind them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use barewire_runtime::ipc::Overflow;

use crate::address::ActorId;
use crate::cause::Cause;
use crate::core::packet::Signal;
use crate::message::Message;
use crate::reply::ReplyTo;

/// How many messages are taken out at once, so that the lock is taken once for all of them.
const MOST_AT_ONCE: usize = 128;

/// A message with what belongs to it.
pub(crate) struct Envelope<M: Message> {
    pub(crate) message: M,
    pub(crate) reply: Option<ReplyTo<M::Reply>>,
    pub(crate) sender: Option<ActorId>,
    pub(crate) trace: u64,
}

/// What goes past the messages.
#[derive(Debug)]
pub(crate) enum System {
    Signal(Signal),
    /// An actor that this one watches, or is linked to, has ended.
    Ended {
        watch: u64,
        target: ActorId,
        cause: Cause,
    },
}

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    Full,
    Gone(Cause),
}

struct State<M: Message> {
    user: VecDeque<Envelope<M>>,
    /// How many have been taken out, and are not handled yet.
    in_hand: usize,
    system: VecDeque<System>,
    reader: Option<Waker>,
    /// The reader while it is in the middle of a message.
    busy_reader: Option<Waker>,
    writers: Vec<Waker>,
    draining: bool,
    closed: Option<Cause>,
}

pub(crate) struct Mailbox<M: Message> {
    state: Mutex<State<M>>,
    urgent: AtomicBool,
    killed: AtomicBool,
    waiting: AtomicBool,
    capacity: usize,
    overflow: Overflow,
}

/// What the reader finds.
pub(crate) enum Found {
    Messages,
    Signals,
    /// The mailbox takes no more, and everything in it was handled.
    Drained,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn new(capacity: usize, overflow: Overflow) -> Self {
        let state = State {
            user: VecDeque::new(),
            in_hand: 0,
            system: VecDeque::new(),
            reader: None,
            busy_reader: None,
            writers: Vec::new(),
            draining: false,
            closed: None,
        };
        Self {
            state: Mutex::new(state),
            urgent: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            capacity: capacity.max(1),
            overflow,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Nothing that is done under the lock can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    /// How many messages wait or are in hand.
    pub(crate) fn depth(&self) -> usize {
        let state = self.lock();
        state.user.len() + state.in_hand
    }

    /// Whether a message waits; a hint that costs no lock.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) || self.urgent.load(Ordering::Relaxed)
    }

    /// Puts a message in, without waiting; yields the one that made room for it, if any.
    #[inline]
    pub(crate) fn push(
        &self,
        envelope: Envelope<M>,
    ) -> Result<Option<Envelope<M>>, (Refusal, Envelope<M>)> {
        let mut state = self.lock();
        let dropped = match state.admit(self.capacity, self.overflow) {
            Ok(dropped) => dropped,
            Err(refusal) => return Err((refusal, envelope)),
        };
        state.user.push_back(envelope);
        if state.user.len() == 1 {
            self.waiting.store(true, Ordering::Relaxed);
        }
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(dropped)
    }

    /// Puts a message in, or waits for room with the queue's policy to wait.
    pub(crate) fn poll_push(
        &self,
        context: &mut Context<'_>,
        envelope: &mut Option<Envelope<M>>,
    ) -> Poll<Result<Option<Envelope<M>>, Refusal>> {
        let mut state = self.lock();
        match state.admit(self.capacity, self.overflow) {
            Err(Refusal::Full) if self.overflow == Overflow::Block => {
                if !state.writers.iter().any(|waker| waker.will_wake(context.waker())) {
                    state.writers.push(context.waker().clone());
                }
                Poll::Pending
            }
            Err(refusal) => Poll::Ready(Err(refusal)),
            Ok(dropped) => {
                state.user.extend(envelope.take());
                self.waiting.store(true, Ordering::Relaxed);
                let reader = state.reader.take();
                drop(state);
                if let Some(reader) = reader {
                    reader.wake();
                }
                Poll::Ready(Ok(dropped))
            }
        }
    }

    /// Puts several messages in under one lock, while `next` yields any; how many were refused for
    /// want of room is for `next` to keep.
    pub(crate) fn push_all(
        &self,
        mut next: impl FnMut(Result<(), Refusal>) -> Option<Envelope<M>>,
        mut dropped: impl FnMut(Envelope<M>),
    ) {
        let mut state = self.lock();
        loop {
            let admitted = state.admit(self.capacity, self.overflow);
            let room = match admitted {
                Ok(oldest) => {
                    oldest.into_iter().for_each(&mut dropped);
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            };
            let Some(envelope) = next(room) else { break };
            state.user.push_back(envelope);
        }
        let any = !state.user.is_empty();
        self.waiting.store(any, Ordering::Relaxed);
        let reader = if any { state.reader.take() } else { None };
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Signals the actor; false if it has ended.
    pub(crate) fn signal(&self, system: System) -> bool {
        let mut state = self.lock();
        let takes_no_more = state.closed.is_some();
        if matches!(system, System::Signal(Signal::Kill)) {
            // Its last work may be ended as well.
            self.killed.store(true, Ordering::Release);
        } else if takes_no_more {
            return false;
        }
        state.system.push_back(system);
        self.urgent.store(true, Ordering::Release);
        let wakers = [state.reader.take(), state.busy_reader.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        !takes_no_more
    }

    /// Takes no more messages from now on.
    pub(crate) fn drain(&self) {
        let mut state = self.lock();
        state.draining = true;
        std::mem::take(&mut state.writers).into_iter().for_each(Waker::wake);
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire)
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    pub(crate) fn take_signals(&self) -> VecDeque<System> {
        let mut state = self.lock();
        self.urgent.store(false, Ordering::Release);
        std::mem::take(&mut state.system)
    }

    /// Takes out messages; all that were taken out before have been handled.
    pub(crate) fn poll_take(
        &self,
        context: &mut Context<'_>,
        batch: &mut VecDeque<Envelope<M>>,
    ) -> Poll<Found> {
        let mut state = self.lock();
        state.in_hand = 0;
        if !state.system.is_empty() {
            return Poll::Ready(Found::Signals);
        }
        if state.user.is_empty() {
            if state.draining {
                return Poll::Ready(Found::Drained);
            }
            std::mem::take(&mut state.writers).into_iter().for_each(Waker::wake);
            if !state.reader.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                state.reader = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        let most = MOST_AT_ONCE.min(self.capacity.div_ceil(4));
        if state.user.len() <= most && batch.is_empty() {
            std::mem::swap(&mut state.user, batch);
        } else {
            let count = most.min(state.user.len());
            batch.extend(state.user.drain(..count));
        }
        state.in_hand = batch.len();
        let left = !state.user.is_empty();
        self.waiting.store(left, Ordering::Relaxed);
        // Who waits for room is woken when half of it is free: for one place alone it would sleep
        // again at once.
        let half_free = state.user.len() + state.in_hand <= self.capacity / 2;
        let writers = if half_free { std::mem::take(&mut state.writers) } else { Vec::new() };
        drop(state);
        writers.into_iter().for_each(Waker::wake);
        Poll::Ready(Found::Messages)
    }

    /// Asks to be woken by a signal while the reader is in the middle of a message.
    pub(crate) fn wake_for_signals(&self, context: &Context<'_>) {
        let mut state = self.lock();
        if !state.busy_reader.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.busy_reader = Some(context.waker().clone());
        }
    }

    /// Ends the mailbox; what waits in it comes out.
    pub(crate) fn close(&self, cause: &Cause) -> VecDeque<Envelope<M>> {
        let mut state = self.lock();
        state.closed = Some(cause.clone());
        state.system.clear();
        let writers = std::mem::take(&mut state.writers);
        let left = std::mem::take(&mut state.user);
        drop(state);
        writers.into_iter().for_each(Waker::wake);
        left
    }
}

impl<M: Message> State<M> {
    /// Whether there is room for one more; the oldest message makes it if that is the policy.
    #[inline]
    fn admit(
        &mut self,
        capacity: usize,
        overflow: Overflow,
    ) -> Result<Option<Envelope<M>>, Refusal> {
        if let Some(cause) = &self.closed {
            return Err(Refusal::Gone(cause.clone()));
        }
        if self.draining {
            return Err(Refusal::Gone(Cause::Stopped));
        }
        if self.user.len() + self.in_hand < capacity {
            return Ok(None);
        }
        match overflow {
            Overflow::DropOldest if !self.user.is_empty() => Ok(self.user.pop_front()),
            // What is in hand cannot be dropped any more.
            Overflow::DropOldest => Ok(None),
            Overflow::Block | Overflow::Reject => Err(Refusal::Full),
        }
    }
}
