//! `ActorSystem`: where actors live.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use barewire_runtime::ipc::{Overflow, Wait};
use barewire_runtime::layout::Uuid;
use tokio::sync::{broadcast, oneshot};

use crate::actor::{Actor, Terminated};
use crate::address::{ActorId, NodeId};
use crate::cause::Cause;
use crate::cell::ActorCell;
use crate::core::packet::Signal;
use crate::counters::Counters;
use crate::current;
use crate::dead_letters::DeadLetters;
use crate::error::{LookupError, SystemError};
use crate::mailbox::Mailbox;
use crate::message::{Contract, Message};
use crate::node::{Node, Shared};
use crate::process::dispatcher;
use crate::process::inbox::{Lanes, Place};
use crate::reference::ActorRef;
use crate::registry::{Changes, Entry, NodeEntry, Registry};
use crate::run;

/// How many messages each queue of a process's inbox holds.
///
/// The memory is reserved when the system starts; with these figures it is about 7 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Messages of up to 64 bytes; 8192 if not given, 1 MiB.
    pub small_messages: usize,
    /// Messages of up to 1 KiB; 512, 0.6 MiB.
    pub medium_messages: usize,
    /// Messages of up to 64 KiB, and all of types without a largest size; 16, 2 MiB.
    pub large_messages: usize,
    /// Answers of up to 64 bytes; 4096, 0.5 MiB.
    pub small_replies: usize,
    /// Larger answers, up to 64 KiB; 16, 2 MiB.
    pub large_replies: usize,
    /// System messages; 2048, 0.5 MiB.
    pub system_messages: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            small_messages: 8192,
            medium_messages: 512,
            large_messages: 16,
            small_replies: 4096,
            large_replies: 16,
            system_messages: 2048,
        }
    }
}

/// What a system was made with.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) local: bool,
    pub(crate) memory: Memory,
    pub(crate) mailbox: usize,
    pub(crate) overflow: Overflow,
    pub(crate) wait: Wait,
    pub(crate) heartbeat: Duration,
    pub(crate) liveness: Duration,
    pub(crate) most_unacknowledged: usize,
    pub(crate) node: Option<NodeId>,
    pub(crate) parent: Option<NodeId>,
}

/// What an actor system is made with; see [`ActorSystem::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start`"]
pub struct SystemBuilder(pub(crate) Config);

impl SystemBuilder {
    /// How many messages each queue of this process's inbox holds.
    pub fn memory(mut self, memory: Memory) -> Self {
        self.0.memory = memory;
        self
    }

    /// How many messages a mailbox holds, unless its actor is made with another number; 1024.
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.0.mailbox = messages;
        self
    }

    /// What happens when a mailbox is full, unless its actor is made with another policy;
    /// [`Overflow::Block`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.0.overflow = overflow;
        self
    }

    /// How the thread waits that takes messages of other processes; [`Wait::SpinThenPark`].
    /// [`Wait::Spin`] gives the shortest way, for the price of a core.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.0.wait = wait;
        self
    }

    /// How often a process says that it lives, at least; 100 ms.
    pub fn heartbeat(mut self, period: Duration) -> Self {
        self.0.heartbeat = period.max(Duration::from_millis(2));
        self
    }

    /// After how long a silence a process is reported as unresponsive; 1 s. It is not taken to be
    /// dead: that, only the kernel says.
    pub fn liveness(mut self, silence: Duration) -> Self {
        self.0.liveness = silence;
        self
    }

    /// A process that leaves so many system messages unacknowledged is given up; 100,000.
    pub fn most_unacknowledged(mut self, messages: usize) -> Self {
        self.0.most_unacknowledged = messages;
        self
    }

    /// Another directory for the shared memory than the standard one; workers are told.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.directory = Some(path.into());
        self
    }

    /// A system of this process alone: no shared memory, no threads of its own.
    pub fn local(mut self) -> Self {
        self.0.local = true;
        self
    }

    /// Starts the system in the tokio runtime that runs here.
    ///
    /// # Errors
    ///
    /// `NoRuntime`; `Memory` and `Registry` if the shared memory cannot be made; `Start` if a
    /// thread cannot.
    pub fn start(self) -> Result<ActorSystem, SystemError> {
        let config = self.0;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|_| SystemError::NoRuntime)?;
        let id = config.node.map_or_else(random_node, Ok)?;
        let (registry, shared) = if config.local {
            (Registry::here(), None)
        } else {
            let place =
                Place { system: config.name.clone(), directory: config.directory.clone() };
            let registry = Registry::shared(&place)?;
            let shared = share(id, place, &registry, &config.memory)?;
            (registry, Some(shared))
        };
        let parent = config.parent;
        let node = Arc::new(Node::new(id, config, runtime, registry, shared));
        if let Some(parent) = parent {
            let _ = node.parent.set(parent);
        }
        current::register(&node);
        let life = Life::begin(&node)?;
        Ok(ActorSystem { node, life: Some(Arc::new(life)) })
    }
}

