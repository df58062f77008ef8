//! What an actor system is made with, and making it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use barewire_runtime::ipc::{Overflow, Wait};

use crate::address::NodeId;
use crate::current;
use crate::error::SystemError;
use crate::gateway::Gateway;
use crate::life::Life;
use crate::node::{Node, Shared};
use crate::process::inbox::{Lanes, Place};
use crate::registry::{NodeEntry, Registry};
use crate::system::ActorSystem;

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
    /// Answers of up to 104 bytes; 4096, 0.5 MiB.
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
    pub(crate) gateway: Option<Outside>,
}

/// The way to nodes that share no memory with this one.
#[derive(Clone)]
pub(crate) struct Outside(pub(crate) Arc<dyn Gateway>);

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a gateway")
    }
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

    /// A way to nodes that share no memory with this one, on other machines: references to their
    /// actors work as those to actors of this machine do. Names do not travel this way; references
    /// do, as part of what is sent.
    pub fn gateway(mut self, gateway: Arc<dyn Gateway>) -> Self {
        self.0.gateway = Some(Outside(gateway));
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
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| SystemError::NoRuntime)?;
        let id = config.node.map_or_else(random_node, Ok)?;
        let (registry, shared) = if config.local {
            (Registry::here(), None)
        } else {
            let place = Place { system: config.name.clone(), directory: config.directory.clone() };
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
        Ok(ActorSystem::living(node, life))
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
