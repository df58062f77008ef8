//! One look at everything, and what has changed since the one before.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Instant;

use barewire::inspect::{Contents, Inspected};
use barewire::segment::{Directory, Kind};
use barewire::value::Value;
use serde_json::{Value as Json, json};

use super::nodes::Node;
use crate::commands::ls::depth;
use crate::commands::ps::command_of;
use crate::failure::Outcome;
use crate::figures::{Figures, type_name};
use crate::find::Place;
use crate::text;

/// Looks at all segments again and again.
pub(super) struct Sampler {
    place: Place,
    known: HashMap<String, Known>,
}

/// A segment that was looked at before.
struct Known {
    segment: Inspected,
    /// What was counted then, and when.
    before: Option<(Figures, Instant)>,
    handled: Option<(u64, Instant)>,
    frames: Option<(u64, Instant)>,
}

/// How everything stands.
#[derive(Debug, Default)]
pub(super) struct Sample {
    pub(super) path: String,
    pub(super) rows: Vec<Row>,
    pub(super) processes: Vec<Process>,
    pub(super) actors: Vec<Actors>,
    pub(super) nodes: Vec<Node>,
    /// Names that lead to no segment of ours.
    pub(super) others: usize,
}

/// One segment.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) type_name: String,
    pub(super) depth: String,
    pub(super) figures: Figures,
    /// Messages, calls or changes a second; `None` at the first look.
    pub(super) rate: Option<f64>,
    /// How many were dropped or lost since the last look.
    pub(super) drops: u64,
    pub(super) alive: usize,
    pub(super) dead: usize,
    pub(super) age: String,
}

/// One process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) id: u32,
    pub(super) command: String,
    pub(super) segments: Vec<String>,
}

/// The actors of one process.
#[derive(Debug)]
pub(super) struct Actors {
    pub(super) system: String,
    pub(super) process: u32,
    pub(super) actors: u64,
    pub(super) handled: u64,
    pub(super) rate: Option<f64>,
    pub(super) restarts: u64,
    pub(super) dead_letters: u64,
    /// The deepest mailbox: its actor's name or number, and how many messages wait there.
    pub(super) deepest: Option<(String, u64)>,
}

/// What segments are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Rate,
    Depth,
    Name,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Self::Rate => Self::Depth,
            Self::Depth => Self::Name,
            Self::Name => Self::Rate,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Depth => "depth",
            Self::Name => "name",
        }
    }

    pub(super) fn compare(self, one: &Row, other: &Row) -> Ordering {
        let first = match self {
            Self::Rate => other.rate.unwrap_or(0.0).total_cmp(&one.rate.unwrap_or(0.0)),
            Self::Depth => other.figures.depth.cmp(&one.figures.depth),
            Self::Name => Ordering::Equal,
        };
        first.then_with(|| one.name.cmp(&other.name))
    }
}

impl Sampler {
    pub(super) fn new(place: Place) -> Self {
        Self { place, known: HashMap::new() }
    }

    pub(super) fn look(&mut self) -> Outcome<Sample> {
        let mut sample =
            Sample { path: self.place.path().display().to_string(), ..Sample::default() };
        let Some(directory) = self.place.directory()? else {
            self.known.clear();
            return Ok(sample);
        };
        let mut names = directory.names()?;
        names.sort();
        self.known.retain(|name, known| names.contains(name) && !known.segment.is_removed());
        let mut segments: HashMap<u32, Vec<String>> = HashMap::new();
        for name in names {
            let Some(known) = self.known(&directory, &name) else {
                sample.others += 1;
                continue;
            };
            let people = known.segment.participants();
            for who in people.iter().filter(|who| who.alive) {
                let of = segments.entry(who.process).or_default();
                if of.last() != Some(&name) {
                    of.push(name.clone());
                }
            }
            let alive = people.iter().filter(|who| who.alive).count();
            if let Some(actors) = actors(known, people.iter().find(|who| who.alive)) {
                sample.actors.push(actors);
            }
            if let Some(who) = people.iter().find(|who| who.alive)
                && let Some(node) = Node::of(&known.segment, who.process, known.frames)
            {
                known.frames = Some((node.frames, Instant::now()));
                sample.nodes.push(node);
            }
            sample.rows.extend(row(known, name, (alive, people.len() - alive)));
        }
        sample.processes = segments
            .into_iter()
            .map(|(id, segments)| Process { id, command: command_of(id), segments })
            .collect();
        sample.processes.sort_by_key(|process| process.id);
        sample
            .actors
            .sort_by(|one, other| (&one.system, one.process).cmp(&(&other.system, other.process)));
        sample.nodes.sort_by(|one, other| {
            (&one.cluster, &one.role, &one.name).cmp(&(&other.cluster, &other.role, &other.name))
        });
        Ok(sample)
    }

