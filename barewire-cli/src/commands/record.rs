//! `barewire record`: messages into a file as they pass.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use barewire::inspect::{Inspected, Looked};
use barewire::value::encode_layout;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::tap::Watch;
use crate::args::Record;
use crate::failure::{Code, Failure, Outcome, of_file};
use crate::find::{Place, is_live};
use crate::pace::Pace;
use crate::record::{Frame, Head, Writer};
use crate::stop::Stop;
use crate::{json, text};

pub(crate) fn run(place: &Place, arguments: &Record) -> Outcome {
    let segment = place.open(&arguments.name)?;
    let mut watch = Watch::new(&segment)?;
    let stop = Stop::after(arguments.seconds)?;
    let path = &arguments.file;
    let fault = |error| of_file(path, &error);
    // What was said between processes of one user is for nobody else.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let told = format!("{}: exists already; nothing was changed", path.display());
            Failure::new(Code::Refused, told)
        }
        _ => fault(error),
    })?;
    let head = Head::new(segment.name(), segment.kind() as u32, segment.schema(), segment.ty());
    let (began, begun) = (head.began_ns, Instant::now());
    let mut writer = Writer::new(BufWriter::new(file), &head).map_err(fault)?;
    let mut count = Count::default();
    let bar = ProgressBar::new_spinner().with_style(
        ProgressStyle::with_template("{spinner} {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut pace = Pace::new(true);
    let most = arguments.messages.unwrap_or(u64::MAX);
    let mut held = 0;
    loop {
        let live = is_live(&segment);
        let last = stop.is_due() || !live;
        pace.begin();
        let passed = watch.look();
        // Said with the next message that is written.
        held += passed.missed;
        for message in passed.messages {
            if count.messages == most {
                break;
            }
            let Some(frame) = frame(&segment, message, (began, begun), held) else {
                count.damaged += 1;
                continue;
            };
            count.bytes += writer.write(&frame).map_err(fault)? as u64;
            count.messages += 1;
            count.missed += held;
            held = 0;
        }
        writer.flush().map_err(fault)?;
        let (messages, bytes) = (count.messages, text::bytes(count.bytes));
        bar.set_message(format!("{messages} messages, {bytes}, {} missed", count.missed + held));
        if last || count.messages == most {
            break;
        }
        stop.sleep(pace.rest());
    }
    count.missed += held;
    bar.finish_and_clear();
    count.report(arguments)
}

#[derive(Debug, Default)]
struct Count {
    messages: u64,
    bytes: u64,
    missed: u64,
    damaged: u64,
}

impl Count {
    fn report(&self, arguments: &Record) -> Outcome {
        let Self { messages, bytes, missed, damaged } = *self;
        if arguments.format.json {
            return json::pretty(&json!({
                "messages": messages,
                "bytes": bytes,
                "missed": missed,
                "damaged": damaged,
            }));
        }
        let (file, size) = (arguments.file.display(), text::bytes(bytes));
        let mut told = format!("{file}: {messages} messages, {size}");
        if missed > 0 {
            told += &format!(", {missed} missed");
        }
        if damaged > 0 {
            told += &format!(", {damaged} were no values of the type");
        }
        Ok(writeln!(std::io::stdout(), "{told}")?)
    }
}

/// What is written of a message; `None` if it is no value of its type.
fn frame(
    segment: &Inspected,
    message: Looked,
    (began, begun): (u64, Instant),
    missed: u64,
) -> Option<Frame> {
    let ty = segment.ty();
    // What is shared memory to others is checked before it is anything to this program.
    let octets = match ty.layout() {
        Some(layout) => encode_layout(ty, message.bytes.get(..layout.size as usize)?).ok()?,
        None => {
            segment.value(&message.bytes).ok()?;
            message.bytes
        }
    };
    let header = message.header;
    let seen = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Some(Frame {
        kind: header.kind(),
        after_ns: header
            .timestamp()
            .map_or(seen, |time| text::nanoseconds(time).saturating_sub(began)),
        missed,
        sequence: header.sequence(),
        sender: header.sender().as_u128(),
        octets,
    })
}
