//! One actor system in one process: its actors, what it knows of others, and what it counts.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::Instant;

use crate::actor::Terminated;
use crate::address::{ActorId, NodeId};
use crate::builder::Config;
use crate::cause::Cause;
use crate::cell::Cell;
use crate::core::Time;
use crate::core::asks::Asks;
use crate::core::order::{Incoming, Outgoing};
use crate::core::packet::{Body, Packet, Refused, Signal};
use crate::core::protocol::{Action, Protocol, Settings};
use crate::dead_letters::DeadLetter;
use crate::error::{AskError, TellError};
use crate::gateway::Line;
use crate::mailbox::System;
use crate::message::{Message, Value};
use crate::process::executor::Executor;
use crate::process::frames::Arrival;
use crate::process::inbox::{Lanes, Place};
use crate::process::peer::{Peer, Way};
use crate::registry::Registry;
use crate::reply::Waiter;
use crate::system::Event;

pub(crate) use crate::dead_letters::Undelivered;

/// How many ended actors are remembered with their cause.
const MOST_REMEMBERED: usize = 65_536;

/// What a node has only if it is in shared memory.
pub(crate) struct Shared {
    pub(crate) place: Place,
    pub(crate) executor: Arc<Executor>,
    /// Given back when the system is shut down, whoever still holds a reference to an actor.
    open: RwLock<Option<Arc<Open>>>,
}

/// The shared memory of a node.
pub(crate) struct Open {
    pub(crate) inbox: Lanes,
    /// Held for as long as the node lives; nobody else is attached to it.
    _lifeline: barewire_runtime::ipc::SharedRegion<u64>,
}

impl Shared {
    pub(crate) fn new(
        place: Place,
        inbox: Lanes,
        lifeline: barewire_runtime::ipc::SharedRegion<u64>,
    ) -> Self {
        let open = Arc::new(Open { inbox, _lifeline: lifeline });
        Self { place, executor: Arc::new(Executor::new()), open: RwLock::new(Some(open)) }
    }

    pub(crate) fn open(&self) -> Option<Arc<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn close(&self) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The memory of another process that has ended; dropping it gives it back.
pub(crate) struct Remains(#[expect(dead_code, reason = "held")] Option<Way>);

#[derive(Default)]
struct Remembered {
    causes: HashMap<u64, Cause>,
    order: VecDeque<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) handled: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) ended: AtomicU64,
}

pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) registry: Registry,
    pub(crate) shared: Option<Shared>,
    pub(crate) counts: Counts,
    /// Moves while tasks of the runtime get their turn.
    pub(crate) pulse: AtomicU64,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) dead_letters: broadcast::Sender<DeadLetter>,
    pub(crate) stop_requested: Notify,
    pub(crate) all_ended: Notify,
    start: Instant,
    actors: RwLock<HashMap<u64, Arc<dyn Cell>>>,
    remembered: Mutex<Remembered>,
    next_actor: AtomicU64,
    next_trace: AtomicU64,
    protocol: Mutex<Protocol>,
    monitors: Mutex<HashMap<u64, oneshot::Sender<Terminated>>>,
    asks: Mutex<Asks<Arc<dyn Waiter>>>,
    asks_wake_at: AtomicU64,
    asks_changed: Notify,
    peers: RwLock<HashMap<NodeId, Arc<Peer>>>,
    outgoing: Mutex<Outgoing>,
    incoming: Mutex<Incoming>,
    stopped: AtomicBool,
    pub(crate) parent: OnceLock<NodeId>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is done under these locks does not panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    pub(crate) fn new(
        id: NodeId,
        config: Config,
        runtime: tokio::runtime::Handle,
        registry: Registry,
        shared: Option<Shared>,
    ) -> Self {
        let micros = |time: Duration| time.as_micros() as Time;
        let rules = Settings {
            heartbeat: micros(config.heartbeat),
            liveness: micros(config.liveness),
            resend_first: micros(config.heartbeat) * 2,
            resend_longest: 1_000_000,
            most_unacknowledged: config.most_unacknowledged,
            give_up_after: None,
        };
        Self {
            id,
            runtime,
            registry,
            shared,
            counts: Counts::default(),
            pulse: AtomicU64::new(0),
            events: broadcast::channel(256).0,
            dead_letters: broadcast::channel(1024).0,
            stop_requested: Notify::new(),
            all_ended: Notify::new(),
            start: Instant::now(),
            actors: RwLock::default(),
            remembered: Mutex::default(),
            next_actor: AtomicU64::new(1),
            next_trace: AtomicU64::new(id.as_u128() as u64),
            protocol: Mutex::new(Protocol::new(id, rules)),
            monitors: Mutex::default(),
            asks: Mutex::new(Asks::new()),
            asks_wake_at: AtomicU64::new(Time::MAX),
            asks_changed: Notify::new(),
            peers: RwLock::default(),
            outgoing: Mutex::default(),
            incoming: Mutex::default(),
            stopped: AtomicBool::new(false),
            parent: OnceLock::new(),
            config,
        }
    }

    pub(crate) fn now(&self) -> Time {
        self.start.elapsed().as_micros() as Time
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// From now on nothing new begins; true for the first who says so.
    pub(crate) fn stop_now(&self) -> bool {
        !self.stopped.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn new_trace(&self) -> u64 {
        self.next_trace.fetch_add(1, Ordering::Relaxed).max(1)
    }

    // ---- actors ----

    pub(crate) fn new_actor(&self) -> ActorId {
        ActorId::new(self.id, self.next_actor.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn add(&self, number: u64, cell: Arc<dyn Cell>) {
        self.actors.write().unwrap_or_else(PoisonError::into_inner).insert(number, cell);
    }

    /// Takes an actor out: one that ends, or that nobody knows of yet.
    pub(crate) fn remove(&self, number: u64) -> Option<Arc<dyn Cell>> {
        self.actors.write().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    pub(crate) fn cells(&self) -> Vec<(u64, Arc<dyn Cell>)> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        actors.iter().map(|(number, cell)| (*number, Arc::clone(cell))).collect()
    }

    /// The actor of that number, or why there is none.
    pub(crate) fn cell(&self, number: u64) -> Result<Arc<dyn Cell>, Cause> {
        let actors = self.actors.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = actors.get(&number) {
            return Ok(Arc::clone(cell));
        }
        drop(actors);
        let remembered = locked(&self.remembered);
        Err(remembered.causes.get(&number).cloned().unwrap_or(Cause::Unknown))
    }

    /// An actor has ended, with its last work; who watches it is told.
    pub(crate) fn actor_ended(&self, id: ActorId, name: Option<&str>, cause: &Cause) {
        if let Err(error) = self.registry.remove_actor(id) {
            tracing::warn!(actor = %id, %error, "the names of an actor that ended are left");
        }
        if !cause.is_normal() {
            tracing::info!(actor = %id, name, %cause, "an actor has ended");
        }
        self.counts.ended.fetch_add(1, Ordering::Relaxed);
        self.protocol(|protocol, now| {
            // Who watches it from here on is told at once, and all others by the last line.
            self.remember(id.number(), cause);
            protocol.actor_ended(now, id.number(), cause);
        });
        if !self.has_actors() {
            self.all_ended.notify_waiters();
        }
    }

    fn remember(&self, number: u64, cause: &Cause) {
        let mut remembered = locked(&self.remembered);
        remembered.causes.insert(number, cause.clone());
        remembered.order.push_back(number);
        if remembered.order.len() > MOST_REMEMBERED
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.causes.remove(&oldest);
        }
        drop(remembered);
        if let Some(cell) = self.remove(number) {
            self.counts.handled.fetch_add(cell.handled(), Ordering::Relaxed);
        }
    }

    pub(crate) fn has_actors(&self) -> bool {
        !self.actors.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Runs a task where it belongs.
    pub(crate) fn run(&self, on_dispatcher: bool, task: impl Future<Output = ()> + Send + 'static) {
        match &self.shared {
            Some(shared) if on_dispatcher => shared.executor.spawn(task),
            _ => drop(self.runtime.spawn(task)),
        }
    }

    // ---- the protocol ----

    /// Lets the protocol do something, and does what it wants done.
    pub(crate) fn protocol<R>(&self, work: impl FnOnce(&mut Protocol, Time) -> R) -> R {
        let mut protocol = locked(&self.protocol);
        let result = work(&mut protocol, self.now());
        let mut left = Vec::new();
        while let Some(action) = protocol.next_action() {
            self.perform(action, &mut left);
        }
        drop(protocol);
        for (node, remains) in left {
            self.forget(node, &Cause::SystemStopped);
            drop(remains);
        }
        result
    }

    fn perform(&self, action: Action, left: &mut Vec<(NodeId, Remains)>) {
        match action {
            Action::Send { to, packet } => {
                let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
                if let Some(peer) = peers.get(&to) {
                    peer.say(&packet);
                }
            }
            Action::Signal { target, signal } => {
                if let Ok(cell) = self.cell(target) {
                    cell.signal(System::Signal(signal));
                }
            }
            Action::Ended { watch, watcher: 0, target, cause } => {
                if let Some(monitor) = locked(&self.monitors).remove(&watch) {
                    let _ = monitor.send(Terminated { actor: target, cause });
                }
            }
            Action::Ended { watch, watcher, target, cause } => {
                if let Ok(cell) = self.cell(watcher) {
                    cell.signal(System::Ended { watch, target, cause });
                }
            }
            Action::Unresponsive(node) => self.tell(Event::Unresponsive(node)),
            Action::Responsive(node) => self.tell(Event::Responsive(node)),
            Action::Quarantined(node) => {
                self.tell(Event::Quarantined(node));
                drop(self.end_peer(node, &Cause::Unreachable));
            }
            Action::Left(node) => {
                left.push((node, self.end_peer(node, &Cause::SystemStopped)));
            }
            Action::Ready(node) => self.tell(Event::Ready(node)),
            Action::Shutdown(node) => {
                if self.parent.get() == Some(&node) {
                    self.stop_requested.notify_one();
                }
            }
            Action::Refused { node: _, ask, why } => {
                if let Some(waiter) = locked(&self.asks).end(ask) {
                    waiter.fail(why.into_error());
                }
            }
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        tracing::debug!(?event, "node");
        let _ = self.events.send(event);
    }

    fn ended(&self) -> impl Fn(u64) -> Option<Cause> + '_ {
        |number| self.cell(number).err()
    }

    pub(crate) fn receive(&self, packet: Packet) {
        // Answers to it need a way.
        if packet.from != self.id {
            let _ = self.peer(packet.from);
        }
        self.protocol(|protocol, now| protocol.receive(now, packet, &self.ended()));
    }

    pub(crate) fn say(&self, to: NodeId, body: Body) {
        let _ = self.peer(to);
        self.protocol(|protocol, now| protocol.say(now, to, body));
    }

    pub(crate) fn watch(&self, watcher: u64, target: ActorId) -> u64 {
        self.reach(target.node());
        self.protocol(|protocol, now| protocol.watch(now, watcher, target, &self.ended()))
    }

    pub(crate) fn monitor(&self, target: ActorId) -> (u64, oneshot::Receiver<Terminated>) {
        self.reach(target.node());
        let (sender, receiver) = oneshot::channel();
        let watch = self.protocol(|protocol, now| {
            let watch = protocol.watch(now, 0, target, &self.ended());
            locked(&self.monitors).insert(watch, sender);
            watch
        });
        (watch, receiver)
    }

    pub(crate) fn unwatch(&self, watch: u64) {
        self.protocol(|protocol, now| protocol.unwatch(now, watch));
        locked(&self.monitors).remove(&watch);
    }

    pub(crate) fn signal(&self, target: ActorId, signal: Signal) {
        self.reach(target.node());
        self.protocol(|protocol, now| protocol.signal(now, target, signal));
    }

    /// Makes sure that there is a way to a node, or that its end is known.
    fn reach(&self, node: NodeId) {
        if node != self.id {
            let _ = self.peer(node);
        }
    }

    // ---- other processes ----

    /// The way to a node.
    pub(crate) fn peer(&self, id: NodeId) -> Result<Arc<Peer>, TellError> {
        if let Some(peer) = self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(peer));
        }
        let Some(me) = crate::current::node(self.id) else {
            return Err(TellError::Gone(Cause::SystemStopped));
        };
        let Some(shared) = self.shared.as_ref().filter(|_| !self.is_stopped()) else {
            return Err(TellError::Gone(Cause::Unknown));
        };
        let way = match Lanes::open(&shared.place, id) {
            Ok(lanes) => Way::Memory(Arc::new(lanes)),
            Err(error) if error.is_not_found() => match self.line(id) {
                Some(line) => Way::Line(line),
                None => {
                    let cause = Cause::ProcessEnded;
                    if self.node_ended(id, &cause).is_some() {
                        self.forget(id, &cause);
                    }
                    return Err(TellError::Gone(cause));
                }
            },
            Err(error) => return Err(TellError::Transport(error.to_string())),
        };
        let in_memory = matches!(way, Way::Memory(_));
        let peer = Arc::new(Peer::new(&me, way));
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let peer = Arc::clone(peers.entry(id).or_insert(peer));
        drop(peers);
        if in_memory {
            crate::process::deaths::observe(&me, id);
        }
        if peer.gone().is_none() {
            self.protocol(|protocol, now| protocol.meet(now, id));
        }
        Ok(peer)
    }

    /// The line to a node that shares no memory with this one, unless that has ended.
    fn line(&self, node: NodeId) -> Option<Line> {
        let gateway = self.config.gateway.as_ref()?;
        let gone = self.protocol(|protocol, _| protocol.is_gone(node));
        let leads = !gone && gateway.0.leads_to(node);
        leads.then(|| Line { gateway: Arc::clone(&gateway.0), node })
    }

    /// Sends something with the next stamp for a node; if it is sent, the stamp is used.
    pub(crate) fn stamped<E>(
        &self,
        to: NodeId,
        send: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut outgoing = locked(&self.outgoing);
        send(outgoing.next(to))?;
        outgoing.stamp(to);
        Ok(())
    }

    /// Whether a message from behind a gateway may be delivered.
    pub(crate) fn accepts(&self, from: NodeId, stamp: u64) -> bool {
        let gone = self.protocol(|protocol, _| protocol.is_gone(from));
        !gone && locked(&self.incoming).accepts(from, stamp)
    }

    /// The way to a node, which may be known to have ended.
    pub(crate) fn peer_or_ended(self: &Arc<Self>, id: NodeId) -> Arc<Peer> {
        self.peer(id).unwrap_or_else(|error| {
            let cause = match error {
                TellError::Gone(cause) => cause,
                _ => Cause::Unreachable,
            };
            Arc::new(Peer::ended(self, cause))
        })
    }

    /// The process of a node has ended: everybody who waits for anything of it is told.
    ///
    /// What is left of it is for [`forget`](Self::forget), and takes longer. `None` if its end is
    /// known already.
    pub(crate) fn node_ended(&self, id: NodeId, cause: &Cause) -> Option<Remains> {
        let remains = self.end_peer(id, cause);
        self.protocol(|protocol, _| protocol.node_ended(id, cause)).then_some(remains)
    }

    /// Removes the names of a node that has ended.
    pub(crate) fn forget(&self, id: NodeId, cause: &Cause) {
        if let Err(error) = self.registry.remove_node(id) {
            tracing::warn!(node = %id, %error, "the names of a node that ended are left");
        }
        self.tell(Event::NodeEnded { node: id, cause: cause.clone() });
    }

    /// Lets the task that ends questions see that the node has stopped.
    pub(crate) fn wake_askers(&self) {
        self.asks_changed.notify_one();
    }

    fn end_peer(&self, id: NodeId, cause: &Cause) -> Remains {
        let peer = self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let remains = Remains(peer.and_then(|peer| peer.end(cause)));
        locked(&self.outgoing).forget(id);
        locked(&self.incoming).forget(id);
        let waiting = locked(&self.asks).node_ended(id);
        for waiter in waiting {
            waiter.fail(AskError::Gone(cause.clone()));
        }
        remains
    }

    pub(crate) fn end_peers(&self) {
        let peers =
            std::mem::take(&mut *self.peers.write().unwrap_or_else(PoisonError::into_inner));
        peers.values().for_each(|peer| drop(peer.end(&Cause::SystemStopped)));
    }

    // ---- questions ----

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

    // ---- what cannot be delivered ----

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
