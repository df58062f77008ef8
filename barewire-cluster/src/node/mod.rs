//! Nodes: a thread each, with a state machine, a transport, and for a manager a log.
//!
//! | file | what for |
//! |---|---|
//! | `builder` | what a node is made with |
//! | `driver` | the thread |
//! | `manager`, `worker`, `client` | the three roles on it |
//! | `figures` | what tools see of a node |
//! | `pool` | a worker's other threads, which do the tasks |
//! | `pending` | a task that was asked for |
//! | `shared` | what users see: known nodes, notices, counters, the end |

mod builder;
mod client;
mod driver;
mod figures;
mod manager;
mod pending;
mod pool;
mod shared;
mod worker;

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use barewire_runtime::codec::encode;
use barewire_runtime::layout::Uuid;

pub use builder::{Method, NodeBuilder};
pub use pending::Pending;
pub use pool::Context;
pub use shared::{KnownNode, Notice};
#[cfg(feature = "actor")]
pub(crate) use {driver::Passenger, shared::lock};

use crate::counters::Counters;
use crate::error::ClusterError;
use crate::task::{Task, Value};
use crate::wire::{Incarnation, Role, TaskOptions};
use client::Desk;
use shared::Shared;

fn fresh() -> Result<Incarnation, ClusterError> {
    Incarnation::random().map_err(|error| ClusterError::Ended(format!("no random bits: {error}")))
}

/// A node of a cluster: a manager, a worker or a client. Dropping it ends it.
///
/// See the [front page](crate) for an example.
pub struct Node {
    role: Role,
    name: String,
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    drains: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Begins to describe a node of a cluster.
    pub fn builder(cluster: impl Into<String>, role: Role, name: impl Into<String>) -> NodeBuilder {
        NodeBuilder::new(cluster.into(), role, name.into())
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is there for.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Which life of it this is; another one after it was taken for dead.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.shared.incarnation().unwrap_or(Incarnation::EVERYBODY)
    }

    /// The other nodes that it knows, as of now.
    #[must_use]
    pub fn known(&self) -> Vec<KnownNode> {
        self.shared.known()
    }

    /// What changes from now on; begins with the known nodes as if they had just joined.
    #[must_use]
    pub fn notices(&self) -> Receiver<Notice> {
        self.shared.listen()
    }

