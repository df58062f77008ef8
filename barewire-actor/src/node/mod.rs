//! One actor system in one process: its actors, what it knows of others, and what it counts.

mod questions;
mod ways;

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
use crate::core::packet::{Body, Packet, Signal};
use crate::core::protocol::{Action, Protocol, Settings};
use crate::dead_letters::DeadLetter;
use crate::hash::NumberMap;
use crate::mailbox::System;
use crate::process::executor::Executor;
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
    actors: RwLock<NumberMap<u64, Arc<dyn Cell>>>,
    remembered: Mutex<Remembered>,
    next_actor: AtomicU64,
    next_trace: AtomicU64,
    protocol: Mutex<Protocol>,
    monitors: Mutex<HashMap<u64, oneshot::Sender<Terminated>>>,
    asks: Mutex<Asks<Arc<dyn Waiter>>>,
    asks_wake_at: AtomicU64,
    asks_changed: Notify,
    peers: RwLock<NumberMap<NodeId, Arc<Peer>>>,
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
}
