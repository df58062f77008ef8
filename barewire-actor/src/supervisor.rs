//! Supervisors: children that are started, watched, and started again.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

use crate::actor::Actor;
use crate::address::{ActorId, NodeId};
use crate::builder::new_node;
use crate::cause::Cause;
use crate::core::packet::Body;
use crate::error::SystemError;
use crate::process::{children, deaths};
use crate::program::Program;
use crate::strategy::{Backoff, Decision, Restart, Restarts, Strategy};
use crate::system::{ActorSystem, Event};
use crate::worker::WorkerProcess;

type Starting = Pin<Box<dyn Future<Output = Result<Running, SystemError>> + Send>>;
type Start = Box<dyn FnMut(&ActorSystem) -> Starting + Send>;

/// A child that runs.
struct Running {
    identity: Identity,
    /// Told once, when it has ended.
    ended: Pin<Box<dyn Future<Output = Cause> + Send>>,
    stop: Duration,
}

/// Which life of a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// That of an actor.
    Actor(ActorId),
    /// That of a process.
    Process(NodeId),
    /// That of a program that knows nothing of actors.
    Program {
        /// Its own, which is not used again.
        id: NodeId,
        /// The number of its process.
        process: u32,
    },
}

struct Child {
    name: String,
    restart: Restart,
    start: Start,
    life: Option<(Identity, u64, Duration)>,
    /// Whether it was ever started.
    begun: bool,
}

/// Actors and processes that are started in their order, and started again when they fail.
///
/// ```
/// # use barewire_actor::{Actor, ActorSystem, Context, Message, Nothing, Outcome};
/// # use barewire_actor::{Failure, Strategy, Supervisor};
/// # use barewire_derive::BareSchema;
/// # use std::time::Duration;
/// # #[derive(BareSchema)]
/// # #[bare(crate = "::barewire_runtime")]
/// # struct Divide { by: u32 }
/// # impl Message for Divide { type Reply = u32; }
/// struct Divider;
/// impl Actor for Divider {
///     type Message = Divide;
///     async fn handle(&mut self, divide: Divide, context: &mut Context<Self>) -> Outcome {
///         let result = 100_u32.checked_div(divide.by);
///         context.reply(result.ok_or_else(|| Failure::new("division by zero"))?);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let second = Duration::from_secs(1);
/// let system = ActorSystem::builder("docs").local().start()?;
/// let supervisor = Supervisor::new(Strategy::OneForOne)
///     .actor("divider", || Divider)
///     .start(&system)
///     .await?;
///
/// let first = system.lookup::<Divide>("divider")?;
/// assert!(first.ask(Divide { by: 0 }, second).await.is_err()); // it fails
/// system.watch(first.id()).await;
/// let again = system.lookup_within::<Divide>("divider", second).await?; // and was started again
/// assert_eq!(again.ask(Divide { by: 5 }, second).await?, 20);
/// supervisor.stop().await;
/// # Ok(()) }
/// ```
#[must_use = "a supervisor does nothing until `start`"]
pub struct Supervisor {
    restarts: Restarts,
    children: Vec<Child>,
    ends_with_children: bool,
}

impl Supervisor {
    /// A supervisor without children.
    pub fn new(strategy: Strategy) -> Self {
        Self { restarts: Restarts::new(strategy), children: Vec::new(), ends_with_children: false }
    }

    /// The supervisor stops when all of its children have ended, and none is to be started again.
    pub fn ends_with_children(mut self) -> Self {
        self.ends_with_children = true;
        self
    }

    /// How many restarts in how long a time are too many, so that the supervisor itself stops its
    /// children and fails; more than 3 in 5 s.
    pub fn intensity(mut self, most: usize, within: Duration) -> Self {
        self.restarts.most = most;
        self.restarts.within = within;
        self
    }

