//! `barewire show`: one segment, from its header to the offsets of its fields.

use std::io::Write;

use barewire::inspect::{Contents, Inspected, Participant};
use barewire::ipc::Overflow;
use barewire::schema::Type;
use serde_json::{Value as Json, json};

use super::ps::command_of;
use crate::failure::Outcome;
use crate::figures::{Figures, type_name};
use crate::find::Place;
use crate::{json, text};

pub(crate) fn run(place: &Place, name: &str, as_json: bool) -> Outcome {
    let segment = place.open(name)?;
    if as_json { json::pretty(&to_json(&segment)) } else { print(&segment) }
}

/// What the segment was made with: a word, and what it says.
fn choices(segment: &Inspected) -> Vec<(&'static str, Json)> {
    match segment.contents() {
        Some(Contents::Region(_) | Contents::Struct(_)) | None => Vec::new(),
        Some(Contents::Queue(look)) => vec![
            ("capacity", json!(look.capacity())),
            ("slot_bytes", json!(look.slot_bytes())),
            (
                "overflow",
                json!(match look.overflow() {
                    Overflow::Block => "block",
                    Overflow::Reject => "reject",
                    Overflow::DropOldest => "drop oldest",
                }),
            ),
            ("timestamps", json!(look.has_timestamps())),
            ("at_most_once", json!(look.is_at_most_once())),
            ("isolated", json!(look.is_isolated())),
        ],
        Some(Contents::Topic(look)) => vec![
            ("depth", json!(look.depth())),
            ("slot_bytes", json!(look.slot_bytes())),
            ("publishers", json!(look.most_publishers())),
            ("subscribers", json!(look.most_subscribers())),
            ("lossy", json!(look.most_subscribers().is_none())),
            ("timestamps", json!(look.has_timestamps())),
            ("isolated", json!(look.is_isolated())),
        ],
        Some(Contents::Service(look)) => vec![
            ("clients", json!(look.most_clients())),
            ("frames", json!(look.frames())),
            ("request_bytes", json!(look.request_bytes())),
            ("reply_bytes", json!(look.reply_bytes())),
            ("isolated", json!(look.is_isolated())),
        ],
    }
}

/// What a participant does in the segment, as far as it can be seen.
fn role(segment: &Inspected, who: &Participant) -> String {
    let mut roles = Vec::new();
    let mut add = |is: bool, role: String| {
        if is {
            roles.push(role);
        }
    };
    match segment.contents() {
        None | Some(Contents::Struct(_)) => {}
        Some(Contents::Region(look)) => {
            add(look.figures().writer == Some(who.index), "changes the value".to_owned());
        }
        Some(Contents::Queue(look)) => {
            if let Some((reading, produces)) = look.roles().get(usize::from(who.index)) {
                add(*reading > 0, format!("reads {reading}"));
                add(*produces, "has produced".to_owned());
            }
        }
        Some(Contents::Topic(look)) => {
            let found = look.figures();
            add(found.publishers.contains(&who.index), "publishes".to_owned());
            for one in found.subscribers.iter().filter(|one| one.participant == who.index) {
                add(true, format!("subscribes, {} behind", one.behind));
            }
        }
        Some(Contents::Service(look)) => {
            let found = look.figures();
            add(found.servers.contains(&who.index), "serves".to_owned());
            add(found.clients.contains(&who.index), "calls".to_owned());
        }
    }
    roles.join(", ")
}

/// A part of a layout: its path, where it is, its bytes, its type.
struct Part {
    path: String,
    offset: u64,
    bytes: u64,
    ty: String,
}

fn parts(ty: &Type, path: &str, offset: u64, out: &mut Vec<Part>) {
    let Some(layout) = ty.layout() else { return };
    if let Type::Struct(fields) = ty.resolved() {
        for (index, field) in fields.iter().enumerate() {
            let at = offset + ty.resolved().field_offset(index).unwrap_or(0);
            let dot = if path.is_empty() { "" } else { "." };
            parts(field.ty.get(), &format!("{path}{dot}{}", field.name), at, out);
        }
        return;
    }
    let path = if path.is_empty() { "(the value)".to_owned() } else { path.to_owned() };
    out.push(Part { path, offset, bytes: layout.size, ty: ty.to_string() });
}

/// The layout of a type, part by part; a service has two.
fn layouts(segment: &Inspected) -> Vec<(String, Vec<Part>)> {
    let of = |ty: &Type| {
        let mut found = Vec::new();
        parts(ty, "", 0, &mut found);
        found
    };
    match (segment.contents(), segment.ty().resolved()) {
        (Some(Contents::Service(_)), Type::Struct(pair)) => {
            pair.iter().map(|field| (field.name.to_string(), of(field.ty.get()))).collect()
        }
        _ => vec![(String::new(), of(segment.ty()))],
    }
}

