//! What stands in the registry.

use barewire_derive::BareSchema;
use barewire_runtime::layout::Uuid;

use crate::address::{ActorId, NodeId};
use crate::error::SystemError;

/// The most processes of one system.
pub const MAX_NODES: usize = 120;
/// The most names and members of groups in one system.
pub const MAX_ENTRIES: usize = 512;
/// The longest name.
pub const MAX_NAME_BYTES: usize = 48;

/// One process of the system.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct NodeEntry {
    pub(crate) id: NodeId,
    pub(crate) pid: i32,
}

/// A name, or a place in a group.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Entry {
    #[bare(max = 48)]
    pub(crate) name: String,
    pub(crate) group: bool,
    pub(crate) actor: ActorId,
    pub(crate) contract: Uuid,
}

/// Everybody who can be found.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq, Default)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Table {
    #[bare(max = 120)]
    pub(crate) nodes: Vec<NodeEntry>,
    #[bare(max = 512)]
    pub(crate) entries: Vec<Entry>,
}

impl Table {
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), SystemError> {
        let clash = self.entries.iter().find(|known| {
            known.name == entry.name
                && (known.group != entry.group || !entry.group || known.actor == entry.actor)
        });
        match clash {
            Some(known) if *known == entry => Ok(()),
            Some(_) => Err(SystemError::NameTaken(entry.name)),
            None if self.entries.len() == MAX_ENTRIES => {
                let detail = format!("has {MAX_ENTRIES} names, which is the limit");
                Err(SystemError::Registry(detail))
            }
            None => {
                self.entries.push(entry);
                Ok(())
            }
        }
    }

    pub(super) fn add_node(&mut self, node: NodeEntry) -> Result<(), SystemError> {
        if self.nodes.len() == MAX_NODES {
            let detail = format!("has {MAX_NODES} processes, which is the limit");
            return Err(SystemError::Registry(detail));
        }
        self.nodes.push(node);
        Ok(())
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| !entry.group && entry.name == name)
    }

    pub(crate) fn members(&self, group: &str) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.group && entry.name == group)
    }
}

pub(super) fn check_name(name: &str) -> Result<(), SystemError> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        let detail = format!("a name has 1 to {MAX_NAME_BYTES} octets, and not {}", name.len());
        return Err(SystemError::InvalidName(detail));
    }
    Ok(())
}
