//! Prospero: a cluster that loses no accepted work, on one machine or many.
//!
//! A **manager** hands out tasks and keeps a log, **workers** do them, **clients** ask for them.
//! Each is a [`Node`] in a process of its own, as a rule, and any of them may be killed.
//!
//! ```
//! use std::time::Duration;
//! use barewire_cluster::{Failure, Node, Role, Task};
//!
//! const SQUARE: Task<u32, u64> = Task::new("square");
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cluster = format!("docs-squares-{}", std::process::id());
//! # let cluster = cluster.as_str();
//! # let folder = std::env::temp_dir().join(cluster);
//! let manager = Node::builder(cluster, Role::Manager, "boss")
//! #   .log(folder.join("log"))
//!     .start()?;
//! let worker = Node::builder(cluster, Role::Worker, "hand")
//!     .task(SQUARE, |number, _context| Ok::<u64, Failure>(u64::from(number).pow(2)))
//!     .start()?;
//! let client = Node::builder(cluster, Role::Client, "desk").start()?;
//!
//! let squares = client.tasks(SQUARE, Duration::from_secs(10))?; // an error if the types differ
//! let nine = squares.submit(&3); // also a future
//! assert_eq!(nine.wait()?, 9);
//! # drop((client, worker, manager)); std::fs::remove_dir_all(folder)?;
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! - **No accepted task is lost.** The manager writes a task into its log before it answers for it,
//!   and its client keeps it until there is a result. Manager and workers may be killed at any
//!   instruction. What [`Durability`] says is how much of the *machine* may fail.
//! - **At least one execution, at most one accepted result.** Each dispatch is (task, attempt,
//!   worker's incarnation, manager's epoch); what speaks for an earlier one is counted and refused.
//!   A task may run twice, so its effects must bear that; its client gets one result, once.
//! - **Results are kept** until their client has acknowledged them, or has been gone for an hour
//!   ([`results_kept`](NodeBuilder::results_kept)).
//! - **Two verdicts.** *Unreachable* is silence: others get the tasks of a silent worker, and it is
//!   itself when it is heard again. *Dead* is final: that incarnation is fenced, and a process that
//!   was only thought to be dead comes back as another one. On one machine death is a fact that
//!   the kernel tells; elsewhere it is silence for 2.5 s. A node that stood still itself does not
//!   count that time against others.
//! - **Every task ends**: done, failed as often as it may, cancelled, late by one of four
//!   [deadlines](Deadlines), or set aside because workers have died of it.
//!
//! # What is not
//!
//! - **A second manager.** Without consensus it would not be safe, so it is refused: by the lock on
//!   the log, and by the manager that answers. If the network hides the one from the other, nodes
//!   stay with the manager that they have. While the manager is down, nothing is handed out.
//! - **Order** between tasks.
//! - **Safety from others on the network**, but by a transport that has it, as zenoh with TLS:
//!   whoever can send to a node can speak to it. Garbage, replayed frames and those of other
//!   clusters and versions are [counted](Counters) and do no harm; a forger who knows the protocol
//!   can.
//!
//! # Clocks and attempts
//!
//! [`Deadlines`] are measured by the manager alone. A task without any of them runs as long as it
//! likes. [`Retry`] says how often failed attempts are repeated, with doubled and jittered pauses;
//! attempts that were lost with their worker or manager have not failed. A task that had started on
//! three workers, as far as the manager knew, when they died or were taken for dead, is set aside.
//! Cancellation travels with the manager's heartbeats; a task sees it in its
//! [`Context`].
//!
//! # Actors
//!
//! With the feature `actor`, a node of any role carries an actor system whose references lead to
//! actors on other nodes: see `Actors`.
//!
//! # Between
//!
//! [`transport`] has the ways between nodes, which a [`Method`] chooses: shared memory if none is
//! given, and with the feature `zenoh` also beyond one network. [`wire`] is what is said. The
//! protocol itself does no I/O: the tests run it in a simulator, 20,000 clusters whose networks
//! lose, double, delay and part, and whose processes are killed, stopped and started again.

#![forbid(unsafe_code)]

#[cfg(feature = "actor")]
mod actors;
mod core;
mod counters;
mod error;
mod log;
mod node;
mod schema;
mod task;
pub mod transport;
pub mod wire;

#[cfg(feature = "actor")]
pub use actors::Actors;
pub use counters::Counters;
pub use error::{ClusterError, TaskError};
pub use log::Durability;
#[doc(hidden)]
pub use log::results_in_log;
pub use node::{Context, KnownNode, Method, Node, NodeBuilder, Notice, Pending, Tasks};
pub use task::{Failure, Task, Value};
pub use wire::{Clock, Deadlines, Incarnation, Progress, Retry, Role, TaskOptions};
