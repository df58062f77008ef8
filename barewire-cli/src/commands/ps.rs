//! `barewire ps`: the processes that are attached to segments, and those that `run` supervises.

use std::collections::BTreeMap;
use std::io::Write;

use barewire::inspect::{Entry, What};
use serde_json::{Value as Json, json};

use crate::failure::Outcome;
use crate::find::Place;
use crate::runs::{Part, parts};
use crate::{json, text};

pub(crate) fn run(place: &Place, as_json: bool) -> Outcome {
    let entries = place.entries()?;
    let mut processes = processes(&entries);
    let mut runs = BTreeMap::new();
    for part in parts(&entries) {
        processes.entry(part.process).or_default();
        runs.insert(part.process, part);
    }
    if as_json {
        let list = processes.into_iter().map(|(process, segments)| {
            json!({
                "process": process,
                "command": command_of(process),
                "segments": segments,
                "run": runs.get(&process).map(|part| json!({
                    "name": part.run,
                    "instance": part.instance,
                    "restarts": part.restarts,
                })),
            })
        });
        return json::pretty(&Json::Array(list.collect()));
    }
    let mut out = std::io::stdout().lock();
    if processes.is_empty() {
        return Ok(writeln!(out, "nobody is attached to a segment in {}", place.path().display())?);
    }
    let rows: Vec<Vec<String>> = processes
        .into_iter()
        .map(|(process, names)| {
            let (run, restarts) = shown(runs.get(&process));
            vec![process.to_string(), command_of(process), run, restarts, names.join(" ")]
        })
        .collect();
    let names = ["PID", "COMMAND", "RUN", "RESTARTS", "SEGMENTS"];
    Ok(out.write_all(text::table(&names, &[0, 3], &rows).as_bytes())?)
}

/// Which run a process belongs to, and how often it was started again there.
fn shown(part: Option<&Part>) -> (String, String) {
    let Some(part) = part else { return ("-".to_owned(), "-".to_owned()) };
    let run = match part.instance {
        Some(number) => format!("{}.{number}", part.run),
        None => part.run.clone(),
    };
    (run, part.restarts.to_string())
}

/// The segments that each process alive is attached to.
pub(crate) fn processes(entries: &[Entry]) -> BTreeMap<u32, Vec<String>> {
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for entry in entries {
        let What::Segment(segment) = &entry.what else { continue };
        for who in segment.participants().iter().filter(|who| who.alive) {
            let names = found.entry(who.process).or_default();
            if names.last() != Some(&entry.name) {
                names.push(entry.name.clone());
            }
        }
    }
    found
}

/// What a process calls itself, as far as this one may know.
pub(crate) fn command_of(process: u32) -> String {
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    // A process may call itself anything.
    name.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
