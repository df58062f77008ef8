//! What a process counts, readable from outside.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use barewire_derive::BareSchema;
use barewire_runtime::ipc::SharedRegion;

use crate::node::Node;
use crate::process::inbox::Place;
use crate::registry::Registry;

/// One actor's part.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct ActorCounters {
    /// The actor's number in its process.
    pub actor: u64,
    /// Its name; empty if it has none.
    #[bare(max = 48)]
    pub name: String,
    /// How many messages wait in its mailbox, or are in hand.
    pub depth: u64,
    /// How many messages it has handled.
    pub handled: u64,
}

/// What a process has counted.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq, Default)]
#[bare(crate = "::barewire_runtime")]
pub struct Counters {
    /// Messages handled by all actors, those that have ended included.
    pub handled: u64,
    /// Messages that nobody handled.
    pub dead_letters: u64,
    /// Children that supervisors have started again.
    pub restarts: u64,
    /// Actors that live.
    pub actors: u64,
    /// Actors that have ended.
    pub ended: u64,
    /// The actors with the deepest mailboxes, up to 64.
    #[bare(max = 64)]
    pub deepest: Vec<ActorCounters>,
}

impl Counters {
    pub(crate) fn of(node: &Node) -> Self {
        let load = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let cells = node.cells();
        let mut deepest: Vec<_> = cells
            .iter()
            .map(|(actor, cell)| ActorCounters {
                actor: *actor,
                name: cell.name().unwrap_or_default().to_owned(),
                depth: cell.depth() as u64,
                handled: cell.handled(),
            })
            .collect();
        let handled = deepest.iter().map(|one| one.handled).sum::<u64>();
        deepest.sort_by_key(|one| (std::cmp::Reverse(one.depth), one.actor));
        deepest.truncate(64);
        Self {
            handled: load(&node.counts.handled) + handled,
            dead_letters: load(&node.counts.dead_letters),
            restarts: load(&node.counts.restarts),
            actors: cells.len() as u64,
            ended: load(&node.counts.ended),
            deepest,
        }
    }

    /// What the processes of a system have counted, from a process that need not be one of them:
    /// for each its process id, and figures that are at most as old as its heartbeat is long.
    ///
    /// # Errors
    ///
    /// The registry of no such system can be read.
    pub fn read(
        system: &str,
        directory: Option<&Path>,
    ) -> Result<Vec<(i32, Self)>, crate::SystemError> {
        let directory = directory.map(Path::to_path_buf);
        let place = Place { system: system.to_owned(), directory };
        let fault =
            |error: barewire_runtime::Error| crate::SystemError::Registry(error.to_string());
        let table = place.region(format!("{system}.registry")).open().map_err(fault)?;
        let table = Registry::of(table).read()?;
        let mut found = Vec::new();
        for node in table.nodes {
            let region = place.region(name(system, node.id)).open();
            if let Ok(region) = region {
                found.push((node.pid, region.read().map_err(fault)?));
            }
        }
        Ok(found)
    }
}

fn name(system: &str, node: crate::NodeId) -> String {
    format!("{system}.{node}.counters")
}

/// Shows that tasks get their turn, and writes down what was counted.
pub(crate) async fn pulse(node: Arc<Node>) {
    let Some(shared) = &node.shared else { return };
    let region = shared.place.region(name(&node.config.name, node.id)).create(&Counters::default());
    let region: Option<SharedRegion<Counters>> = region.ok();
    let mut turn = tokio::time::interval(node.config.heartbeat / 2);
    turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !node.is_stopped() {
        turn.tick().await;
        node.pulse.fetch_add(1, Ordering::Relaxed);
        if let Some(region) = &region {
            let counters = Counters::of(&node);
            let _ = region.update(|shown| *shown = counters);
        }
    }
}
