//! Olivier: typed, supervised actors that do not care which process they live in.
//!
//! With the facade, this crate is `barewire::actor`, behind the feature `actor`. Actors run on
//! tokio.
//!
//! An [`Actor`] has a state and handles typed messages, one after the other. An [`ActorRef`] leads
//! to one, and it is the same type for an actor of this process and of another process on this
//! machine. References are BARE values, so they travel inside messages.
//!
//! ```
//! use std::time::Duration;
//! use barewire_actor::{Actor, ActorSystem, Context, Message, Outcome};
//! use barewire_derive::BareSchema;
//!
//! #[derive(BareSchema)]
//! # #[bare(crate = "::barewire_runtime")]
//! enum Account {
//!     Deposit { cents: u64 },
//!     Balance,
//! }
//!
//! impl Message for Account {
//!     type Reply = u64; // what answers an `ask`
//! }
//!
//! #[derive(Default)]
//! struct Teller { cents: u64 }
//!
//! impl Actor for Teller {
//!     type Message = Account;
//!
//!     async fn handle(&mut self, message: Account, context: &mut Context<Self>) -> Outcome {
//!         match message {
//!             Account::Deposit { cents } => self.cents += cents,
//!             Account::Balance => context.reply(self.cents),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 1)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bank = format!("docs-bank-{}", std::process::id());
//! let system = ActorSystem::builder(&bank).start()?;
//! system.actor(Teller::default()).name("teller").spawn()?;
//!
//! let other = ActorSystem::builder(&bank).start()?; // in another process, as a rule
//! let teller = other.lookup::<Account>("teller")?; // an error if the types differ
//! teller.tell(Account::Deposit { cents: 500 }).await?;
//! assert_eq!(teller.ask(Account::Balance, Duration::from_secs(1)).await?, 500);
//! # other.shutdown().await; system.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! - **At most once.** A message is handled once or not at all; nothing is sent again unasked.
//! - **In order per pair.** What one actor sends to another arrives in the order in which it was
//!   sent: messages and questions alike. Between different senders there is no order.
//! - **No strangers.** A reference means one life of one actor. When that has ended, sending gives
//!   [`TellError::Gone`] with the cause: how it failed, or the exit status or signal of its
//!   process.
//!   What a supervisor starts again is another actor; its *name* leads to the new one.
//! - **Every question ends.** [`ask`](ActorRef::ask) gives an answer, a reason, or
//!   [`AskError::TimedOut`]. It fails as soon as the actor's end is known.
//! - **Signals go first.** Stop, drain, kill, watches and ends have a lane of their own, between
//!   processes as well; there they are numbered, acknowledged and sent again.
//! - **A watcher is told exactly once**, also if the watched actor ended long ago.
//! - **The kernel says who is dead.** A process that is silent is [reported](Event::Unresponsive)
//!   as unresponsive, and is not taken for dead.
//!
//! A message is lost when its actor or its process ends before handling it, and when the mailbox
//! was made to refuse or to drop. Lost messages become [dead letters](ActorSystem::dead_letters)
//! where that is known; what a killed process held is lost without one.
//!
//! # Full mailboxes
//!
//! Mailboxes are bounded. With [`Overflow::Block`], `tell` waits, and `ask` does until its deadline
//! (it is then sent while it is awaited); messages of other processes stay in the inbox of the
//! process, and its senders wait in turn, so one slow actor can hold up messages for others in its
//! process. Two actors that both wait in `tell` for room in the mailbox
//! of the other wait for ever: use `try_tell`, or another policy, where messages run in circles.
//! Answers never wait behind messages.
//!
//! # Between processes
//!
//! Each process of a system has an inbox in shared memory. A message whose type has a largest size
//! stands there as its fixed layout, written in place by the sender and read in place by the
//! receiver; others travel as BARE octets, up to 64 KiB. One thread per process empties the inbox;
//! actors that are made [`on_dispatcher`](ActorBuilder::on_dispatcher) run on it.
//!
//! [`Supervisor`] starts [worker processes](WorkerProcess), and any other [`Program`], as it starts
//! actors; [`Worker::here`] is what a program with such children asks first; [`WorkerProcess`] has
//! an example. [`testkit`] helps to test programs with actors.
//!
//! # Other machines
//!
//! A reference leads to an actor on another machine if the system was made with a [`Gateway`] that
//! leads to its node, as `barewire::cluster` has one. Everything promised above holds there too,
//! but that the kernel says who is dead: who cannot be reached any more is [`Cause::Unreachable`]
//! when the gateway's owner says so. Names and groups are those of one machine; a cluster has names
//! of its own.
//!
//! # What can be watched
//!
//! With `tracing` at the level `debug`, every message is handled in a span that names the actor,
//! the sender and the trace; the trace goes along to other actors and to other processes.

#![forbid(unsafe_code)]

mod actor;
mod address;
mod builder;
mod cause;
mod cell;
mod context;
mod core;
mod counters;
mod current;
mod dead_letters;
mod error;
mod gateway;
mod hash;
mod life;
mod mailbox;
mod message;
mod node;
mod process;
mod program;
mod random;
mod reference;
mod registry;
mod reply;
mod run;
mod strategy;
mod supervisor;
mod system;
pub mod testkit;
mod worker;

pub use actor::{Actor, Failure, Outcome, Terminated};
pub use address::{ActorId, NodeId};
pub use barewire_runtime::ipc::{Overflow, Wait};
pub use builder::{Memory, SystemBuilder};
pub use cause::Cause;
pub use context::{Context, TimerId};
pub use counters::{ActorCounters, Counters};
pub use dead_letters::{DeadLetter, DeadLetters, Undelivered};
pub use error::{AskError, LookupError, SystemError, TellError};
pub use gateway::{Gateway, MAX_PARCEL_BYTES, ParcelKind};
pub use message::{Message, Nothing, Value};
pub use program::Program;
pub use reference::ActorRef;
pub use registry::{Change, Changes, MAX_ENTRIES, MAX_NAME_BYTES, MAX_NODES};
pub use reply::ReplyTo;
pub use strategy::{Backoff, Restart, Strategy};
pub use supervisor::{Identity, News, Supervision, Supervisor};
pub use system::{ActorBuilder, ActorSystem, Event, Events, Monitor};
pub use worker::{Worker, WorkerProcess};
