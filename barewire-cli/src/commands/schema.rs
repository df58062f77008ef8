//! `barewire schema`: checking, printing and comparing schemas.

use std::io::Write;

use barewire::schema::{Reason, Verdict, compatibility, difference};
use serde_json::{Value as Json, json};

use crate::args::{Need, Schema};
use crate::failure::{Failure, Outcome};
use crate::find::Place;
use crate::json;
use crate::source::Source;

pub(crate) fn run(place: &Place, what: &Schema) -> Outcome {
    match what {
        Schema::Check { source, new: None, format, .. } => {
            let found = Source::find(place, source)?;
            let types = found.schema.types().len();
            if format.json {
                return json::pretty(&json!({ "ok": true, "types": types }));
            }
            Ok(writeln!(std::io::stdout(), "{source}: {types} types, all rules kept")?)
        }
        Schema::Check { source, new: Some(new), need, format } => {
            let (old, new) = (Source::find(place, source)?, Source::find(place, new)?);
            check(&old, &new, *need, format.json)
        }
        Schema::Print { source, format } => {
            let found = Source::find(place, source)?;
            let text = found.schema.to_string();
            if format.json {
                return json::pretty(&json!({ "schema": text, "root": found.schema.root_name() }));
            }
            Ok(std::io::stdout().write_all(text.as_bytes())?)
        }
        Schema::Diff { old, new, format } => {
            let (old, new) = (Source::find(place, old)?, Source::find(place, new)?);
            diff(&old, &new, format.json)
        }
        Schema::Fingerprint { source, format } => {
            let found = Source::find(place, source)?;
            let (wire, layout) = (found.wire_id().to_string(), found.layout_id().to_string());
            if format.json {
                return json::pretty(&json!({ "wire_id": wire, "layout_id": layout }));
            }
            Ok(writeln!(std::io::stdout(), "wire id    {wire}\nlayout id  {layout}")?)
        }
    }
}

fn check(old: &Source, new: &Source, need: Need, as_json: bool) -> Outcome {
    let found = compatibility(old.schema.root(), new.schema.root());
    let ok = match need {
        Need::Backward => found.encoding.is_backward(),
        Need::Forward => found.encoding.is_forward(),
        Need::Both => found.encoding.is_backward() && found.encoding.is_forward(),
        Need::Layout => found.layout.is_backward() && found.layout.is_forward(),
    };
    if as_json {
        let reasons = |reasons: &[Reason]| -> Vec<Json> {
            let one = |reason: &Reason| json!({ "path": reason.path(), "reason": reason.text() });
            reasons.iter().map(one).collect()
        };
        let verdict = |verdict: &Verdict| {
            json!({
                "relation": verdict.relation().to_string(),
                "backward": verdict.is_backward(),
                "forward": verdict.is_forward(),
                "not_backward": reasons(verdict.not_backward()),
                "not_forward": reasons(verdict.not_forward()),
            })
        };
        json::pretty(&json!({
            "ok": ok,
            "encoding": verdict(&found.encoding),
            "layout": verdict(&found.layout),
            "renamed": reasons(&found.renamed),
        }))?;
    } else {
        writeln!(std::io::stdout(), "{found}")?;
    }
    if ok { Ok(()) } else { Err(Failure::no()) }
}

fn diff(old: &Source, new: &Source, as_json: bool) -> Outcome {
    let found = difference(new.schema.root(), old.schema.root());
    if as_json {
        let list = found
            .iter()
            .map(|one| json!({ "path": one.path, "old": one.found, "new": one.expected }));
        json::pretty(&Json::Array(list.collect()))?;
    } else {
        let mut out = std::io::stdout().lock();
        for one in &found {
            let path = if one.path.is_empty() { "the type" } else { &one.path };
            match (&one.found, &one.expected) {
                (Some(old), Some(new)) => writeln!(out, "{path}: {old} → {new}")?,
                (Some(old), None) => writeln!(out, "{path}: {old} is gone")?,
                (None, Some(new)) => writeln!(out, "{path}: {new} is new")?,
                (None, None) => writeln!(out, "{path}")?,
            }
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::no()) }
}