fn random_node() -> Result<NodeId, SystemError> {
    let mut octets = [0; 16];
    let filled = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty());
    match filled {
        Ok(16) => Ok(NodeId::from_u128(u128::from_ne_bytes(octets))),
        Ok(_) => Err(SystemError::Start("too few random bits".to_owned())),
        Err(error) => Err(SystemError::Start(error.to_string())),
    }
}

/// Another incarnation.
pub(crate) fn new_node() -> Result<NodeId, SystemError> {
    random_node()
}

fn share(
    id: NodeId,
    place: Place,
    registry: &Registry,
    memory: &Memory,
) -> Result<Shared, SystemError> {
    let fault = |error: barewire_runtime::Error| SystemError::Memory(error.to_string());
    // Others ask for it as soon as the node is in the table.
    let lifeline = place.live(id).map_err(fault)?;
    let inbox = Lanes::create(&place, id, memory).map_err(fault)?;
    for other in registry.read()?.nodes {
        if !place.is_alive(other.id) {
            registry.remove_node(other.id)?;
        }
    }
    let pid = std::process::id().cast_signed();
    registry.add_node(NodeEntry { id, pid })?;
    Ok(Shared::new(place, inbox, lifeline))
}

/// What happens to the processes of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A process has said nothing for longer than the liveness deadline. It may be stopped, or too
    /// busy; it is not known to be dead.
    Unresponsive(NodeId),
    /// It is heard again.
    Responsive(NodeId),
    /// A worker has set itself up.
    Ready(NodeId),
    /// A process has ended, or has left the system.
    NodeEnded {
        /// Which.
        node: NodeId,
        /// How.
        cause: Cause,
    },
    /// A process does not take its system messages, and was given up.
    Quarantined(NodeId),
}

/// The events of one system, from the moment of the call that made it.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    /// The next event; `None` when the system has ended. Who listens too slowly misses some.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Where actors live: one in this process, together with all of the same name on this machine.
///
/// ```
/// # use barewire_actor::{Actor, ActorSystem, Context, Message, Nothing, Outcome};
/// # use barewire_derive::BareSchema;
/// # use std::time::Duration;
/// #[derive(BareSchema)]
/// # #[bare(crate = "::barewire_runtime")]
/// struct Hello { from: u32 }
/// impl Message for Hello { type Reply = u32; }
///
/// struct Porter;
/// impl Actor for Porter {
///     type Message = Hello;
///     async fn handle(&mut self, hello: Hello, context: &mut Context<Self>) -> Outcome {
///         context.reply(hello.from + 1);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let system = ActorSystem::builder("docs").local().start()?;
/// let porter = system.spawn(Porter);
/// assert_eq!(porter.ask(Hello { from: 7 }, Duration::from_secs(1)).await?, 8);
/// system.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ActorSystem {
    pub(crate) node: Arc<Node>,
    life: Option<Arc<Life>>,
}

impl ActorSystem {
    /// Begins to describe a system. All systems of one name on this machine are one: their actors
    /// find each other by name and send each other messages.
    pub fn builder(name: impl Into<String>) -> SystemBuilder {
        SystemBuilder(Config {
            name: name.into(),
            directory: None,
            local: false,
            memory: Memory::default(),
            mailbox: 1024,
            overflow: Overflow::Block,
            wait: Wait::SpinThenPark,
            heartbeat: Duration::from_millis(100),
            liveness: Duration::from_secs(1),
            most_unacknowledged: 100_000,
            node: None,
            parent: None,
        })
    }

