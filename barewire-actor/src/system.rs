//! `ActorSystem`: where actors live.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use barewire_runtime::ipc::{Overflow, Wait};
use barewire_runtime::layout::Uuid;
use tokio::sync::{broadcast, oneshot};

use crate::actor::{Actor, Terminated};
use crate::address::{ActorId, NodeId};
use crate::builder::{Config, Memory, SystemBuilder};
use crate::cause::Cause;
use crate::cell::ActorCell;
use crate::core::packet::Signal;
use crate::counters::Counters;
use crate::dead_letters::DeadLetters;
use crate::error::{LookupError, SystemError};
use crate::life::{Life, end};
use crate::mailbox::Mailbox;
use crate::message::{Contract, Message};
use crate::node::Node;
use crate::reference::ActorRef;
use crate::registry::{Changes, Entry};
use crate::run;

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
            gateway: None,
        })
    }

    pub(crate) fn of(node: Arc<Node>) -> Self {
        Self { node, life: None }
    }

    pub(crate) fn living(node: Arc<Node>, life: Life) -> Self {
        Self { node, life: Some(Arc::new(life)) }
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
        let (actor, cell) = self.actor(actor).make();
        begin(actor, cell)
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

    /// Does something in which references are decoded: they lead where this system reaches. Outside
    /// of actors, and where a process has several systems, they would be those of any of them.
    ///
    /// ```
    /// # use barewire_actor::{ActorRef, ActorSystem};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use barewire_actor::{Actor, Context, Message, Nothing, Outcome};
    /// # use barewire_runtime::codec::{decode, encode};
    /// # #[derive(barewire_derive::BareSchema)]
    /// # #[bare(crate = "::barewire_runtime")]
    /// # struct Ping(u8);
    /// # impl Message for Ping { type Reply = Nothing; }
    /// # struct Porter;
    /// # impl Actor for Porter {
    /// #     type Message = Ping;
    /// #     async fn handle(&mut self, _: Ping, _: &mut Context<Self>) -> Outcome { Ok(()) }
    /// # }
    /// # let other = ActorSystem::builder("other").local().start()?;
    /// # let system = ActorSystem::builder("docs").local().start()?;
    /// let porter = system.spawn(Porter);
    /// let octets = encode(&porter);
    /// let again: ActorRef<Ping> = system.within(|| decode(&octets))?;
    /// assert_eq!(again.try_tell(Ping(7)), Ok(()));
    /// # system.shutdown().await; other.shutdown().await;
    /// # Ok(()) }
    /// ```
    pub fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        let nobody = ActorId::new(self.node.id, 0);
        let mut nobody = crate::current::Part::new(&self.node, nobody);
        let _guard = nobody.play();
        work()
    }

    /// Gives an actor a name, which leads to it until it ends.
    ///
    /// # Errors
    ///
    /// `NameTaken`, `InvalidName`, `Registry`.
    pub fn register<M: Message>(&self, name: &str, actor: &ActorRef<M>) -> Result<(), SystemError> {
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
    /// there it runs as a task. `None` if it panics, or the system ends first.
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
        let name = self.name.clone();
        let (actor, cell) = self.make();
        if let Some(name) = name {
            // Whoever finds the name finds the actor, so the actor is there first.
            let contract = Uuid(<A::Message as Contract>::CONTRACT.to_be_bytes());
            let entry = Entry { name, group: false, actor: cell.id, contract };
            if let Err(error) = node.registry.add(entry) {
                node.remove(cell.id.number());
                return Err(error);
            }
        }
        Ok(begin(actor, cell))
    }

    /// An actor that messages can be sent to, and that does nothing yet.
    fn make(self) -> (A, Arc<ActorCell<A::Message>>) {
        let node = &self.system.node;
        let id = node.new_actor();
        let cell = Arc::new(ActorCell {
            id,
            node: Arc::clone(node),
            mailbox: Mailbox::new(self.mailbox, self.overflow),
            handled: Default::default(),
            name: self.name,
            on_dispatcher: self.on_dispatcher,
        });
        node.add(id.number(), Arc::clone(&cell) as Arc<_>);
        (self.actor, cell)
    }
}

fn begin<A: Actor>(actor: A, cell: Arc<ActorCell<A::Message>>) -> ActorRef<A::Message> {
    let node = Arc::clone(&cell.node);
    let reference = ActorRef::local(Arc::clone(&cell));
    node.run(cell.on_dispatcher, run::run(actor, cell));
    if node.is_stopped() {
        reference.kill();
    }
    reference
}

impl<A: Actor> std::fmt::Debug for ActorBuilder<'_, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ActorBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
