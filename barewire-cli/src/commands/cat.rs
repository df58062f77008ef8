//! `barewire cat`: values, field by field.

use std::io::Write;
use std::time::Duration;

use barewire::inspect::{Contents, Inspected, RegionLook};
use serde_json::json;

use super::tap;
use crate::args::{Cat, Tap};
use crate::failure::{Code, Failure, Outcome};
use crate::find::{Place, is_live};
use crate::json::{self, Printer};
use crate::stop::Stop;

/// How often a region is looked at while it is watched.
const PERIOD: Duration = Duration::from_millis(20);

pub(crate) fn run(place: &Place, arguments: &Cat) -> Outcome {
    let printer = Printer::new(arguments.format.json, arguments.path.as_deref())?;
    let segment = place.open(&arguments.name)?;
    let mut out = std::io::stdout().lock();
    let messages = match contents(&segment)? {
        Contents::Region(look) => {
            let mut seen = region(&mut out, &printer, &segment, &look, None)?;
            if arguments.watch {
                let stop = Stop::after(None)?;
                while !stop.is_due() && is_live(&segment) {
                    stop.sleep(PERIOD);
                    seen = region(&mut out, &printer, &segment, &look, seen)?;
                }
            }
            return Ok(());
        }
        Contents::Struct(look) => {
            let stop = Stop::after(None)?;
            let mut seen = Vec::new();
            loop {
                let bytes = look.read();
                if bytes != seen {
                    printer.value(&mut out, &segment.value(&bytes)?, segment.ty())?;
                    out.flush()?;
                    seen = bytes;
                }
                if !arguments.watch || stop.is_due() || !is_live(&segment) {
                    return Ok(());
                }
                stop.sleep(PERIOD);
            }
        }
        Contents::Service(look) => {
            if arguments.watch {
                let told = format!("{}: the calls of a service cannot be watched", segment.name());
                return Err(Failure::new(Code::Unfit, told).help("`barewire top` shows their rate"));
            }
            for call in look.calls() {
                let value = segment.request(&call.request)?;
                let ty = segment.request_type();
                let part = printer.path.part(&value, ty)?;
                if printer.as_json {
                    let shown = part.map(|(value, ty)| json::of(value, ty)).transpose()?;
                    let told = json!({
                        "client": call.client,
                        "number": call.number,
                        "server": call.server,
                        "cancelled": call.cancelled,
                        "request": shown,
                    });
                    json::line(&mut out, &told)?;
                    continue;
                }
                let at = match call.server {
                    Some(server) => format!("served by {server}"),
                    None => "waiting".to_owned(),
                };
                let shown = part.map_or("(not there)".to_owned(), |(v, ty)| v.show(ty).to_string());
                writeln!(out, "client {} call {} {at} {shown}", call.client, call.number)?;
            }
            return Ok(());
        }
        Contents::Queue(look) => look.waiting(),
        Contents::Topic(look) => look.history(arguments.last),
    };
    for message in &messages {
        printer.message(&mut out, &segment, message)?;
    }
    out.flush()?;
    if arguments.watch {
        let tap = Tap {
            name: arguments.name.clone(),
            path: arguments.path.clone(),
            messages: None,
            seconds: None,
            eager: false,
            format: arguments.format,
        };
        return tap::watch(&segment, &tap, &mut out);
    }
    Ok(())
}

/// What a segment holds, if its header makes sense.
pub(crate) fn contents(segment: &Inspected) -> Outcome<Contents<'_>> {
    segment.contents().ok_or_else(|| {
        let told = format!("{}: the numbers in its header do not fit together", segment.name());
        Failure::new(Code::Unfit, told)
    })
}

/// Prints the value of a region, unless it is the version that was seen; the version that is now.
fn region(
    out: &mut impl Write,
    printer: &Printer,
    segment: &Inspected,
    look: &RegionLook<'_>,
    seen: Option<u64>,
) -> Outcome<Option<u64>> {
    if seen == Some(look.figures().version) {
        return Ok(seen);
    }
    let (version, bytes) = look.read().ok_or_else(|| {
        let told = format!("{}: changes faster than it can be read", segment.name());
        Failure::new(Code::Late, told)
    })?;
    if seen != Some(version) {
        printer.value(out, &segment.value(&bytes)?, segment.ty())?;
        out.flush()?;
    }
    Ok(Some(version))
}
