//! Values and messages as JSON, and where they are printed.

use std::io::{self, Write};

use barewire::inspect::{Inspected, Looked};
use barewire::schema::Type;
use barewire::value::Value;
use serde_json::{Value as Json, json};

use crate::failure::{Code, Failure, Outcome};
use crate::path::Path;
use crate::text;

/// A value as JSON.
pub(crate) fn of(value: &Value, ty: &Type) -> Outcome<Json> {
    value.to_json(ty).map_err(|error| Failure::new(Code::Unfit, error.to_string()))
}

/// Prints one line of JSON.
pub(crate) fn line(out: &mut impl Write, json: &Json) -> io::Result<()> {
    writeln!(out, "{json}")
}

/// Prints JSON for people to read as well.
pub(crate) fn pretty(json: &Json) -> Outcome {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    Ok(writeln!(io::stdout().lock(), "{text}")?)
}

/// Prints messages: one by one, as text or as lines of JSON.
#[derive(Debug)]
pub(crate) struct Printer {
    pub(crate) as_json: bool,
    pub(crate) path: Path,
}

impl Printer {
    pub(crate) fn new(as_json: bool, path: Option<&str>) -> Outcome<Self> {
        Ok(Self { as_json, path: Path::parse(path.unwrap_or_default())? })
    }

    /// Prints a value, or the part of it that was asked for.
    pub(crate) fn value(&self, out: &mut impl Write, value: &Value, ty: &Type) -> Outcome {
        let part = self.path.part(value, ty)?;
        match (part, self.as_json) {
            (Some((value, ty)), true) => line(out, &of(value, ty)?)?,
            (Some((value, ty)), false) => writeln!(out, "{}", value.show(ty))?,
            (None, true) => line(out, &Json::Null)?,
            (None, false) => writeln!(out, "(not there)")?,
        }
        Ok(())
    }

    /// Prints a message; one that is no value of its type is shown as such.
    pub(crate) fn message(
        &self,
        out: &mut impl Write,
        segment: &Inspected,
        message: &Looked,
    ) -> Outcome {
        let header = &message.header;
        let value = match segment.value(&message.bytes) {
            Ok(value) => value,
            Err(error) if self.as_json => {
                let told = json!({
                    "sequence": header.sequence(),
                    "sender": header.sender().to_string(),
                    "error": error.to_string(),
                });
                return Ok(line(out, &told)?);
            }
            Err(error) => return Ok(writeln!(out, "#{} {error}", header.sequence())?),
        };
        let part = self.path.part(&value, segment.ty())?;
        if self.as_json {
            let shown = part.map(|(value, ty)| of(value, ty)).transpose()?;
            let told = json!({
                "sequence": header.sequence(),
                "sender": header.sender().to_string(),
                "kind": header.kind(),
                "time_ns": header.timestamp().map(text::nanoseconds),
                "redelivered": header.redelivered(),
                "value": shown,
            });
            return Ok(line(out, &told)?);
        }
        let time = header.timestamp().map(|time| text::time_of_day(time) + " ");
        let time = time.unwrap_or_default();
        let again = if header.redelivered() { " (again)" } else { "" };
        // The first octets of a sender tell those apart that are there at the same time.
        let sender = &header.sender().simple().to_string()[..6];
        let kind =
            if header.kind() == 0 { String::new() } else { format!(" kind {}", header.kind()) };
        write!(out, "{time}{sender}#{}{kind}{again} ", header.sequence())?;
        match part {
            Some((value, ty)) => writeln!(out, "{}", value.show(ty))?,
            None => writeln!(out, "(not there)")?,
        }
        Ok(())
    }

    /// Says that messages were missed.
    pub(crate) fn missed(&self, out: &mut impl Write, missed: u64) -> Outcome {
        match (missed, self.as_json) {
            (0, _) => {}
            (_, true) => line(out, &json!({ "missed": missed }))?,
            (_, false) => writeln!(out, "… {missed} missed")?,
        }
        Ok(())
    }
}