    pub(crate) fn of(node: Arc<Node>) -> Self {
        Self { node, life: None }
    }

    /// This life of the system in this process.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.node.id
    }

    /// The system's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.node.config.name
    }

    /// Starts an actor, with the system's mailbox and without a name.
    pub fn spawn<A: Actor>(&self, actor: A) -> ActorRef<A::Message> {
        self.actor(actor).begin()
    }

    /// Begins to describe an actor.
    pub fn actor<A: Actor>(&self, actor: A) -> ActorBuilder<'_, A> {
        ActorBuilder {
            system: self,
            actor,
            name: None,
            mailbox: self.node.config.mailbox,
            overflow: self.node.config.overflow,
            on_dispatcher: false,
        }
    }

    /// The actor of that name, in whichever process it lives.
    ///
    /// # Errors
    ///
    /// `Unknown` if nobody has it; `SchemaMismatch` if it takes or answers something else; `Gone`.
    pub fn lookup<M: Message>(&self, name: &str) -> Result<ActorRef<M>, LookupError> {
        let table = self.node.registry.read();
        let table = table.map_err(|error| LookupError::Registry(error.to_string()))?;
        let Some(entry) = table.named(name) else {
            return Err(LookupError::Unknown { name: name.to_owned() });
        };
        self.reference(entry)
    }

    /// As [`lookup`](Self::lookup), but waits for the name until the deadline.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn lookup_within<M: Message>(
        &self,
        name: &str,
        deadline: Duration,
    ) -> Result<ActorRef<M>, LookupError> {
        let mut changes = self.changes();
        let wait = async {
            loop {
                match self.lookup(name) {
                    Err(LookupError::Unknown { .. } | LookupError::Gone(_)) => {}
                    found => return found,
                }
                if changes.next().await.is_none() {
                    return self.lookup(name);
                }
            }
        };
        match tokio::time::timeout(deadline, wait).await {
            Ok(found) => found,
            Err(_) => self.lookup(name),
        }
    }

    fn reference<M: Message>(&self, entry: &Entry) -> Result<ActorRef<M>, LookupError> {
        if entry.contract != Uuid(M::CONTRACT.to_be_bytes()) {
            let expected = std::any::type_name::<M>();
            return Err(LookupError::SchemaMismatch { name: entry.name.clone(), expected });
        }
        let id = entry.actor;
        if id.node() == self.node.id {
            self.node.cell(id.number()).map_err(LookupError::Gone)?;
        } else if let Some(cause) = self.node.peer_or_ended(id.node()).gone() {
            return Err(LookupError::Gone(cause.clone()));
        }
        Ok(ActorRef::resolve(&self.node, id))
    }

    /// Gives an actor a name, which leads to it until it ends.
    ///
    /// # Errors
    ///
    /// `NameTaken`, `InvalidName`, `Registry`.
    pub fn register<M: Message>(
        &self,
        name: &str,
        actor: &ActorRef<M>,
    ) -> Result<(), SystemError> {
        self.node.registry.add(entry(name, false, actor))
    }

    /// Puts an actor into a group, until it ends or leaves.
    ///
    /// # Errors
    ///
    /// As [`register`](Self::register).
    pub fn join<M: Message>(&self, group: &str, actor: &ActorRef<M>) -> Result<(), SystemError> {
        self.node.registry.add(entry(group, true, actor))
    }

    /// Takes an actor's name, or its place in a group, from it; false if it had none.
    ///
    /// # Errors
    ///
    /// `Registry`.
    pub fn unregister(&self, name: &str, actor: ActorId) -> Result<bool, SystemError> {
        self.node.registry.remove(name, actor)
    }

    /// The members of a group whose types are the caller's.
    ///
    /// # Errors
    ///
    /// `Registry`.
    pub fn members<M: Message>(&self, group: &str) -> Result<Vec<ActorRef<M>>, LookupError> {
        let table = self.node.registry.read();
        let table = table.map_err(|error| LookupError::Registry(error.to_string()))?;
        Ok(table.members(group).filter_map(|entry| self.reference(entry).ok()).collect())
    }

    /// The changes of names and groups, in all processes.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::new(Arc::clone(&self.node))
    }

    /// Waits for the end of an actor; if it has ended, or never was, that is told at once.
    #[must_use]
    pub fn watch(&self, actor: ActorId) -> Monitor {
        let (watch, end) = self.node.monitor(actor);
        Monitor { node: Arc::clone(&self.node), watch, actor, end }
    }

    /// Stops an actor, and waits until it has ended; kills it if it has not by the deadline.
    pub async fn stop(&self, actor: ActorId, deadline: Duration) -> Cause {
        let mut monitor = self.watch(actor);
        self.node.signal(actor, Signal::Stop);
        if let Ok(ended) = tokio::time::timeout(deadline, &mut monitor).await {
            return ended.cause;
        }
        self.node.signal(actor, Signal::Kill);
        monitor.await.cause
    }

    /// The dead letters from now on.
    #[must_use]
    pub fn dead_letters(&self) -> DeadLetters {
        DeadLetters(self.node.dead_letters.subscribe())
    }

    /// What happens to the processes of the system from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        Events(self.node.events.subscribe())
    }

    /// What this process has counted so far. Other processes read it with [`Counters::read`].
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::of(&self.node)
    }

    /// Runs a future on the thread that takes messages of other processes, and waits for it. An
    /// answer that arrives there costs no change of threads. A local system has no such thread;
    /// there it runs as a task.
    pub async fn on_dispatcher<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        self.node.run(true, async move {
            let _ = done.send(work.await);
        });
        result.await.ok()
    }

    /// Completes when the system was asked to shut down: by its parent, if it is a worker.
    pub async fn stop_requested(&self) {
        self.node.stop_requested.notified().await;
    }

    /// Stops all actors, waits for them up to the time that is left to them (5 s), and leaves the
    /// system.
    pub async fn shutdown(&self) {
        self.shutdown_within(Duration::from_secs(5)).await;
    }

    /// As [`shutdown`](Self::shutdown), with another time.
    pub async fn shutdown_within(&self, patience: Duration) {
        let signal_all = |signal| {
            for (_, cell) in self.node.cells() {
                cell.signal(crate::mailbox::System::Signal(signal));
            }
        };
        signal_all(Signal::Stop);
        let all_ended = async {
            while self.node.has_actors() {
                let ended = self.node.all_ended.notified();
                if self.node.has_actors() {
                    let _ = tokio::time::timeout(Duration::from_millis(10), ended).await;
                }
            }
        };
        if tokio::time::timeout(patience, all_ended).await.is_err() {
            signal_all(Signal::Kill);
        }
        end(&self.node);
        if let Some(life) = &self.life {
            life.join();
        }
    }
}

