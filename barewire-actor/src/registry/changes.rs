//! What changes in the registry.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Table;
use crate::address::ActorId;
use crate::node::Node;

/// Something has changed in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// An actor has a name, or is in a group, from now on.
    Added {
        /// The name, or the group.
        name: String,
        /// Whether it is a group.
        group: bool,
        /// The actor.
        actor: ActorId,
    },
    /// It is no longer so: the actor has ended, or its process has, or it was taken out.
    Removed {
        /// The name, or the group.
        name: String,
        /// Whether it is a group.
        group: bool,
        /// The actor.
        actor: ActorId,
    },
}

/// The changes of the registry, one by one; begins with what is there as if it was added now.
///
/// What comes and goes between two looks may be missed; what stays is always seen.
pub struct Changes {
    node: Arc<Node>,
    version: Option<u64>,
    known: Table,
    found: VecDeque<Change>,
}

impl Changes {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node, version: None, known: Table::default(), found: VecDeque::new() }
    }

    /// The next change; `None` if the registry cannot be read any more.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            if let Some(change) = self.found.pop_front() {
                return Some(change);
            }
            if let Some(version) = self.version {
                self.node.registry.changed(version).await;
            }
            self.version = Some(self.node.registry.version());
            let table = self.node.registry.read().ok()?;
            let missing = |one: &Table, other: &Table| -> Vec<_> {
                let of = |entry: &super::Entry| (entry.name.clone(), entry.group, entry.actor);
                let lost = one.entries.iter().filter(|entry| !other.entries.contains(entry));
                lost.map(of).collect()
            };
            for (name, group, actor) in missing(&self.known, &table) {
                self.found.push_back(Change::Removed { name, group, actor });
            }
            for (name, group, actor) in missing(&table, &self.known) {
                self.found.push_back(Change::Added { name, group, actor });
            }
            self.known = table;
        }
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("version", &self.version).finish_non_exhaustive()
    }
}
