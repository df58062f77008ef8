//! What an actor can do while it handles a message.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use crate::actor::{Actor, Terminated};
use crate::address::ActorId;
use crate::cause::Cause;
use crate::cell::ActorCell;
use crate::core::packet::Signal;
use crate::mailbox::Envelope;
use crate::message::Message;
use crate::reference::ActorRef;
use crate::reply::ReplyTo;
use crate::system::ActorSystem;

/// Names a timer of one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

pub(crate) type Remake<M> = Box<dyn FnMut() -> M + Send>;

pub(crate) enum Due<M> {
    Once(M),
    Every(Duration, Remake<M>),
}

/// What an actor can do while it handles a message.
pub struct Context<A: Actor> {
    pub(crate) cell: Arc<ActorCell<A::Message>>,
    pub(crate) batch: VecDeque<Envelope<A::Message>>,
    stash: VecDeque<Envelope<A::Message>>,
    pub(crate) reply: Option<ReplyTo<<A::Message as Message>::Reply>>,
    pub(crate) sender: Option<ActorId>,
    pub(crate) trace: u64,
    /// Whether several messages were found at once the last time.
    pub(crate) streams: bool,
    pub(crate) end: Option<Cause>,
    pub(crate) links: BTreeSet<ActorId>,
    /// Open watches, and whether each belongs to a link.
    pub(crate) watches: BTreeMap<u64, (ActorId, bool)>,
    order: BinaryHeap<std::cmp::Reverse<(Instant, u64)>>,
    pub(crate) timers: BTreeMap<u64, Due<A::Message>>,
    next_timer: u64,
    pub(crate) sleep: Option<Pin<Box<Sleep>>>,
}

impl<A: Actor> Context<A> {
    pub(crate) fn new(cell: Arc<ActorCell<A::Message>>) -> Self {
        Self {
            cell,
            batch: VecDeque::new(),
            stash: VecDeque::new(),
            reply: None,
            sender: None,
            trace: 0,
            streams: false,
            end: None,
            links: BTreeSet::new(),
            watches: BTreeMap::new(),
            order: BinaryHeap::new(),
            timers: BTreeMap::new(),
            next_timer: 1,
            sleep: None,
        }
    }

    /// This actor.
    #[must_use]
    pub fn me(&self) -> ActorRef<A::Message> {
        ActorRef::local(Arc::clone(&self.cell))
    }