impl std::fmt::Debug for ActorSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ActorSystem({} {})", self.name(), self.id())
    }
}

fn entry<M: Message>(name: &str, group: bool, actor: &ActorRef<M>) -> Entry {
    let contract = Uuid(M::CONTRACT.to_be_bytes());
    Entry { name: name.to_owned(), group, actor: actor.id(), contract }
}

/// Waits for the end of one actor, which it tells once; dropped before that, watches no longer.
#[must_use = "an end is told to whoever awaits this"]
pub struct Monitor {
    node: Arc<Node>,
    watch: u64,
    actor: ActorId,
    end: oneshot::Receiver<Terminated>,
}

impl Future for Monitor {
    type Output = Terminated;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Terminated> {
        let actor = self.actor;
        let end = Pin::new(&mut self.end).poll(context);
        end.map(|end| end.unwrap_or(Terminated { actor, cause: Cause::SystemStopped }))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.node.unwatch(self.watch);
    }
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor").field("actor", &self.actor).finish_non_exhaustive()
    }
}

/// An actor to start.
#[must_use = "a builder does nothing until `spawn`"]
pub struct ActorBuilder<'s, A: Actor> {
    system: &'s ActorSystem,
    actor: A,
    name: Option<String>,
    mailbox: usize,
    overflow: Overflow,
    on_dispatcher: bool,
}

