//! A request and its reply, both sides spinning or both sleeping.

use std::sync::atomic::Ordering;

use super::Context;
use crate::Outcome;
use crate::floor::Side;
use crate::machine;
use crate::payload::Payload;
use crate::plan::Report;
use crate::stats::Samples;
use crate::systems::{Calls, Client, Server};

/// The bit that a reply has in its stamp.
const REPLY: u64 = 1 << 62;
/// The stamp of the last request.
const STOP: u64 = REPLY - 1;
/// Calls before the first that counts.
const WARM_UP: u64 = 200;
/// The most calls that are recorded.
const MOST: usize = 1 << 20;

/// Runs this process's side of the row.
pub(crate) fn run<C: Calls, P: Payload>(context: &Context) -> Outcome<Report> {
    let control = &context.control;
    let place = context.place("calls");
    let mut report = Report::default();
    if context.side() == Some(Side::Right) {
        let mut server = C::server::<P>(&place)?;
        control.barrier();
        control.barrier();
        server.start()?;
        control.barrier();
        context.between_floors(&mut report, |_| serve(context, &mut server))?;
    } else {
        control.barrier();
        let mut client = C::client::<P>(&place)?;
        control.barrier();
        client.start()?;
        control.barrier();
        context.between_floors(&mut report, |report| call(context, &mut client, report))?;
    }
    Ok(report)
}

fn call(context: &Context, client: &mut impl Client, report: &mut Report) -> Outcome<()> {
    let pause = context.pause();
    let paused = &context.control.words().paused.0;
    let counting = &context.control.words().counting.0;
    let most = context.plan.trips.map_or(u64::MAX, |trips| trips + WARM_UP);
    let mut samples = Samples::with_room(MOST);
    let mut until = u64::MAX;
    let mut last = machine::ticks();
    report.start = last;
    let mut number = 0;
    while last < until && number < most && !samples.is_full() {
        if let Some(pause) = pause {
            pause.wait();
            last = machine::ticks();
        }
        let answer =
            if pause.is_some() { client.call_asleep(number) } else { client.call(number) }?;
        if answer != number | REPLY {
            return Err(format!("{answer:#x} came as the reply to {number:#x}").into());
        }
        let now = machine::ticks();
        if number >= WARM_UP {
            let left_out = if pause.is_some() { paused.load(Ordering::Acquire) } else { 0 };
            samples.record((now - last).saturating_sub(left_out));
        } else if number == WARM_UP - 1 {
            // A count of calls has no end in time.
            until = if context.plan.trips.is_some() { until } else { now + context.ticks() };
            counting.store(1, Ordering::Release);
        }
        last = now;
        number += 1;
        client.prepare()?;
    }
    report.end = last;
    counting.store(0, Ordering::Release);
    report.trips = number - WARM_UP.min(number);
    if pause.is_some() { client.call_asleep(STOP) } else { client.call(STOP) }?;
    // A call that sleeps is two wakes, one each way.
    report.spread = samples.spread(if pause.is_some() { 2.0 } else { 1.0 });
    Ok(())
}

fn serve(context: &Context, server: &mut impl Server) -> Outcome<()> {
    if let Some(pause) = context.pause() {
        let paused = &context.control.words().paused.0;
        let answer = |stamp| {
            paused.store(pause.wait(), Ordering::Release);
            stamp | REPLY
        };
        while server.serve(answer)? != STOP {}
        return Ok(());
    }
    loop {
        if server.try_serve(|stamp| stamp | REPLY)? == Some(STOP) {
            return Ok(());
        }
    }
}
