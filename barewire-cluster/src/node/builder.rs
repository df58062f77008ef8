//! What a node is made with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use barewire_runtime::layout::Uuid;

use super::client::{ClientPart, Desk};
use super::driver::{self, Clock, Part};
use super::manager::ManagerPart;
use super::pool::{Context, Handler, Pool, handler};
use super::shared::Shared;
use super::worker::WorkerPart;
use super::{Node, fresh};
use crate::core::Time;
use crate::core::client::Client;
use crate::core::manager::{Limits, Manager};
use crate::core::members::{Me, Settings};
use crate::core::worker::Worker;
use crate::error::ClusterError;
use crate::log::{Durability, Log};
use crate::task::{Failure, Task, Value};
use crate::transport::memory::{MemoryOptions, MemoryTransport};
use crate::transport::pipe::{PipeOptions, PipeTransport};
use crate::transport::udp::{UdpOptions, UdpTransport};
#[cfg(feature = "zenoh")]
use crate::transport::zenoh::{ZenohOptions, ZenohTransport};
use crate::transport::{LEAST_FRAME, Transport, TransportError};
use crate::wire::{Credits, Declaration, Incarnation, Role};

/// The longest name of a cluster or node.
const MAX_NAME_BYTES: usize = 48;
/// The most tasks that a worker may take on at once.
const MOST_CREDITS: usize = 65_536;

/// Opens the transport of an incarnation.
pub(super) type Opener =
    Arc<dyn Fn(Incarnation) -> Result<Box<dyn Transport>, TransportError> + Send + Sync>;
/// Opens a transport: for a cluster and an incarnation.
type Own =
    Arc<dyn Fn(&str, Incarnation) -> Result<Box<dyn Transport>, TransportError> + Send + Sync>;

/// How nodes reach each other. All nodes of a cluster use the same.
#[derive(Clone)]
#[non_exhaustive]
pub enum Method {
    /// Shared memory, between processes of one machine.
    Memory(MemoryOptions),
    /// Named pipes, between processes of one machine.
    Pipe(PipeOptions),
    /// UDP with multicast, between machines of one network.
    Udp(UdpOptions),
    /// zenoh, between machines, also such as reach each other only through a router.
    #[cfg(feature = "zenoh")]
    Zenoh(ZenohOptions),
    /// A transport that is given by a function of the cluster's name and the incarnation.
    Own(Own),
}

impl Method {
    /// Shared memory with its usual sizes.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(MemoryOptions::default())
    }

    /// Named pipes in the usual directory.
    #[must_use]
    pub fn pipe() -> Self {
        Self::Pipe(PipeOptions::default())
    }

    /// UDP with its usual group and port.
    #[must_use]
    pub fn udp() -> Self {
        Self::Udp(UdpOptions::default())
    }

    /// zenoh between peers that find each other by multicast.
    #[cfg(feature = "zenoh")]
    #[must_use]
    pub fn zenoh() -> Self {
        Self::Zenoh(ZenohOptions::default())
    }

    /// A transport that a function opens.
    pub fn own<T: Transport + 'static>(
        open: impl Fn(&str, Incarnation) -> Result<T, TransportError> + Send + Sync + 'static,
    ) -> Self {
        Self::Own(Arc::new(move |cluster, incarnation| {
            Ok(Box::new(open(cluster, incarnation)?) as Box<dyn Transport>)
        }))
    }

    fn open(
        &self,
        cluster: &str,
        incarnation: Incarnation,
    ) -> Result<Box<dyn Transport>, TransportError> {
        match self {
            Self::Memory(options) => {
                Ok(Box::new(MemoryTransport::open(cluster, incarnation, options.clone())?))
            }
            Self::Pipe(options) => {
                Ok(Box::new(PipeTransport::open(cluster, incarnation, options.clone())?))
            }
            Self::Udp(options) => {
                Ok(Box::new(UdpTransport::open(cluster, incarnation, options.clone())?))
            }
            #[cfg(feature = "zenoh")]
            Self::Zenoh(options) => {
                Ok(Box::new(ZenohTransport::open(cluster, incarnation, options.clone())?))
            }
            Self::Own(open) => open(cluster, incarnation),
        }
    }
}

impl std::fmt::Debug for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory(options) => f.debug_tuple("Memory").field(options).finish(),
            Self::Pipe(options) => f.debug_tuple("Pipe").field(options).finish(),
            Self::Udp(options) => f.debug_tuple("Udp").field(options).finish(),
            #[cfg(feature = "zenoh")]
            Self::Zenoh(options) => f.debug_tuple("Zenoh").field(options).finish(),
            Self::Own(_) => f.write_str("Own"),
        }
    }
}

