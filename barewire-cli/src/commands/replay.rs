//! `barewire replay`: recorded messages once more, into a segment or for people to read.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::time::{Duration, Instant};

use barewire::schema::{Type, compatibility};
use barewire::value::Value;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::send::Target;
use crate::args::Replay;
use crate::failure::{Code, Failure, Outcome, of_file};
use crate::find::Place;
use crate::json;
use crate::record::{Frame, Reader};
use crate::stop::{Stop, span};

pub(crate) fn run(place: &Place, arguments: &Replay) -> Outcome {
    let path = &arguments.file;
    let file = File::open(path).map_err(|error| of_file(path, &error))?;
    let bytes = file.metadata().map_or(0, |facts| facts.len());
    let mut reader = Reader::new(BufReader::new(file)).map_err(|error| of_file(path, &error))?;
    match &arguments.name {
        None => print(arguments, &mut reader),
        Some(name) => send(place, arguments, name, &mut reader, bytes),
    }
}

type Input = Reader<BufReader<File>>;

fn print(arguments: &Replay, reader: &mut Input) -> Outcome {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let ty = reader.ty().clone();
    loop {
        let frame = match reader.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(out.flush()?),
            Err(error) => {
                out.flush()?;
                return Err(of_file(&arguments.file, &error));
            }
        };
        let value = decoded(&ty, &frame)?;
        if arguments.format.json {
            let told = json!({
                "after_ns": frame.after_ns,
                "missed": frame.missed,
                "sequence": frame.sequence,
                "kind": frame.kind,
                "value": json::of(&value, &ty)?,
            });
            json::line(&mut out, &told)?;
            continue;
        }
        if frame.missed > 0 {
            writeln!(out, "… {} missed", frame.missed)?;
        }
        let after = Duration::from_nanos(frame.after_ns).as_secs_f64();
        writeln!(out, "{after:.6} #{} {}", frame.sequence, value.show(&ty))?;
    }
}

fn decoded(ty: &Type, frame: &Frame) -> Outcome<Value> {
    Value::decode(ty, &frame.octets)
        .map_err(|error| Failure::new(Code::Unfit, format!("message #{}: {error}", frame.sequence)))
}

/// Whether all values of the file are read by the segment's schema; if not all, why not.
///
/// The octets of a value are the same in both, so to decode them by the segment's type is to
/// convert them.
fn check(arguments: &Replay, name: &str, file: &Type, segment: &Type) -> Outcome {
    let found = compatibility(file, segment).encoding;
    if found.is_backward() {
        return Ok(());
    }
    let reasons: Vec<String> =
        found.not_backward().iter().map(|reason| format!("\n  {reason}")).collect();
    let told = format!(
        "{}: {name} cannot read all that is in it:{}",
        arguments.file.display(),
        reasons.concat()
    );
    // The file is of a newer schema, which reads the segment's: the values that both know are fine.
    if !found.is_forward() {
        return Err(Failure::new(Code::Unfit, told));
    }
    if arguments.skip_unknown {
        return Ok(());
    }
    let failure = Failure::new(Code::Unfit, told);
    Err(failure.help("its schema is newer: `--skip-unknown` sends the messages that both know"))
}

fn send(place: &Place, arguments: &Replay, name: &str, reader: &mut Input, bytes: u64) -> Outcome {
    let mut target = Target::open(place, name)?;
    let ty = target.ty().clone();
    check(arguments, name, reader.ty(), &ty)?;
    let stop = Stop::after(None)?;
    let bar = ProgressBar::new(bytes).with_style(
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let (begun, timeout) = (Instant::now(), span(arguments.timeout));
    let (mut sent, mut left_out, mut missed) = (0_u64, 0_u64, 0_u64);
    let mut first = None;
    let mut fault = None;
    while !stop.is_due() {
        let frame = match reader.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => {
                fault = Some(of_file(&arguments.file, &error));
                break;
            }
        };
        missed += frame.missed;
        let value = match decoded(&ty, &frame) {
            Err(_) if arguments.skip_unknown => {
                left_out += 1;
                continue;
            }
            value => value?,
        };
        if !arguments.fast {
            let since = frame.after_ns.saturating_sub(*first.get_or_insert(frame.after_ns));
            let due = begun + span(since as f64 / 1e9 / arguments.speed.max(1e-6));
            stop.sleep(due.saturating_duration_since(Instant::now()));
            if stop.is_due() {
                break;
            }
        }
        target.send(&value, frame.kind, timeout)?;
        sent += 1;
        if sent.is_multiple_of(64) || !arguments.fast {
            bar.set_position(reader.bytes_read());
            bar.set_message(format!("{sent} messages"));
        }
    }
    bar.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    if arguments.format.json {
        json::pretty(&json!({
            "sent": sent,
            "left_out": left_out,
            "missed_when_recorded": missed,
            "seconds": seconds,
        }))?;
    } else {
        let mut told = format!("{name}: {sent} messages in {seconds:.3} s");
        if left_out > 0 {
            told += &format!(", {left_out} left out that its schema does not know");
        }
        if missed > 0 {
            told += &format!("; {missed} were missed when it was recorded");
        }
        writeln!(std::io::stdout(), "{told}")?;
    }
    fault.map_or(Ok(()), Err)
}
