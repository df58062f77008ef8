//! One way: half of a round trip over two opposite channels, spinning or sleeping.

use std::sync::atomic::Ordering;

use super::{Context, spin};
use crate::Outcome;
use crate::floor::Side;
use crate::machine;
use crate::payload::Payload;
use crate::plan::Report;
use crate::stats::Samples;
use crate::systems::{Receiver, Sender, Transport};

/// The bit that a reply has in its stamp.
const REPLY: u64 = 1 << 62;
/// The stamp that ends the row.
const STOP: u64 = u64::MAX;
/// Round trips before the first that counts.
const WARM_UP: u64 = 100;
/// The most round trips that are recorded.
const MOST: usize = 1 << 20;

/// Runs this process's side of the row.
pub(crate) fn run<T: Transport, P: Payload>(context: &Context) -> Outcome<Report> {
    let control = &context.control;
    let (ping, pong) = (context.place("ping"), context.place("pong"));
    let mut report = Report::default();
    // A channel's sender comes before its receiver: ping's, both of the right, pong's receiver.
    if context.side() == Some(Side::Left) {
        let mut sender = T::sender::<P>(&ping)?;
        control.barrier();
        control.barrier();
        let mut receiver = T::receiver::<P>(&pong)?;
        begin(context, &mut sender, &mut receiver)?;
        context.between_floors(&mut report, |report| {
            ask(context, &mut sender, &mut receiver, report)
        })?;
    } else {
        control.barrier();
        let mut receiver = T::receiver::<P>(&ping)?;
        let mut sender = T::sender::<P>(&pong)?;
        control.barrier();
        begin(context, &mut sender, &mut receiver)?;
        context.between_floors(&mut report, |_| reply(context, &mut sender, &mut receiver))?;
    }
    Ok(report)
}

fn begin(context: &Context, sender: &mut impl Sender, receiver: &mut impl Receiver) -> Outcome<()> {
    context.control.barrier();
    receiver.start()?;
    context.control.barrier();
    sender.start()?;
    context.control.barrier();
    Ok(())
}

#[inline(always)]
fn put(sender: &mut impl Sender, stamp: u64, sleeping: bool) -> Outcome<()> {
    if sleeping {
        return sender.send(stamp);
    }
    while !sender.try_send(stamp)? {}
    Ok(())
}

#[inline(always)]
fn take(receiver: &mut impl Receiver, sleeping: bool) -> Outcome<u64> {
    if sleeping { receiver.receive() } else { spin(receiver) }
}

fn ask(
    context: &Context,
    sender: &mut impl Sender,
    receiver: &mut impl Receiver,
    report: &mut Report,
) -> Outcome<()> {
    let pause = context.pause();
    let sleeping = pause.is_some();
    let paused = &context.control.words().paused.0;
    let counting = &context.control.words().counting.0;
    let most = context.plan.trips.unwrap_or(u64::MAX);
    let mut samples = Samples::with_room(MOST);
    let mut trip = 0;
    let mut until = u64::MAX;
    let mut last = machine::ticks();
    report.start = last;
    while last < until && trip < most.saturating_add(WARM_UP) && !samples.is_full() {
        if let Some(pause) = pause {
            pause.wait();
            last = machine::ticks();
        }
        put(sender, trip, sleeping)?;
        sender.prepare()?;
        let answer = take(receiver, sleeping)?;
        if answer != trip | REPLY {
            return Err(format!("{answer:#x} came as the reply to {trip:#x}").into());
        }
        let now = machine::ticks();
        if trip >= WARM_UP {
            let left_out = if sleeping { paused.load(Ordering::Acquire) } else { 0 };
            samples.record((now - last).saturating_sub(left_out));
        } else if trip == WARM_UP - 1 {
            // A count of round trips has no end in time.
            until = if context.plan.trips.is_some() { until } else { now + context.ticks() };
            counting.store(1, Ordering::Release);
        }
        last = now;
        trip += 1;
    }
    counting.store(0, Ordering::Release);
    report.end = last;
    report.trips = trip - WARM_UP.min(trip);
    put(sender, STOP, sleeping)?;
    report.spread = samples.spread(2.0);
    Ok(())
}

fn reply(context: &Context, sender: &mut impl Sender, receiver: &mut impl Receiver) -> Outcome<()> {
    let pause = context.pause();
    let sleeping = pause.is_some();
    let paused = &context.control.words().paused.0;
    let mut expected = 0;
    loop {
        sender.prepare()?;
        let stamp = take(receiver, sleeping)?;
        if stamp == STOP {
            return Ok(());
        }
        if stamp != expected {
            return Err(format!("message {stamp:#x} came instead of {expected:#x}").into());
        }
        expected += 1;
        if let Some(pause) = pause {
            paused.store(pause.wait(), Ordering::Release);
        }
        put(sender, stamp | REPLY, sleeping)?;
    }
}