    /// How long to wait before a child is started again; not at all, if not given.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.restarts.backoff = Backoff { first, longest };
        self
    }

    /// A child that is an actor of that name, made anew for each life.
    pub fn actor<A: Actor>(
        self,
        name: impl Into<String>,
        make: impl FnMut() -> A + Send + 'static,
    ) -> Self {
        self.actor_as(name, Restart::Permanent, make)
    }

    /// As [`actor`](Self::actor), with a choice of when it is started again.
    pub fn actor_as<A: Actor>(
        self,
        name: impl Into<String>,
        restart: Restart,
        mut make: impl FnMut() -> A + Send + 'static,
    ) -> Self {
        let name = name.into();
        let known_as = name.clone();
        let start = move |system: &ActorSystem| -> Starting {
            let spawned = system.actor(make()).name(known_as.clone()).spawn();
            let system = system.clone();
            Box::pin(async move {
                let id = spawned?.id();
                let monitor = system.watch(id);
                Ok(Running {
                    identity: Identity::Actor(id),
                    ended: Box::pin(async move { monitor.await.cause }),
                    stop: Duration::from_secs(5),
                })
            })
        };
        self.child(name, restart, start)
    }

    fn child(
        mut self,
        name: String,
        restart: Restart,
        start: impl FnMut(&ActorSystem) -> Starting + Send + 'static,
    ) -> Self {
        let start = Box::new(start);
        self.children.push(Child { name, restart, start, life: None, begun: false });
        self
    }

    /// A child that is a worker process.
    pub fn process(self, name: impl Into<String>, worker: WorkerProcess) -> Self {
        self.process_as(name, Restart::Permanent, worker)
    }

    /// As [`process`](Self::process), with a choice of when it is started again.
    pub fn process_as(
        self,
        name: impl Into<String>,
        restart: Restart,
        worker: WorkerProcess,
    ) -> Self {
        let start = move |system: &ActorSystem| -> Starting {
            Box::pin(start_process(system.clone(), worker.clone()))
        };
        self.child(name.into(), restart, start)
    }

    /// A child that is any program, in a process of its own.
    pub fn program(self, name: impl Into<String>, program: Program) -> Self {
        self.program_as(name, Restart::Permanent, program)
    }

    /// As [`program`](Self::program), with a choice of when it is started again.
    pub fn program_as(self, name: impl Into<String>, restart: Restart, program: Program) -> Self {
        let start = move |_: &ActorSystem| -> Starting { Box::pin(start_program(program.clone())) };
        self.child(name.into(), restart, start)
    }

    /// Starts all children, one after the other; each when the one before it is ready.
    ///
    /// # Errors
    ///
    /// If one cannot be started; those before it are stopped then.
    pub async fn start(self, system: &ActorSystem) -> Result<Supervision, SystemError> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (news, _) = broadcast::channel(4096);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (finish, finished) = oneshot::channel();
        let mut keeper = Keeper {
            system: system.clone(),
            restarts: self.restarts,
            children: self.children,
            ends_with_children: self.ends_with_children,
            begun: Instant::now(),
            lives: 0,
            inbox,
            orders: orders.clone(),
            news: news.clone(),
            shown: Arc::clone(&shown),
        };
        let count = keeper.children.len();
        if let Err(error) = keeper.start_those(0..count, None).await {
            keeper.stop_those(0..count, None).await;
            return Err(error);
        }
        let supervision = Supervision { orders, news, shown, finished: Mutex::new(Some(finished)) };
        system.node.runtime.spawn(async move {
            let _ = finish.send(keeper.keep().await);
        });
        Ok(supervision)
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("restarts", &self.restarts).finish_non_exhaustive()
    }
}

async fn start_process(system: ActorSystem, worker: WorkerProcess) -> Result<Running, SystemError> {
    let fault = |error: std::io::Error| SystemError::Start(format!("{}: {error}", worker.role));
    let id = new_node()?;
    let mut events = system.events();
    let command = worker.command(id, &system).map_err(fault)?;
    let node = Arc::downgrade(&system.node);
    let child = children::Starting { id, node, command, group: false };
    let (_, mut ended) = deaths::start_child(child).await.map_err(fault)?;
    let ready = async {
        while let Some(event) = events.next().await {
            if event == Event::Ready(id) {
                return;
            }
        }
    };
    tokio::select! {
        () = ready => {}
        cause = &mut ended => {
            let cause = cause.unwrap_or(Cause::ProcessEnded);
            return Err(SystemError::Start(format!("{} was not ready: {cause}", worker.role)));
        }
        () = tokio::time::sleep(worker.startup) => {
            deaths::kill(id);
            let _ = ended.await;
            let deadline = worker.startup;
            let detail = format!("{} was not ready in {deadline:?}", worker.role);
            return Err(SystemError::Start(detail));
        }
    }
    let watch = async move {
        loop {
            tokio::select! {
                cause = &mut ended => return cause.unwrap_or(Cause::ProcessEnded),
                event = events.next() => match event {
                    Some(Event::Unresponsive(node)) if node == id && worker.kill_unresponsive => {
                        deaths::kill(id);
                    }
                    Some(_) => {}
                    None => return (&mut ended).await.unwrap_or(Cause::ProcessEnded),
                },
            }
        }
    };
    Ok(Running { identity: Identity::Process(id), ended: Box::pin(watch), stop: worker.stop })
}