impl<A: Actor> ActorBuilder<'_, A> {
    /// A name, by which all processes of the system find it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many messages its mailbox holds.
    pub fn mailbox(mut self, messages: usize) -> Self {
        self.mailbox = messages;
        self
    }

    /// What happens when its mailbox is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Runs on the thread that takes messages of other processes: the shortest way for messages
    /// from there, as long as no actor on that thread keeps it busy.
    pub fn on_dispatcher(mut self) -> Self {
        self.on_dispatcher = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// `NameTaken`, `InvalidName` and `Registry`, if it has a name.
    pub fn spawn(self) -> Result<ActorRef<A::Message>, SystemError> {
        let node = &self.system.node;
        if let Some(name) = self.name.clone() {
            let id = node.new_actor();
            let contract = Uuid(<A::Message as Contract>::CONTRACT.to_be_bytes());
            node.registry.add(Entry { name, group: false, actor: id, contract })?;
            return Ok(self.begin_as(id));
        }
        Ok(self.begin())
    }

    fn begin(self) -> ActorRef<A::Message> {
        let id = self.system.node.new_actor();
        self.begin_as(id)
    }

    fn begin_as(self, id: ActorId) -> ActorRef<A::Message> {
        let node = &self.system.node;
        let cell = Arc::new(ActorCell {
            id,
            node: Arc::clone(node),
            mailbox: Mailbox::new(self.mailbox, self.overflow),
            handled: Default::default(),
            name: self.name,
        });
        node.add(id.number(), Arc::clone(&cell) as Arc<_>);
        let reference = ActorRef::local(Arc::clone(&cell));
        node.run(self.on_dispatcher, run::run(self.actor, cell));
        if node.is_stopped() {
            reference.kill();
        }
        reference
    }
}

impl<A: Actor> std::fmt::Debug for ActorBuilder<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActorBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Ends a system when its last handle outside of its actors is dropped.
struct Life {
    node: Arc<Node>,
    finished: Arc<AtomicBool>,
    thread: std::sync::Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Life {
    fn begin(node: &Arc<Node>) -> Result<Self, SystemError> {
        let finished = Arc::new(AtomicBool::new(false));
        drop(node.runtime.spawn(Arc::clone(node).expire_asks()));
        let mut thread = None;
        if let Some(shared) = &node.shared {
            let weak = Arc::downgrade(node);
            shared.executor.set_bell(Some(Box::new(move || {
                if let Some(node) = weak.upgrade() {
                    dispatcher::ring(&node);
                }
            })));
            let (node, finished) = (Arc::clone(node), Arc::clone(&finished));
            drop(node.runtime.spawn(crate::counters::pulse(Arc::clone(&node))));
            let begun = std::thread::Builder::new().name("olivier-dispatch".to_owned()).spawn(
                move || {
                    if let Some(shared) = &node.shared {
                        dispatcher::run(&node, shared, &finished);
                        shared.executor.clear();
                    }
                },
            );
            thread = Some(begun.map_err(|error| SystemError::Start(error.to_string()))?);
        }
        let thread = std::sync::Mutex::new(thread);
        Ok(Self { node: Arc::clone(node), finished, thread })
    }

    fn join(&self) {
        self.finished.store(true, Ordering::Release);
        if let Some(shared) = &self.node.shared {
            shared.executor.ring();
        }
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
        if let Some(shared) = &self.node.shared {
            shared.close();
        }
        self.node.registry.close();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for (_, cell) in self.node.cells() {
            cell.signal(crate::mailbox::System::Signal(Signal::Kill));
        }
        end(&self.node);
        self.join();
    }
}

/// Leaves the system: others are told, and nothing more is sent.
fn end(node: &Arc<Node>) {
    if !node.stop_now() {
        return;
    }
    node.protocol(|protocol, _| protocol.leave());
    if let Err(error) = node.registry.remove_node(node.id) {
        tracing::warn!(%error, "the names of a system that has ended are left");
    }
    node.end_peers();
    node.wake_askers();
}