    /// What it has counted, as of a moment ago.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Manager: how often managers have begun with its log.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch()
    }

    /// Waits until the manager has taken what this worker does, or this client asks for.
    ///
    /// # Errors
    ///
    /// [`ClusterError::SchemaMismatch`] if it did not; [`ClusterError::TimedOut`] if there is no
    /// manager.
    pub fn wait_ready(&self, patience: Duration) -> Result<(), ClusterError> {
        self.shared.wait_ready(patience)
    }

    /// Waits until the node has ended: the cluster was shut down, or it was drained.
    ///
    /// # Errors
    ///
    /// Why it has ended otherwise.
    pub fn wait(&self) -> Result<(), ClusterError> {
        self.shared.wait_end(None)
    }

    /// As [`wait`](Self::wait), for so long.
    ///
    /// # Errors
    ///
    /// [`ClusterError::TimedOut`] if it goes on; why it has ended otherwise.
    pub fn wait_timeout(&self, patience: Duration) -> Result<(), ClusterError> {
        self.shared.wait_end(Some(patience))
    }

    /// Whether it has ended, and how.
    #[must_use]
    pub fn ended(&self) -> Option<Result<(), ClusterError>> {
        self.shared.ended()
    }

    /// Client: makes a kind of tasks known, and waits until the manager has taken it.
    ///
    /// # Errors
    ///
    /// [`ClusterError::SchemaMismatch`] if others use other types under the name, with the
    /// difference; [`ClusterError::TimedOut`] if there is no manager;
    /// [`ClusterError::WrongRole`].
    pub fn tasks<Q: Value, R: Value>(
        &self,
        task: Task<Q, R>,
        patience: Duration,
    ) -> Result<Tasks<Q, R>, ClusterError> {
        self.only(Role::Client)?;
        let kind = self.desk.declare(task.declaration(0)?, patience)?;
        Ok(Tasks { kind, desk: self.desk.clone(), _types: PhantomData })
    }

    /// Client: gives a worker no more tasks, and lets it go when it has none.
    ///
    /// # Errors
    ///
    /// [`ClusterError::WrongRole`]; a worker drains itself with [`leave`](Self::leave).
    pub fn drain(&self, worker: Incarnation) -> Result<(), ClusterError> {
        self.only(Role::Client)?;
        self.desk.drain(worker);
        Ok(())
    }

    /// Worker: takes no more tasks, ends those that it has, and goes.
    ///
    /// # Errors
    ///
    /// [`ClusterError::WrongRole`].
    pub fn leave(&self) -> Result<(), ClusterError> {
        self.only(Role::Worker)?;
        self.drains.store(true, Ordering::Release);
        self.shared.bell.ring();
        Ok(())
    }

    /// Client: ends the cluster, all of its nodes. What was accepted is in the log.
    ///
    /// # Errors
    ///
    /// [`ClusterError::WrongRole`].
    pub fn shut_cluster_down(&self) -> Result<(), ClusterError> {
        self.only(Role::Client)?;
        self.desk.shutdown();
        Ok(())
    }

    /// Starts an actor system that this node carries, in the place of the one that it has carried:
    /// references to actors lead through the cluster, to whichever node they live on. Call it in a
    /// tokio runtime. The actors end with [`ActorSystem::shutdown`]; when the node ends, they
    /// are cut off from all others.
    ///
    /// See [`Actors`] for an example.
    ///
    /// # Errors
    ///
    /// As [`SystemBuilder::start`].
    ///
    /// [`Actors`]: crate::Actors
    /// [`ActorSystem::shutdown`]: barewire_actor::ActorSystem::shutdown
    /// [`SystemBuilder::start`]: barewire_actor::SystemBuilder::start
    #[cfg(feature = "actor")]
    pub fn actors(
        &self,
        builder: barewire_actor::SystemBuilder,
    ) -> Result<crate::Actors, barewire_actor::SystemError> {
        let shared = Arc::downgrade(&self.shared);
        let ring = move || {
            if let Some(shared) = shared.upgrade() {
                shared.bell.ring();
            }
        };
        let (actors, passenger) = crate::Actors::start(builder, Box::new(ring))?;
        self.shared.board(passenger);
        Ok(actors)
    }

    /// Ends this node at once; others are told that it goes.
    ///
    /// # Errors
    ///
    /// Why it had ended before.
    pub fn stop(mut self) -> Result<(), ClusterError> {
        self.end();
        self.shared.ended().unwrap_or(Ok(()))
    }

    fn only(&self, role: Role) -> Result<(), ClusterError> {
        if self.role == role { Ok(()) } else { Err(ClusterError::WrongRole(role)) }
    }

    fn end(&mut self) {
        self.shared.stops.store(true, Ordering::Release);
        self.shared.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("role", &self.role)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Asks for tasks of one kind.
pub struct Tasks<Q, R> {
    kind: u16,
    desk: Arc<Desk>,
    _types: PhantomData<fn(Q) -> R>,
}

impl<Q: Value, R: Value> Tasks<Q, R> {
    /// Asks for a task. It waits only if the client has as many unfinished ones as it may.
    pub fn submit(&self, request: &Q) -> Pending<R> {
        self.leave(request, None, None)
    }

    /// Asks for a task with options of its own.
    pub fn submit_with(&self, request: &Q, options: TaskOptions) -> Pending<R> {
        self.leave(request, Some(options), None)
    }

    /// Asks for a task under a key: however often it is asked for, by whomever, it is one task, and
    /// all get its result. The manager forgets a key some time after its result was acknowledged,
    /// when 65,536 others have come since.
    pub fn submit_once(&self, key: u128, request: &Q, options: Option<TaskOptions>) -> Pending<R> {
        self.leave(request, options, Some(Uuid(key.to_be_bytes())))
    }

    fn leave(&self, request: &Q, options: Option<TaskOptions>, key: Option<Uuid>) -> Pending<R> {
        let cell = self.desk.submit(self.kind, key, options, encode(request));
        Pending::new(cell, self.desk.clone())
    }
}

impl<Q, R> Clone for Tasks<Q, R> {
    fn clone(&self) -> Self {
        Self { kind: self.kind, desk: self.desk.clone(), _types: PhantomData }
    }
}

impl<Q, R> std::fmt::Debug for Tasks<Q, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("kind", &self.kind).finish_non_exhaustive()
    }
}
