//! `barewire tap`: messages as they pass, without taking them.

use std::io::{BufWriter, Write};

use barewire::inspect::{Contents, Inspected, Passed, QueueLook, QueueTap, TopicLook, TopicTap};

use super::cat::contents;
use crate::args::Tap;
use crate::failure::{Code, Failure, Outcome};
use crate::find::{Place, is_live};
use crate::json::Printer;
use crate::pace::Pace;
use crate::stop::Stop;

pub(crate) fn run(place: &Place, arguments: &Tap) -> Outcome {
    let segment = place.open(&arguments.name)?;
    watch(&segment, arguments, &mut std::io::stdout().lock())
}

/// Watches a queue or a topic.
pub(crate) enum Watch<'a> {
    Queue(QueueLook<'a>, QueueTap),
    Topic(TopicLook<'a>, TopicTap),
}

impl<'a> Watch<'a> {
    /// Begins with what is sent from now on.
    pub(crate) fn new(segment: &'a Inspected) -> Outcome<Self> {
        match contents(segment)? {
            Contents::Queue(look) => {
                let tap = look.tap();
                Ok(Self::Queue(look, tap))
            }
            Contents::Topic(look) => {
                let tap = look.tap();
                Ok(Self::Topic(look, tap))
            }
            _ => {
                let (name, kind) = (segment.name(), segment.kind());
                let told = format!("{name}: is a {kind}, and no messages pass there");
                let failure = Failure::new(Code::Unfit, told);
                Err(failure.help("`barewire cat --watch` shows a region whenever it changes"))
            }
        }
    }

    /// What has passed since the last look.
    pub(crate) fn look(&mut self) -> Passed {
        match self {
            Self::Queue(look, tap) => tap.look(look),
            Self::Topic(look, tap) => tap.look(look),
        }
    }
}

/// Prints what passes until it is to end, or nobody is attached any more.
pub(crate) fn watch(segment: &Inspected, arguments: &Tap, out: &mut impl Write) -> Outcome {
    let printer = Printer::new(arguments.format.json, arguments.path.as_deref())?;
    let stop = Stop::after(arguments.seconds)?;
    let mut watch = Watch::new(segment)?;
    let mut pace = Pace::new(arguments.eager);
    let mut out = BufWriter::new(out);
    let mut left = arguments.messages.unwrap_or(u64::MAX);
    loop {
        // Asked before the look, so that the last messages are seen.
        let live = is_live(segment);
        let last = stop.is_due() || !live;
        pace.begin();
        let passed = watch.look();
        printer.missed(&mut out, passed.missed)?;
        for message in &passed.messages {
            if left == 0 {
                break;
            }
            printer.message(&mut out, segment, message)?;
            left -= 1;
        }
        out.flush()?;
        if last || left == 0 {
            return Ok(());
        }
        stop.sleep(pace.rest());
    }
}
