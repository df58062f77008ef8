//! What costs something while nothing is sent: memory, and a look at what is empty.

use std::fs;

use super::{Context, spin};
use crate::Outcome;
use crate::machine;
use crate::payload::Payload;
use crate::plan::Report;
use crate::stats::Samples;
use crate::systems::{Calls, Client, Receiver, Sender, Server, Transport};

/// Looks that make one sample.
const LOOKS: u64 = 1000;
/// The most samples.
const MOST: usize = 1 << 14;

/// The memory of a channel that nobody uses any more: one message has gone through it.
pub(crate) fn channel<T: Transport, P: Payload>(context: &Context) -> Outcome<Report> {
    let control = &context.control;
    let place = context.place("idle");
    let before = mapped()?;
    if context.plan.role == 0 {
        let mut sender = T::sender::<P>(&place)?;
        control.barrier();
        control.barrier();
        sender.start()?;
        while !sender.try_send(1)? {}
        idle(context, &before)
    } else {
        control.barrier();
        let mut receiver = T::receiver::<P>(&place)?;
        receiver.start()?;
        control.barrier();
        spin(&mut receiver)?;
        idle(context, &before)
    }
}

/// The memory of a service that nobody uses any more: one call has gone through it.
pub(crate) fn calls<C: Calls, P: Payload>(context: &Context) -> Outcome<Report> {
    let control = &context.control;
    let place = context.place("idle");
    let before = mapped()?;
    if context.plan.role == 1 {
        let mut server = C::server::<P>(&place)?;
        control.barrier();
        control.barrier();
        server.start()?;
        while server.try_serve(|stamp| stamp)?.is_none() {}
        idle(context, &before)
    } else {
        control.barrier();
        let mut client = C::client::<P>(&place)?;
        control.barrier();
        client.start()?;
        client.call(1)?;
        idle(context, &before)
    }
}

fn idle(context: &Context, before: &[(String, u64)]) -> Outcome<Report> {
    context.control.barrier();
    let now = mapped()?;
    let mapped = now.into_iter().filter(|file| !before.contains(file)).collect();
    context.control.barrier();
    Ok(Report { mapped, ..Report::default() })
}

/// The shared files that this process has mapped, each with the bytes of it that are mapped.
fn mapped() -> Outcome<Vec<(String, u64)>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mut files: Vec<(String, u64)> = Vec::new();
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [range, access, _, device, inode, ..] = fields[..] else {
            continue;
        };
        let Some((from, to)) = range.split_once('-') else {
            continue;
        };
        if !access.ends_with('s') || inode == "0" {
            continue;
        }
        let bytes = u64::from_str_radix(to, 16)? - u64::from_str_radix(from, 16)?;
        let file = format!("{device} {inode}");
        match files.iter_mut().find(|found| found.0 == file) {
            Some(found) => found.1 += bytes,
            None => files.push((file, bytes)),
        }
    }
    Ok(files)
}

/// A look at a channel in which nothing is.
pub(crate) fn empty_try<T: Transport, P: Payload>(context: &Context) -> Outcome<Report> {
    let control = &context.control;
    let place = context.place("empty");
    let mut report = Report::default();
    if context.plan.role == 0 {
        let mut sender = T::sender::<P>(&place)?;
        control.barrier();
        control.barrier();
        sender.start()?;
        control.barrier();
        context.between_floors(&mut report, |_| Ok(()))?;
    } else {
        control.barrier();
        let mut receiver = T::receiver::<P>(&place)?;
        receiver.start()?;
        control.barrier();
        control.barrier();
        context.between_floors(&mut report, |report| look(context, &mut receiver, report))?;
    }
    Ok(report)
}

fn look(context: &Context, receiver: &mut impl Receiver, report: &mut Report) -> Outcome<()> {
    let mut samples = Samples::with_room(MOST);
    report.start = machine::ticks();
    let until = report.start + context.ticks();
    let mut last = report.start;
    while last < until && !samples.is_full() {
        for _ in 0..LOOKS {
            if let Some(stamp) = std::hint::black_box(receiver.try_receive()?) {
                return Err(format!("message {stamp:#x} came, which nobody sent").into());
            }
        }
        let now = machine::ticks();
        samples.record(now - last);
        last = now;
    }
    report.end = last;
    report.spread = samples.spread(LOOKS as f64);
    Ok(())
}