fn print(segment: &Inspected) -> Outcome {
    let mut out = std::io::stdout().lock();
    let (at, bytes) = segment.body();
    writeln!(out, "{}: a {} of {}", segment.name(), segment.kind(), type_name(segment))?;
    let mut line = |what: &str, told: String| writeln!(out, "  {what:<14}{told}");
    line("wire id", segment.wire_id().to_string())?;
    line("layout id", segment.layout_id().to_string())?;
    line("made", format!("{} ago", text::age(text::since(segment.created()))))?;
    let total = text::bytes(segment.total_bytes());
    line("size", format!("{total}, the body {} at {at}", text::bytes(bytes)))?;
    for (what, choice) in choices(segment) {
        let told = choice.as_str().map_or_else(|| choice.to_string(), str::to_owned);
        line(&what.replace('_', " "), told)?;
    }
    if let Some(figures) = Figures::of(segment) {
        if let Some(depth) = figures.depth {
            line("waiting", depth.to_string())?;
        }
        line("passed", figures.passed.to_string())?;
        let bad = [
            ("dropped", figures.dropped),
            ("lost", figures.lost),
            ("redelivered", figures.redelivered),
        ];
        for (what, count) in bad.into_iter().filter(|(_, count)| *count > 0) {
            line(what, count.to_string())?;
        }
        for (who, count) in figures.waiting.iter().filter(|(_, count)| *count > 0) {
            line("asleep", format!("{count} {who}"))?;
        }
    } else {
        line("damaged", "the numbers in its header do not fit together".to_owned())?;
    }
    let people = segment.participants();
    writeln!(out, "\nparticipants: {}", people.len())?;
    let rows: Vec<Vec<String>> = people
        .iter()
        .map(|who| {
            vec![
                format!("  {}", who.index),
                who.process.to_string(),
                if who.alive { "alive" } else { "dead" }.to_owned(),
                if who.alive { command_of(who.process) } else { String::new() },
                role(segment, who),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["  #", "PID", "STATE", "COMMAND", "ROLE"];
        out.write_all(text::table(&head, &[1], &rows).as_bytes())?;
    }
    writeln!(out, "\nschema:")?;
    for text in segment.schema_text().lines() {
        writeln!(out, "  {text}")?;
    }
    for (name, parts) in layouts(segment) {
        let of = if name.is_empty() { name } else { format!(" of the {name}") };
        if parts.is_empty() {
            writeln!(out, "\nlayout{of}: none, since the type has no largest size: BARE octets")?;
            continue;
        }
        writeln!(out, "\nlayout{of}:")?;
        let rows: Vec<Vec<String>> = parts
            .into_iter()
            .map(|part| {
                vec![format!("  {}", part.offset), part.bytes.to_string(), part.path, part.ty]
            })
            .collect();
        out.write_all(
            text::table(&["  OFFSET", "BYTES", "FIELD", "TYPE"], &[0, 1], &rows).as_bytes(),
        )?;
    }
    Ok(())
}

fn to_json(segment: &Inspected) -> Json {
    let (at, bytes) = segment.body();
    let people: Vec<Json> = segment
        .participants()
        .iter()
        .map(|who| {
            json!({
                "index": who.index,
                "process": who.process,
                "alive": who.alive,
                "command": if who.alive { command_of(who.process) } else { String::new() },
                "role": role(segment, who),
            })
        })
        .collect();
    let layouts: serde_json::Map<String, Json> = layouts(segment)
        .into_iter()
        .map(|(name, parts)| {
            let parts = parts.into_iter().map(|part| {
                json!({
                    "path": part.path,
                    "offset": part.offset,
                    "bytes": part.bytes,
                    "type": part.ty,
                })
            });
            (if name.is_empty() { "value".to_owned() } else { name }, parts.collect())
        })
        .collect();
    json!({
        "name": segment.name(),
        "kind": segment.kind().to_string(),
        "type": type_name(segment),
        "wire_id": segment.wire_id().to_string(),
        "layout_id": segment.layout_id().to_string(),
        "created_ns": text::nanoseconds(segment.created()),
        "bytes": segment.total_bytes(),
        "body": { "offset": at, "bytes": bytes },
        "made_with": choices(segment)
            .into_iter()
            .map(|(what, choice)| (what.to_owned(), choice))
            .collect::<serde_json::Map<_, _>>(),
        "figures": Figures::of(segment).map(|figures| figures.to_json()),
        "participants": people,
        "schema": segment.schema_text(),
        "layout": layouts,
    })
}
