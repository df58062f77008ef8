//! Questions that wait for an answer, and messages that nobody takes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Node, locked};
use crate::address::{ActorId, NodeId};
use crate::core::Time;
use crate::core::packet::{Body, Refused};
use crate::dead_letters::{DeadLetter, Undelivered};
use crate::error::{AskError, TellError};
use crate::message::{Message, Value};
use crate::process::frames::Arrival;
use crate::reply::Waiter;

impl Node {
    pub(crate) fn begin_ask(
        &self,
        target: NodeId,
        patience: Duration,
        waiter: Arc<dyn Waiter>,
    ) -> u64 {
        let deadline = self.now().saturating_add(patience.as_micros() as Time);
        let ask = locked(&self.asks).begin(target, deadline, waiter);
        if deadline < self.asks_wake_at.load(Ordering::Acquire) {
            self.asks_changed.notify_one();
        }
        ask
    }

    pub(crate) fn end_ask(&self, ask: u64) -> Option<Arc<dyn Waiter>> {
        locked(&self.asks).end(ask)
    }

    /// Answers a question of another process.
    pub(crate) fn answer<R: Value>(&self, asker: NodeId, ask: u64, reply: &R) {
        match self.peer(asker) {
            Ok(peer) => {
                if let Err(error) = peer.answer(ask, reply) {
                    self.refuse(asker, ask, &error);
                }
            }
            // Who has ended does not wait any more.
            Err(TellError::Gone(_)) => {}
            Err(error) => tracing::warn!(%asker, %error, "no way back to who asks"),
        }
    }

    /// Lets another process know that a question of it has no answer.
    pub(crate) fn refuse(&self, asker: NodeId, ask: u64, error: &AskError) {
        self.say(asker, Body::Refused { ask, why: Refused::of(error) });
    }

    /// Ends questions whose deadline has passed; runs as long as the node does.
    pub(crate) async fn expire_asks(self: Arc<Self>) {
        while !self.is_stopped() {
            let soonest = locked(&self.asks).soonest();
            self.asks_wake_at.store(soonest, Ordering::Release);
            // What began before the store has told nobody: look again.
            let soonest = soonest.min(locked(&self.asks).soonest());
            let changed = self.asks_changed.notified();
            if soonest == Time::MAX {
                changed.await;
            } else {
                let at = self.start + Duration::from_micros(soonest);
                let _ = tokio::time::timeout_at(at, changed).await;
            }
            let late = locked(&self.asks).expire(self.now());
            late.into_iter().for_each(|waiter| waiter.fail(AskError::TimedOut));
        }
    }

    pub(crate) fn dead_letter<M: Message>(
        &self,
        to: ActorId,
        from: Option<ActorId>,
        why: Undelivered,
        message: &M,
    ) {
        let wanted = self.dead_letters.receiver_count() > 0;
        let octets = wanted.then(|| barewire_runtime::codec::encode(message));
        let message_type = Some(std::any::type_name::<M>());
        self.publish(DeadLetter { to, from, why, message_type, octets });
    }

    /// A message from another process that nobody takes.
    pub(crate) fn undelivered(&self, to: ActorId, arrival: &Arrival<'_>, why: Undelivered) {
        if arrival.ask != 0 {
            self.refuse(arrival.from.node(), arrival.ask, &why.as_ask_error());
        }
        let from = (arrival.from.number() != 0).then_some(arrival.from);
        self.publish(DeadLetter { to, from, why, message_type: None, octets: None });
    }

    fn publish(&self, letter: DeadLetter) {
        self.counts.dead_letters.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(to = %letter.to, why = ?letter.why, "a dead letter");
        let _ = self.dead_letters.send(letter);
    }
}
