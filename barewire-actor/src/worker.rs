//! Processes as children: this program again, in a role.

use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::address::NodeId;
use crate::builder::{Config, SystemBuilder};
use crate::core::packet::Body;
use crate::error::SystemError;
use crate::program;
use crate::system::ActorSystem;

pub(crate) const ROLE: &str = "BAREWIRE_WORKER";
const SYSTEM: &str = "BAREWIRE_WORKER_SYSTEM";
const NODE: &str = "BAREWIRE_WORKER_NODE";
const PARENT: &str = "BAREWIRE_WORKER_PARENT";
const PARENT_PID: &str = "BAREWIRE_WORKER_PARENT_PID";
const DIRECTORY: &str = "BAREWIRE_WORKER_DIRECTORY";
const HEARTBEAT: &str = "BAREWIRE_WORKER_HEARTBEAT_US";

/// The code with which a worker ends that could not set itself up.
const FAILED: i32 = 70;

/// A worker process: this program again, which finds in [`Worker::here`] that it is one.
///
/// A supervisor starts it with [`Supervisor::process`](crate::Supervisor::process).
///
/// ```no_run
/// # use barewire_actor::{Actor, ActorSystem, Context, Message, Outcome, Strategy, Supervisor};
/// # use barewire_actor::{Worker, WorkerProcess};
/// # use barewire_derive::BareSchema;
/// # use std::time::Duration;
/// # #[derive(BareSchema)]
/// # #[bare(crate = "::barewire_runtime")]
/// # struct Square { of: u64 }
/// # impl Message for Square { type Reply = u64; }
/// # struct Squarer;
/// # impl Actor for Squarer {
/// #     type Message = Square;
/// #     async fn handle(&mut self, square: Square, context: &mut Context<Self>) -> Outcome {
/// #         context.reply(square.of * square.of);
/// #         Ok(())
/// #     }
/// # }
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     if let Some(worker) = Worker::here() {
///         // This process is the worker: it runs until its parent stops it.
///         let set_up = |system: ActorSystem| async move {
///             system.actor(Squarer).name("squarer").spawn()?;
///             Ok(())
///         };
///         return Ok(worker.run(set_up).await?);
///     }
///     let system = ActorSystem::builder("squares").start()?;
///     let supervision = Supervisor::new(Strategy::OneForOne)
///         .process("first", WorkerProcess::new("squares"))
///         .start(&system)
///         .await?; // the worker is ready
///     let squarer = system.lookup::<Square>("squarer")?;
///     assert_eq!(squarer.ask(Square { of: 7 }, Duration::from_secs(1)).await?, 49);
///     supervision.stop().await;
///     system.shutdown().await;
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a worker is started by a supervisor"]
pub struct WorkerProcess {
    pub(crate) role: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) startup: Duration,
    pub(crate) stop: Duration,
    pub(crate) kill_unresponsive: bool,
}

impl WorkerProcess {
    /// A worker in that role.
    pub fn new(role: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            arguments: Vec::new(),
            startup: Duration::from_secs(10),
            stop: Duration::from_secs(5),
            kill_unresponsive: false,
        }
    }

    /// An argument of the program.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// How long it may take to set itself up, before it is killed and counts as failed; 10 s.
    pub fn startup_timeout(mut self, timeout: Duration) -> Self {
        self.startup = timeout;
        self
    }

    /// How long it may take to stop when it is asked to, before it is killed; 5 s.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop = timeout;
        self
    }

    /// Kills it when it is reported as unresponsive, so that it is started again. Without this, it
    /// is reported alone: it may go on.
    pub fn kill_unresponsive(mut self) -> Self {
        self.kill_unresponsive = true;
        self
    }

    /// The command that starts it as the node `id`.
    pub(crate) fn command(&self, id: NodeId, parent: &ActorSystem) -> std::io::Result<Command> {
        let config = &parent.node.config;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(&self.arguments)
            .env(ROLE, &self.role)
            .env(SYSTEM, &config.name)
            .env(NODE, id.to_string())
            .env(PARENT, parent.id().to_string())
            .env(PARENT_PID, std::process::id().to_string())
            .env(HEARTBEAT, config.heartbeat.as_micros().to_string())
            .stdin(std::process::Stdio::null());
        match &config.directory {
            Some(path) => command.env(DIRECTORY, path),
            None => command.env_remove(DIRECTORY),
        };
        Ok(command)
    }
}

/// This process as a worker, if it was started as one.
#[derive(Debug, Clone)]
pub struct Worker {
    role: String,
    builder: SystemBuilder,
}

impl Worker {
    /// Whether this process is a worker. A program that has workers asks first of all, before it
    /// starts threads: from then on the process ends when its parent does. If the process is to
    /// become another [`Program`](crate::Program), it does, and this never returns.
    #[must_use]
    pub fn here() -> Option<Self> {
        program::become_program();
        let role = std::env::var(ROLE).ok()?;
        let number = |name: &str| std::env::var(name).ok();
        if !program::dies_with(&number(PARENT_PID)?) {
            std::process::exit(FAILED);
        }
        let system = ActorSystem::builder(std::env::var(SYSTEM).ok()?);
        let micros = number(HEARTBEAT).and_then(|text| text.parse().ok()).unwrap_or(100_000);
        let config = Config {
            node: NodeId::from_hex(&number(NODE)?),
            parent: NodeId::from_hex(&number(PARENT)?),
            directory: std::env::var_os(DIRECTORY).map(Into::into),
            heartbeat: Duration::from_micros(micros),
            ..system.0
        };
        Some(Self { role, builder: SystemBuilder(config) })
    }

    /// The role that it was started in.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Changes what the worker's system is made with.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(SystemBuilder) -> SystemBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }

    /// Joins the parent's system, lets `set_up` start the worker's actors, says that the worker is
    /// ready, and runs until the parent asks it to stop. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// Those of starting the system, and of `set_up`: what goes wrong in a lookup, a `tell` or an
    /// `ask` there becomes one with `?`.
    pub async fn run<F, R>(self, set_up: F) -> Result<(), SystemError>
    where
        F: FnOnce(ActorSystem) -> R,
        R: Future<Output = Result<(), SystemError>>,
    {
        let system = self.builder.start()?;
        set_up(system.clone()).await?;
        if let Some(parent) = system.node.parent.get() {
            Arc::clone(&system.node).say(*parent, Body::Ready);
        }
        system.stop_requested().await;
        system.shutdown().await;
        Ok(())
    }
}