    fn known(&mut self, directory: &Directory, name: &str) -> Option<&mut Known> {
        if !self.known.contains_key(name) {
            let segment = Inspected::open(directory, name).ok()?;
            let known = Known { segment, before: None, handled: None, frames: None };
            self.known.insert(name.to_owned(), known);
        }
        self.known.get_mut(name)
    }
}

/// So many more since then, a second.
pub(super) fn rate(now: u64, before: u64, since: Instant) -> f64 {
    now.saturating_sub(before) as f64 / since.elapsed().as_secs_f64().max(1e-9)
}

fn row(known: &mut Known, name: String, (alive, dead): (usize, usize)) -> Option<Row> {
    let segment = &known.segment;
    let figures = Figures::of(segment)?;
    let bad = |figures: &Figures| figures.dropped + figures.lost;
    let row = Row {
        kind: segment.kind(),
        type_name: type_name(segment),
        depth: depth(segment.kind(), &figures),
        rate: known.before.as_ref().map(|(before, at)| rate(figures.passed, before.passed, *at)),
        drops: known.before.as_ref().map_or(0, |(old, _)| bad(&figures).saturating_sub(bad(old))),
        figures: figures.clone(),
        alive,
        dead,
        age: text::age(text::since(segment.created())),
        name,
    };
    known.before = Some((figures, Instant::now()));
    Some(row)
}

/// What the actors of a process have counted, if the segment is where they write that down.
fn actors(known: &mut Known, who: Option<&barewire::inspect::Participant>) -> Option<Actors> {
    let segment = &known.segment;
    let rest = segment.name().strip_suffix(".counters")?;
    let (system, _node) = rest.rsplit_once('.')?;
    let Contents::Region(look) = segment.contents()? else { return None };
    let value = segment.value(&look.read()?.1).ok()?;
    let number = |value: &Value, name: &str| match value.field(name) {
        Some(Value::U64(number)) => Some(*number),
        _ => None,
    };
    let Some(Value::List(deepest)) = value.field("deepest") else { return None };
    let deepest = deepest.first().and_then(|one| {
        let name = match one.field("name") {
            Some(Value::Str(name)) if !name.is_empty() => name.clone(),
            _ => number(one, "actor")?.to_string(),
        };
        Some((name, number(one, "depth")?))
    });
    let handled = number(&value, "handled")?;
    let found = Actors {
        system: system.to_owned(),
        process: who?.process,
        actors: number(&value, "actors")?,
        handled,
        rate: known.handled.map(|(before, at)| rate(handled, before, at)),
        restarts: number(&value, "restarts")?,
        dead_letters: number(&value, "dead_letters")?,
        deepest,
    };
    known.handled = Some((handled, Instant::now()));
    Some(found)
}

impl Sample {
    pub(super) fn rate(&self) -> f64 {
        self.rows.iter().filter_map(|row| row.rate).sum()
    }

    pub(super) fn to_json(&self) -> Json {
        let segments = self.rows.iter().map(|row| {
            json!({
                "name": row.name,
                "kind": row.kind.to_string(),
                "type": row.type_name,
                "rate": row.rate,
                "drops": row.drops,
                "alive": row.alive,
                "dead": row.dead,
                "figures": row.figures.to_json(),
            })
        });
        let processes = self.processes.iter().map(|process| {
            json!({
                "process": process.id,
                "command": process.command,
                "segments": process.segments,
            })
        });
        let actors = self.actors.iter().map(|actors| {
            json!({
                "system": actors.system,
                "process": actors.process,
                "actors": actors.actors,
                "handled": actors.handled,
                "rate": actors.rate,
                "restarts": actors.restarts,
                "dead_letters": actors.dead_letters,
                "deepest": actors.deepest.as_ref().map(|(name, depth)| {
                    json!({ "actor": name, "depth": depth })
                }),
            })
        });
        json!({
            "segments": segments.collect::<Vec<_>>(),
            "processes": processes.collect::<Vec<_>>(),
            "actors": actors.collect::<Vec<_>>(),
            "nodes": self.nodes.iter().map(Node::to_json).collect::<Vec<_>>(),
            "others": self.others,
        })
    }
}
