//! Names and groups: who is where, for all processes of a system.

mod changes;
mod table;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use barewire_runtime::ipc::SharedRegion;
use tokio::sync::watch;

use crate::address::{ActorId, NodeId};
use crate::error::SystemError;
use crate::process::inbox::Place;

pub use changes::{Change, Changes};
pub(crate) use table::{Entry, NodeEntry, Table};
pub use table::{MAX_ENTRIES, MAX_NAME_BYTES, MAX_NODES};

/// How long to wait for somebody who is changing the table just now.
const PATIENCE: Duration = Duration::from_secs(5);

/// The table: in shared memory, or of this process alone.
pub(crate) enum Registry {
    Here { table: Mutex<Table>, version: watch::Sender<u64> },
    Shared(RwLock<Option<Arc<SharedRegion<Table>>>>),
}

impl Registry {
    pub(crate) fn here() -> Self {
        Self::Here { table: Mutex::default(), version: watch::Sender::new(0) }
    }

    pub(crate) fn shared(place: &Place) -> Result<Self, SystemError> {
        let name = format!("{}.registry", place.system);
        // Each turn but the last is lost to somebody who makes the table or leaves it just now.
        for _ in 0..64 {
            match place.region(name.clone()).open() {
                Ok(region) => return Ok(Self::of(region)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(SystemError::Registry(error.to_string())),
            }
            match place.region(name.clone()).create(&Table::default()) {
                Ok(region) => return Ok(Self::of(region)),
                Err(error) if error.is_already_exists() => {}
                Err(error) => return Err(SystemError::Registry(error.to_string())),
            }
        }
        Err(SystemError::Registry("it comes and goes".to_owned()))
    }

    pub(crate) fn of(region: SharedRegion<Table>) -> Self {
        Self::Shared(RwLock::new(Some(Arc::new(region))))
    }

    /// Gives the shared memory back.
    pub(crate) fn close(&self) {
        if let Self::Shared(region) = self {
            *region.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    pub(crate) fn read(&self) -> Result<Table, SystemError> {
        match self {
            Self::Here { table, .. } => {
                Ok(table.lock().unwrap_or_else(PoisonError::into_inner).clone())
            }
            Self::Shared(region) => {
                attached(region)?.read().map_err(|error| SystemError::Registry(error.to_string()))
            }
        }
    }

    fn update<R>(&self, change: impl FnOnce(&mut Table) -> R) -> Result<R, SystemError> {
        match self {
            Self::Here { table, version } => {
                let result = change(&mut table.lock().unwrap_or_else(PoisonError::into_inner));
                version.send_modify(|version| *version += 1);
                Ok(result)
            }
            Self::Shared(region) => attached(region)?
                .update_timeout(PATIENCE, change)
                .map_err(|error| SystemError::Registry(error.to_string())),
        }
    }

    pub(crate) fn add(&self, entry: Entry) -> Result<(), SystemError> {
        table::check_name(&entry.name)?;
        self.update(|table| table.add(entry))?
    }

    pub(crate) fn add_node(&self, node: NodeEntry) -> Result<(), SystemError> {
        self.update(|table| table.add_node(node))?
    }

    /// Removes one name of an actor; false if it had not that name.
    pub(crate) fn remove(&self, name: &str, actor: ActorId) -> Result<bool, SystemError> {
        self.remove_those(|entry| entry.name == name && entry.actor == actor)
    }

    pub(crate) fn remove_actor(&self, actor: ActorId) -> Result<(), SystemError> {
        self.remove_those(|entry| entry.actor == actor).map(drop)
    }

    fn remove_those(&self, those: impl Fn(&Entry) -> bool) -> Result<bool, SystemError> {
        // Most actors have no name, and reading disturbs nobody.
        if !self.read()?.entries.iter().any(&those) {
            return Ok(false);
        }
        self.update(|table| {
            let before = table.entries.len();
            table.entries.retain(|entry| !those(entry));
            table.entries.len() < before
        })
    }

    pub(crate) fn remove_node(&self, node: NodeId) -> Result<(), SystemError> {
        let table = self.read()?;
        let known = table.nodes.iter().any(|entry| entry.id == node)
            || table.entries.iter().any(|entry| entry.actor.node() == node);
        if !known {
            return Ok(());
        }
        self.update(|table| {
            table.nodes.retain(|entry| entry.id != node);
            table.entries.retain(|entry| entry.actor.node() != node);
        })
    }

    fn version(&self) -> u64 {
        match self {
            Self::Here { version, .. } => *version.borrow(),
            Self::Shared(region) => attached(region).map_or(0, |region| region.version()),
        }
    }

    async fn changed(&self, since: u64) {
        match self {
            Self::Here { version, .. } => {
                let _ = version.subscribe().wait_for(|version| *version != since).await;
            }
            Self::Shared(region) => {
                let wait = async {
                    let region = attached(region).ok()?;
                    region.changed_async(since).await.ok()
                };
                if wait.await.is_none() {
                    // Without a thread that waits, looking now and then is left.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

fn attached(
    region: &RwLock<Option<Arc<SharedRegion<Table>>>>,
) -> Result<Arc<SharedRegion<Table>>, SystemError> {
    let region = region.read().unwrap_or_else(PoisonError::into_inner).clone();
    region.ok_or_else(|| SystemError::Registry("the system was shut down".to_owned()))
}
