//! Nodes of clusters, as they show themselves.

use std::time::Instant;

use barewire::inspect::{Contents, Inspected};
use serde_json::{Value as Json, json};

use super::sample::rate;

/// A node of a cluster.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) process: u32,
    /// The other nodes that it knows, and how many of them are silent.
    pub(super) known: u64,
    pub(super) silent: u64,
    /// What it has to do, or waits for.
    pub(super) tasks: u64,
    /// Results that a manager has accepted.
    pub(super) finished: u64,
    pub(super) retried: u64,
    pub(super) frames: u64,
    /// Frames a second; `None` at the first look.
    pub(super) rate: Option<f64>,
    pub(super) refused: u64,
}

impl Node {
    /// The node that shows itself in the segment, if that is one of those; and what was counted
    /// before.
    pub(super) fn of(
        segment: &Inspected,
        process: u32,
        before: Option<(u64, Instant)>,
    ) -> Option<Self> {
        segment.name().strip_suffix(".figures")?;
        let Contents::Region(look) = segment.contents()? else { return None };
        let value = segment.value(&look.read()?.1).ok()?.to_json(segment.ty()).ok()?;
        let number = |name: &str| value[name].as_u64();
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let frames = number("frames")?;
        Some(Self {
            cluster: text("cluster")?,
            name: text("name")?,
            role: text("role")?.to_lowercase(),
            process,
            known: number("known")?,
            silent: number("silent")?,
            tasks: number("tasks")?,
            finished: number("finished")?,
            retried: number("retried")?,
            frames,
            rate: before.map(|(before, at)| rate(frames, before, at)),
            refused: number("refused")? + number("fenced")?,
        })
    }

    pub(super) fn to_json(&self) -> Json {
        json!({
            "cluster": self.cluster,
            "name": self.name,
            "role": self.role,
            "process": self.process,
            "known": self.known,
            "silent": self.silent,
            "tasks": self.tasks,
            "finished": self.finished,
            "retried": self.retried,
            "frames": self.frames,
            "rate": self.rate,
            "refused": self.refused,
        })
    }
}