async fn start_program(program: Program) -> Result<Running, SystemError> {
    let fault = |error: std::io::Error| SystemError::Start(format!("{}: {error}", program.name()));
    let id = new_node()?;
    let command = program.command().map_err(fault)?;
    // No node will have anything of it.
    let child = children::Starting { id, node: Weak::new(), command, group: true };
    let (process, ended) = deaths::start_child(child).await.map_err(fault)?;
    let ended = Box::pin(async move { ended.await.unwrap_or(Cause::ProcessEnded) });
    Ok(Running { identity: Identity::Program { id, process }, ended, stop: program.stop })
}

/// What has happened to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// It was started, and is ready.
    Started {
        /// Its name.
        child: String,
        /// Which life it is.
        life: Identity,
    },
    /// It has ended.
    Ended {
        /// Its name.
        child: String,
        /// Which life it was.
        life: Identity,
        /// Why.
        cause: Cause,
    },
    /// It could not be started.
    NotStarted {
        /// Its name.
        child: String,
        /// Why not.
        error: SystemError,
    },
    /// Too many restarts: all children were stopped.
    GaveUp,
}

/// A supervisor that runs; dropping this lets it run on.
#[derive(Debug)]
pub struct Supervision {
    orders: mpsc::UnboundedSender<Order>,
    news: broadcast::Sender<News>,
    shown: Arc<Mutex<Vec<(String, Identity)>>>,
    finished: Mutex<Option<oneshot::Receiver<Cause>>>,
}

impl Supervision {
    /// The children that run now, by name.
    #[must_use]
    pub fn children(&self) -> Vec<(String, Identity)> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The life of a child that runs now.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<Identity> {
        self.children().into_iter().find(|(child, _)| child == name).map(|(_, life)| life)
    }

    /// What happens to the children from now on.
    #[must_use]
    pub fn news(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Stops all children, the last first, and the supervisor.
    pub async fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
        self.ended().await;
    }

    /// Waits until the supervisor has ended: [`Cause::Stopped`], or a failure if it gave up. One
    /// caller learns the cause.
    pub async fn ended(&self) -> Option<Cause> {
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner).take();
        finished?.await.ok()
    }
}

#[derive(Debug)]
enum Order {
    Stop,
    Ended { child: usize, life: u64, cause: Cause },
}

struct Keeper {
    system: ActorSystem,
    restarts: Restarts,
    children: Vec<Child>,
    ends_with_children: bool,
    begun: Instant,
    lives: u64,
    inbox: mpsc::UnboundedReceiver<Order>,
    orders: mpsc::UnboundedSender<Order>,
    news: broadcast::Sender<News>,
    shown: Arc<Mutex<Vec<(String, Identity)>>>,
}

impl Keeper {
    async fn keep(&mut self) -> Cause {
        let count = self.children.len();
        while let Some(order) = self.inbox.recv().await {
            let Order::Ended { child, life, cause } = order else {
                self.stop_those(0..count, None).await;
                return Cause::Stopped;
            };
            if !self.buries(child, life, &cause) {
                continue;
            }
            if self.system.node.is_stopped() {
                return Cause::SystemStopped;
            }
            let normal = cause.is_normal() || cause == Cause::Exited { code: 0 };
            if !self.restart(child, normal).await {
                self.stop_those(0..count, None).await;
                let _ = self.news.send(News::GaveUp);
                return Cause::failed("its children failed too often");
            }
            if self.ends_with_children && self.children.iter().all(|child| child.life.is_none()) {
                return Cause::Stopped;
            }
        }
        Cause::Stopped
    }

    /// Starts again what is to be started; false if it is time to give up.
    async fn restart(&mut self, mut child: usize, mut normal: bool) -> bool {
        loop {
            let (now, count) = (self.begun.elapsed(), self.children.len());
            let restart = self.children[child].restart;
            match self.restarts.ended(now, child, count, restart, normal) {
                Decision::Leave => return true,
                Decision::GiveUp => return false,
                Decision::Restart { children, only, after } => {
                    self.stop_those(children.clone(), only).await;
                    if self.is_stopped_within(after).await {
                        return true;
                    }
                    self.system.node.counts.restarts.fetch_add(1, Ordering::Relaxed);
                    match self.start_those(children.clone(), only).await {
                        Ok(()) => return true,
                        // One that cannot be started has failed once more.
                        Err(_) => {
                            let dead = |index: &usize| self.children[*index].life.is_none();
                            child = children.into_iter().find(dead).unwrap_or(child);
                            normal = false;
                        }
                    }
                }
            }
        }
    }

