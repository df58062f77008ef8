//! Olivier: typed, supervised actors that do not care which process they live in.
#![forbid(unsafe_code)]

mod actor;
mod address;
mod cause;
mod cell;
mod context;
mod core;
mod counters;
mod current;
mod dead_letters;
mod error;
mod mailbox;
mod message;
mod node;
mod process;
mod reference;
mod registry;
mod reply;
mod run;
mod strategy;
mod supervisor;
mod system;
mod worker;

pub use actor::{Actor, Failure, Outcome, Terminated};
pub use address::{ActorId, NodeId};
pub use barewire_runtime::ipc::{Overflow, Wait};
pub use cause::Cause;
pub use context::{Context, TimerId};
pub use counters::{ActorCounters, Counters};
pub use dead_letters::{DeadLetter, DeadLetters, Undelivered};
pub use error::{AskError, LookupError, SystemError, TellError};
pub use message::{Message, Nothing, Value};
pub use reference::ActorRef;
pub use registry::{Change, Changes, MAX_ENTRIES, MAX_NAME_BYTES, MAX_NODES};
pub use reply::ReplyTo;
pub use strategy::{Backoff, Restart, Strategy};
pub use supervisor::{Identity, News, Supervision, Supervisor};
pub use system::{ActorBuilder, ActorSystem, Event, Events, Memory, Monitor, SystemBuilder};
pub use worker::{Worker, WorkerProcess};