    /// This actor's id.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.cell.id
    }

    /// The system that the actor lives in.
    #[must_use]
    pub fn system(&self) -> ActorSystem {
        ActorSystem::of(Arc::clone(&self.cell.node))
    }

    /// The actor that has sent the message in hand, if it was an actor.
    #[must_use]
    pub fn sender(&self) -> Option<ActorId> {
        self.sender
    }

    /// The number that the question in hand and its answer have in common.
    #[must_use]
    pub fn correlation(&self) -> Option<u64> {
        self.reply.as_ref().map(ReplyTo::correlation)
    }

    /// Answers the question in hand; nothing happens if the message is none.
    pub fn reply(&mut self, reply: <A::Message as Message>::Reply) {
        if let Some(to) = self.reply.take() {
            to.send(reply);
        }
    }

    /// Takes the right to answer the question in hand, to answer later or from elsewhere.
    pub fn take_reply(&mut self) -> Option<ReplyTo<<A::Message as Message>::Reply>> {
        self.reply.take()
    }

    /// Stops this actor when the message in hand is handled.
    pub fn stop(&mut self) {
        self.end.get_or_insert(Cause::Stopped);
    }

    /// Watches an actor: [`Actor::terminated`] is called once when it has ended, or at once if it
    /// has ended before.
    pub fn watch(&mut self, actor: ActorId) {
        self.watch_as(actor, false);
    }

    fn watch_as(&mut self, actor: ActorId, link: bool) {
        if self.watches.values().any(|known| *known == (actor, link)) {
            return;
        }
        let watch = self.cell.node.watch(self.cell.id.number(), actor);
        self.watches.insert(watch, (actor, link));
    }

    /// Watches an actor no longer.
    pub fn unwatch(&mut self, actor: ActorId) {
        self.unwatch_as(actor, false);
    }

    fn unwatch_as(&mut self, actor: ActorId, link: bool) {
        let found = self.watches.iter().find(|(_, known)| **known == (actor, link));
        if let Some(watch) = found.map(|(watch, _)| *watch) {
            self.watches.remove(&watch);
            self.cell.node.unwatch(watch);
        }
    }

    /// Links this actor with another: when one of them fails, so does the other.
    pub fn link(&mut self, actor: ActorId) {
        if self.links.insert(actor) {
            self.cell.node.signal(actor, Signal::Link(self.cell.id));
            self.watch_as(actor, true);
        }
    }

    /// Undoes a link.
    pub fn unlink(&mut self, actor: ActorId) {
        if self.links.remove(&actor) {
            self.cell.node.signal(actor, Signal::Unlink(self.cell.id));
            self.unwatch_as(actor, true);
        }
    }

    /// The other side of `link` and `unlink`.
    pub(crate) fn linked_by(&mut self, actor: ActorId, linked: bool) {
        if linked && self.links.insert(actor) {
            self.watch_as(actor, true);
        } else if !linked && self.links.remove(&actor) {
            self.unwatch_as(actor, true);
        }
    }

    /// What the end of a watched or linked actor means: news for the actor, or its own end.
    pub(crate) fn ended(
        &mut self,
        watch: u64,
        target: ActorId,
        cause: Cause,
    ) -> Option<Terminated> {
        let (_, link) = self.watches.remove(&watch)?;
        if !link {
            return Some(Terminated { actor: target, cause });
        }
        self.links.remove(&target);
        if !cause.is_normal() {
            self.end.get_or_insert(Cause::Linked { to: target });
        }
        None
    }

    /// Sets the message in hand aside, with its question; [`unstash_all`](Self::unstash_all) brings
    /// it back. As many can be set aside as the mailbox holds.
    ///
    /// # Errors
    ///
    /// The message, if there is no room.
    pub fn stash(&mut self, message: A::Message) -> Result<(), A::Message> {
        if self.stash.len() >= self.cell.mailbox.capacity() {
            return Err(message);
        }
        let (reply, sender, trace) = (self.reply.take(), self.sender, self.trace);
        self.stash.push_back(Envelope { message, reply, sender, trace });
        Ok(())
    }

    /// Brings back what was set aside, before everything that waits, in its order.
    pub fn unstash_all(&mut self) {
        while let Some(envelope) = self.stash.pop_back() {
            self.batch.push_front(envelope);
        }
    }

    /// Sends this actor a message after a while, unless it is cancelled or the actor ends.
    pub fn send_after(&mut self, delay: Duration, message: A::Message) -> TimerId {
        self.set(Instant::now() + delay, Due::Once(message))
    }

    /// Sends this actor a message again and again; the first after one period.
    pub fn send_every(
        &mut self,
        period: Duration,
        message: impl FnMut() -> A::Message + Send + 'static,
    ) -> TimerId {
        let period = period.max(Duration::from_micros(1));
        self.set(Instant::now() + period, Due::Every(period, Box::new(message)))
    }

    /// Cancels a timer; false if it has done its work, or was cancelled before.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.timers.remove(&timer.0).is_some()
    }

    fn set(&mut self, at: Instant, due: Due<A::Message>) -> TimerId {
        let id = self.next_timer;
        self.next_timer += 1;
        self.timers.insert(id, due);
        self.order.push(std::cmp::Reverse((at, id)));
        self.sleep = None;
        TimerId(id)
    }

    pub(crate) fn has_timers(&self) -> bool {
        !self.order.is_empty()
    }

    /// The message of a timer whose time has come.
    pub(crate) fn due(&mut self) -> Option<A::Message> {
        let now = Instant::now();
        while let Some(std::cmp::Reverse((at, id))) = self.order.peek().copied() {
            if at > now && self.timers.contains_key(&id) {
                return None;
            }
            self.order.pop();
            self.sleep = None;
            match self.timers.remove(&id) {
                None => {}
                Some(Due::Once(message)) => return Some(message),
                Some(Due::Every(period, mut make)) => {
                    let message = make();
                    self.timers.insert(id, Due::Every(period, make));
                    // What was missed while the actor was busy is not made up for.
                    self.order.push(std::cmp::Reverse(((at + period).max(now), id)));
                    return Some(message);
                }
            }
        }
        None
    }

    /// A sleep until the next timer.
    pub(crate) fn next_sleep(&mut self) -> Option<Pin<&mut Sleep>> {
        let std::cmp::Reverse((at, _)) = self.order.peek().copied()?;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        Some(sleep.as_mut())
    }

    /// What waits in the actor's own hands when it ends.
    pub(crate) fn leftovers(&mut self) -> impl Iterator<Item = Envelope<A::Message>> {
        let batch = std::mem::take(&mut self.batch);
        std::mem::take(&mut self.stash).into_iter().chain(batch)
    }
}

impl<A: Actor> std::fmt::Debug for Context<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("id", &self.cell.id).finish_non_exhaustive()
    }
}