/// What a node is made with; see [`Node::builder`].
#[must_use = "a builder does nothing until `start`"]
pub struct NodeBuilder {
    cluster: String,
    role: Role,
    name: String,
    method: Method,
    heartbeat: Duration,
    unreachable_after: Duration,
    dead_after: Duration,
    log: Option<PathBuf>,
    durability: Durability,
    most_tasks: usize,
    results_kept: Duration,
    parallel: usize,
    credits: Option<usize>,
    labels: Vec<String>,
    declarations: Vec<Result<Declaration, ClusterError>>,
    handlers: Vec<Handler>,
    window: usize,
}

impl NodeBuilder {
    pub(super) fn new(cluster: String, role: Role, name: String) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cluster,
            role,
            name,
            method: Method::memory(),
            heartbeat: Duration::from_millis(250),
            unreachable_after: Duration::from_millis(1000),
            dead_after: Duration::from_millis(2500),
            log: None,
            durability: Durability::default(),
            most_tasks: 1 << 20,
            results_kept: Duration::from_secs(3600),
            parallel: threads,
            credits: None,
            labels: Vec::new(),
            declarations: Vec::new(),
            handlers: Vec::new(),
            window: 16_384,
        }
    }

    /// How nodes reach each other; shared memory if not given.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// How often the node says that it lives; 250 ms if not given.
    pub fn heartbeat(mut self, every: Duration) -> Self {
        self.heartbeat = every;
        self
    }

    /// How long another node may be silent: after the first time it counts as unreachable, and
    /// others get its tasks; after the second, unless the transport tells deaths, as dead. 1 s and
    /// 2.5 s if not given.
    pub fn patience(mut self, unreachable_after: Duration, dead_after: Duration) -> Self {
        self.unreachable_after = unreachable_after;
        self.dead_after = dead_after;
        self
    }

    /// Manager: where its log is. If not given, a file with the cluster's name in the folder
    /// `barewire` of the user's state directory (`XDG_STATE_HOME`, or `~/.local/state`).
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Manager: what an accepted task or result survives; the machine's end if not given.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Manager: how many tasks there may be at once; 1,048,576 if not given. More are rejected.
    pub fn most_tasks(mut self, tasks: usize) -> Self {
        self.most_tasks = tasks;
        self
    }

    /// Manager: how long the results of a client that is gone are kept; an hour if not given.
    pub fn results_kept(mut self, time: Duration) -> Self {
        self.results_kept = time;
        self
    }

    /// Worker: how many tasks run at once; as many as there are processors if not given.
    pub fn parallel(mut self, tasks: usize) -> Self {
        self.parallel = tasks;
        self
    }

    /// Worker: how many tasks it takes on at once, waiting or running; four for each that runs if
    /// not given. More hide the way to the manager, fewer share out long tasks better.
    pub fn credits(mut self, tasks: usize) -> Self {
        self.credits = Some(tasks);
        self
    }

    /// Worker: something that tasks may ask for.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Worker: does tasks of that kind.
    pub fn task<Q: Value, R: Value>(
        mut self,
        task: Task<Q, R>,
        run: impl Fn(Q, &Context) -> Result<R, Failure> + Send + Sync + 'static,
    ) -> Self {
        self.declarations.push(task.declaration(self.handlers.len() as u16));
        self.handlers.push(handler(run));
        self
    }

    /// Client: how many tasks may be unfinished before a further one waits; 16,384 if not given.
    pub fn window(mut self, tasks: usize) -> Self {
        self.window = tasks;
        self
    }

    /// Starts the node. It looks for the others by itself, and does not wait for them.
    ///
    /// # Errors
    ///
    /// [`ClusterError::Invalid`] for a name or number; [`ClusterError::Transport`];
    /// for a manager [`ClusterError::Log`], and [`ClusterError::SecondManager`] if another one has
    /// the log or answers.
    pub fn start(mut self) -> Result<Node, ClusterError> {
        self.check()?;
        let shared = Arc::new(Shared::default());
        let (cluster, method) = (self.cluster.clone(), self.method.clone());
        let opener: Opener = Arc::new(move |incarnation| method.open(&cluster, incarnation));
        let me = Me {
            cluster: self.cluster.clone(),
            incarnation: fresh()?,
            role: self.role,
            name: self.name.clone(),
        };
        shared.set_incarnation(me.incarnation);
        shared.figures().set_directory(self.method.directory());
        let clock = Clock::start();
        let drains = Arc::new(AtomicBool::new(false));
        let desk = Arc::new(Desk::new(self.window, shared.clone()));
        // The log first: a second manager is refused before anybody hears of it.
        let log = match self.role {
            Role::Manager => Some(self.open_log()?),
            Role::Worker | Role::Client => None,
        };
        let transport = opener(me.incarnation)?;
        shared.bell.hang(transport.waker());
        if transport.largest_frame() < LEAST_FRAME {
            let reason = format!("frames have room for {LEAST_FRAME} octets at least");
            return Err(TransportError::new("open the transport", reason).into());
        }
        let rules = Settings {
            heartbeat: micros(self.heartbeat),
            unreachable_after: micros(self.unreachable_after),
            dead_after: micros(self.dead_after),
            tells_deaths: transport.tells_deaths(),
            largest_frame: transport.largest_frame(),
        };
        let part: Box<dyn Part> = match (self.role, log) {
            (Role::Worker, _) => Box::new(self.worker(me, rules, &shared, &drains)?),
            (Role::Manager, Some((log, records, log_id))) => {
                let limits = Limits {
                    most_tasks: self.most_tasks,
                    sessions_kept: micros(self.results_kept),
                    settle: micros(self.heartbeat),
                };
                let seed = me.incarnation.as_u128() as u64;
                let mut core = Manager::new(me, rules, &limits, seed, log_id);
                records.into_iter().for_each(|record| core.replay(record));
                core.begin(clock.now());
                Box::new(ManagerPart { core, log, shared: shared.clone(), ends: None })
            }
            _ => {
                let session = Uuid(fresh()?.as_u128().to_be_bytes());
                Box::new(ClientPart::new(Client::new(me, rules, session), desk.clone()))
            }
        };
        let thread = std::thread::Builder::new().name(format!("prospero-{}", self.role)).spawn({
            let shared = shared.clone();
            move || driver::run(part, transport, &opener, &shared, clock)
        });
        let thread = thread.map_err(|error| ClusterError::Ended(error.to_string()))?;
        let node =
            Node { role: self.role, name: self.name, shared, desk, drains, thread: Some(thread) };
        if self.role == Role::Manager {
            // Another one would have answered by then.
            let settled = self.heartbeat * 4 + Duration::from_secs(5);
            node.shared.wait_ready(settled)?;
        }
        Ok(node)
    }

    fn check(&self) -> Result<(), ClusterError> {
        for name in [&self.cluster, &self.name] {
            let legal = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
            let starts = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
            if !starts || name.len() > MAX_NAME_BYTES || !name.bytes().all(legal) {
                return Err(ClusterError::Invalid(format!(
                    "{name:?} is no name for a cluster or node: use 1 to {MAX_NAME_BYTES} of A-Z \
                     a-z 0-9 . _ - and begin with a letter or a digit"
                )));
            }
        }
        let credits = self.credits.unwrap_or(1);
        if self.parallel == 0 || credits == 0 || credits > MOST_CREDITS {
            let reason = format!("a worker has 1 to {MOST_CREDITS} tasks at once");
            return Err(ClusterError::Invalid(reason));
        }
        if self.heartbeat < Duration::from_millis(1) || self.unreachable_after < self.heartbeat * 2
        {
            let reason = "a node must be allowed to be silent for two heartbeats".to_owned();
            return Err(ClusterError::Invalid(reason));
        }
        Ok(())
    }

    fn open_log(
        &self,
    ) -> Result<(Log, Vec<crate::core::manager::record::Record>, Uuid), ClusterError> {
        let path = match &self.log {
            Some(path) => path.clone(),
            None => state_directory()?.join(format!("{}.log", self.cluster)),
        };
        let mut records = Vec::new();
        let who = format!("manager {:?}", self.name);
        let log = Log::open(&path, self.durability, &who, &mut |record| records.push(record))?;
        Ok((log, records, Uuid(fresh()?.as_u128().to_be_bytes())))
    }

    fn worker(
        &mut self,
        me: Me,
        rules: Settings,
        shared: &Arc<Shared>,
        drains: &Arc<AtomicBool>,
    ) -> Result<WorkerPart, ClusterError> {
        let declarations =
            self.declarations.drain(..).collect::<Result<Vec<Declaration>, ClusterError>>()?;
        let credits = self.credits.unwrap_or(self.parallel * 4).max(self.parallel);
        let credits = Credits {
            credits: credits as u32,
            parallel: self.parallel as u32,
            labels: std::mem::take(&mut self.labels),
        };
        let pool = Pool::start(self.parallel, std::mem::take(&mut self.handlers), shared)
            .map_err(|error| ClusterError::Ended(format!("cannot start threads: {error}")))?;
        Ok(WorkerPart {
            core: Worker::new(me, rules, credits, declarations.clone()),
            accepted: vec![false; declarations.len()],
            declarations,
            pool,
            shared: shared.clone(),
            drains: drains.clone(),
            revoked: HashMap::new(),
            jobs: Vec::new(),
            reports: Vec::new(),
            gates: Vec::new(),
        })
    }
}

fn micros(time: Duration) -> Time {
    Time::try_from(time.as_micros()).unwrap_or(Time::MAX / 4)
}

fn state_directory() -> Result<PathBuf, ClusterError> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    let missing = "there is no HOME for the manager's log: say where it is, with `log`";
    Ok(state.ok_or_else(|| ClusterError::Log(missing.to_owned()))?.join("barewire"))
}

impl std::fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeBuilder")
            .field("cluster", &self.cluster)
            .field("role", &self.role)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
