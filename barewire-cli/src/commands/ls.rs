//! `barewire ls`: all segments.

use std::io::Write;

use barewire::inspect::{Entry, Inspected, What};
use barewire::segment::Kind;
use serde_json::{Value as Json, json};

use crate::failure::Outcome;
use crate::figures::{Figures, type_name};
use crate::find::Place;
use crate::{json, text};

pub(crate) fn run(place: &Place, as_json: bool) -> Outcome {
    let entries = place.entries()?;
    if as_json {
        return json::pretty(&Json::Array(entries.iter().map(to_json).collect()));
    }
    let mut out = std::io::stdout().lock();
    if entries.is_empty() {
        return Ok(writeln!(out, "no segments in {}", place.path().display())?);
    }
    let head = ["NAME", "KIND", "TYPE", "SIZE", "ALIVE", "DEAD", "DEPTH", "AGE"];
    let rows: Vec<_> = entries.iter().map(row).collect();
    Ok(out.write_all(text::table(&head, &[3, 4, 5, 6, 7], &rows).as_bytes())?)
}

fn counts(segment: &Inspected) -> (usize, usize) {
    let all = segment.participants();
    let alive = all.iter().filter(|one| one.alive).count();
    (alive, all.len() - alive)
}

/// `12/1024` of a queue, `v7` of a region.
pub(crate) fn depth(kind: Kind, figures: &Figures) -> String {
    match (kind, figures.depth, figures.capacity) {
        (Kind::Region, ..) => format!("v{}", figures.passed),
        (_, Some(depth), Some(capacity)) => format!("{depth}/{capacity}"),
        (_, Some(depth), None) => depth.to_string(),
        (_, None, _) => "-".to_owned(),
    }
}

fn row(entry: &Entry) -> Vec<String> {
    let mut row = vec![entry.name.clone()];
    let size = text::bytes(entry.bytes);
    let dash = || "-".to_owned();
    match &entry.what {
        What::Segment(segment) => {
            let (alive, dead) = counts(segment);
            row.extend([segment.kind().to_string(), type_name(segment), size]);
            row.extend([alive.to_string(), dead.to_string()]);
            let figures = Figures::of(segment);
            row.push(figures.map_or_else(|| "damaged".to_owned(), |of| depth(segment.kind(), &of)));
            row.push(text::age(text::since(segment.created())));
        }
        What::Pipe { alive } => {
            row.extend(["pipe".to_owned(), dash(), dash()]);
            row.extend([u8::from(*alive).to_string(), u8::from(!*alive).to_string()]);
            row.extend([dash(), dash()]);
        }
        What::Fifo => row.extend(
            ["fifo".to_owned(), dash(), dash()]
                .into_iter()
                .chain(std::iter::repeat_with(dash).take(4)),
        ),
        What::Foreign(_) => row.extend(
            ["foreign".to_owned(), dash(), size]
                .into_iter()
                .chain(std::iter::repeat_with(dash).take(4)),
        ),
    }
    row
}

fn to_json(entry: &Entry) -> Json {
    let mut found = json!({ "name": entry.name, "bytes": entry.bytes });
    let more = match &entry.what {
        What::Segment(segment) => {
            let (alive, dead) = counts(segment);
            json!({
                "kind": segment.kind().to_string(),
                "type": type_name(segment),
                "layout_id": segment.layout_id().to_string(),
                "alive": alive,
                "dead": dead,
                "created_ns": text::nanoseconds(segment.created()),
                "figures": Figures::of(segment).map(|figures| figures.to_json()),
            })
        }
        What::Pipe { alive } => {
            json!({ "kind": "pipe", "alive": u8::from(*alive), "dead": u8::from(!*alive) })
        }
        What::Fifo => json!({ "kind": "fifo" }),
        What::Foreign(error) => json!({ "kind": "foreign", "error": error.to_string() }),
    };
    if let (Json::Object(found), Json::Object(more)) = (&mut found, more) {
        found.extend(more);
    }
    found
}
