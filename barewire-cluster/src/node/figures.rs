//! What a node shows of itself to tools: a region that it alone writes, and nobody waits for.

use std::path::PathBuf;
use std::time::Duration;

use barewire_derive::BareSchema;
use barewire_runtime::ipc::SharedRegion;
use barewire_runtime::segment::Directory;

use super::builder::Method;
use super::driver::Part;
use super::shared::Shared;
use crate::core::Time;
use crate::wire::{Incarnation, Role};

/// How often they are written.
const EVERY: Time = Duration::from_millis(100).as_micros() as Time;

/// The figures of one node, as they stand in the region `CLUSTER.INCARNATION.figures`.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
struct NodeFigures {
    #[bare(max = 48)]
    cluster: String,
    #[bare(max = 48)]
    name: String,
    role: Role,
    /// Which life of it, by now.
    incarnation: Incarnation,
    /// Of a manager: how often managers have begun with its log.
    epoch: u64,
    /// The other nodes that it knows, and how many of them are silent.
    known: u32,
    silent: u32,
    /// Tasks that it has; a manager keeps those whose results were not acknowledged.
    tasks: u64,
    accepted: u64,
    finished: u64,
    retried: u64,
    stale: u64,
    frames: u64,
    resent: u64,
    refused: u64,
    fenced: u64,
}

impl Method {
    /// Where its segments are, if not in the standard directory.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        match self {
            Self::Memory(options) => options.directory.clone(),
            Self::Pipe(options) => options.directory.clone(),
            _ => None,
        }
    }
}

/// Writes the figures of a node, if there is a place for them.
#[derive(Default)]
pub(super) struct Figures {
    directory: PathBuf,
    region: Option<SharedRegion<NodeFigures>>,
    due: Time,
}

impl Figures {
    /// Where they are shown: there, or in the standard directory.
    pub(super) fn set_directory(&mut self, directory: Option<PathBuf>) {
        self.directory = directory.unwrap_or_else(Directory::standard_path);
    }

    /// Shows the figures, if they are not fresh.
    pub(super) fn show(&mut self, now: Time, part: &mut dyn Part, shared: &Shared) {
        if now < self.due {
            return;
        }
        self.due = now + EVERY;
        let figures = figures(part, shared);
        match &self.region {
            Some(region) => drop(region.update(|shown| *shown = figures)),
            None => {
                let name = format!("{}.{}.figures", figures.cluster, figures.incarnation);
                let region = SharedRegion::builder(name).directory(&self.directory);
                self.region = region.create(&figures).ok();
                if self.region.is_none() {
                    // A node works without; that there is no place will not change soon.
                    self.due = Time::MAX;
                }
            }
        }
    }

    /// The node has ended.
    pub(super) fn close(&mut self) {
        self.due = Time::MAX;
        if self.region.take().is_some() {
            // Those of nodes that were killed; whoever comes next would remove them as well.
            let directory = Directory::existing(&self.directory).ok().flatten();
            directory.map(|directory| directory.remove_abandoned());
        }
    }
}

fn figures(part: &mut dyn Part, shared: &Shared) -> NodeFigures {
    let known = shared.known();
    let silent = known.iter().filter(|node| !node.reachable).count();
    let (epoch, tasks) = (part.epoch(), part.tasks() as u64);
    let members = part.members();
    let (me, counted) = (&members.me, &members.counters);
    NodeFigures {
        cluster: me.cluster.clone(),
        name: me.name.clone(),
        role: me.role,
        incarnation: me.incarnation,
        epoch,
        known: known.len() as u32,
        silent: silent as u32,
        tasks,
        accepted: counted.accepted,
        finished: counted.finished,
        retried: counted.retried,
        stale: counted.stale,
        frames: counted.frames,
        resent: counted.resent,
        refused: counted.refused(),
        fenced: counted.fenced,
    }
}