    /// Waits so long, unless the supervisor is told to stop meanwhile.
    async fn is_stopped_within(&mut self, time: Duration) -> bool {
        if time.is_zero() {
            return false;
        }
        let end = Instant::now() + time;
        let mut later = Vec::new();
        let stopped = loop {
            match tokio::time::timeout_at(end, self.inbox.recv()).await {
                Ok(Some(Order::Stop) | None) => break true,
                Ok(Some(order)) => later.push(order),
                Err(_) => break false,
            }
        };
        for order in stopped.then_some(Order::Stop).into_iter().chain(later) {
            let _ = self.orders.send(order);
        }
        stopped
    }

    /// Takes note of the end of a child's life; false if it was another life.
    fn buries(&mut self, child: usize, life: u64, cause: &Cause) -> bool {
        let Some((identity, _, _)) =
            self.children[child].life.take_if(|(_, known, _)| *known == life)
        else {
            return false;
        };
        let child = self.children[child].name.clone();
        let _ = self.news.send(News::Ended { child, life: identity, cause: cause.clone() });
        self.show();
        true
    }

    fn show(&self) {
        let alive = self.children.iter().filter_map(|child| {
            child.life.as_ref().map(|(identity, _, _)| (child.name.clone(), *identity))
        });
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = alive.collect();
    }

    async fn start_those(
        &mut self,
        children: std::ops::Range<usize>,
        only: Option<usize>,
    ) -> Result<(), SystemError> {
        for index in children {
            let child = &mut self.children[index];
            // A temporary child that has ended stays so.
            let stays = child.restart == Restart::Temporary && child.begun;
            if child.life.is_some() || stays || only.is_some_and(|only| only != index) {
                continue;
            }
            let started = (child.start)(&self.system).await;
            let name = child.name.clone();
            let running = match started {
                Ok(running) => running,
                Err(error) => {
                    let news = News::NotStarted { child: name, error: error.clone() };
                    let _ = self.news.send(news);
                    return Err(error);
                }
            };
            self.lives += 1;
            let life = self.lives;
            child.begun = true;
            child.life = Some((running.identity, life, running.stop));
            let orders = self.orders.clone();
            self.system.node.runtime.spawn(async move {
                let cause = running.ended.await;
                let _ = orders.send(Order::Ended { child: index, life, cause });
            });
            self.show();
            let _ = self.news.send(News::Started { child: name, life: running.identity });
        }
        Ok(())
    }

    /// Stops children, the last first, and waits for each.
    async fn stop_those(&mut self, children: std::ops::Range<usize>, only: Option<usize>) {
        let mut later = Vec::new();
        for index in children.clone().rev() {
            let Some((identity, life, patience)) = self.children[index].life else { continue };
            if only.is_some_and(|only| only != index) {
                continue;
            }
            self.ask_to_stop(identity);
            let mut killed = false;
            while self.children[index].life.is_some_and(|(_, known, _)| known == life) {
                let order = if killed {
                    self.inbox.recv().await
                } else {
                    match tokio::time::timeout(patience, self.inbox.recv()).await {
                        Ok(order) => order,
                        Err(_) => {
                            killed = true;
                            self.kill(identity);
                            continue;
                        }
                    }
                };
                match order {
                    // One whose turn comes may have ended by itself: nobody would tell it again.
                    Some(Order::Ended { child, life, cause })
                        if children.contains(&child) && only.is_none_or(|only| only == child) =>
                    {
                        self.buries(child, life, &cause);
                    }
                    Some(order) => later.push(order),
                    None => return,
                }
            }
        }
        for order in later {
            let _ = self.orders.send(order);
        }
    }

    fn ask_to_stop(&self, identity: Identity) {
        match identity {
            Identity::Actor(id) => {
                self.system.node.signal(id, crate::core::packet::Signal::Stop);
            }
            Identity::Process(id) => self.system.node.say(id, Body::Shutdown),
            Identity::Program { id, .. } => deaths::signal(id, Signal::TERM),
        }
    }

    fn kill(&self, identity: Identity) {
        match identity {
            Identity::Actor(id) => {
                self.system.node.signal(id, crate::core::packet::Signal::Kill);
            }
            Identity::Process(id) | Identity::Program { id, .. } => deaths::kill(id),
        }
    }
}
