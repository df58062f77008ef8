//! A request and its reply, both sides spinning.

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
        context.between_floors(&mut report, |_| serve(&mut server))?;
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
    let mut samples = Samples::with_room(MOST);
    let mut until = u64::MAX;
    let mut last = machine::ticks();
    report.start = last;
    let mut number = 0;
    while last < until && !samples.is_full() {
        let answer = client.call(number)?;
        if answer != number | REPLY {
            return Err(format!("{answer:#x} came as the reply to {number:#x}").into());
        }
        let now = machine::ticks();
        if number >= WARM_UP {
            samples.record(now - last);
        } else if number == WARM_UP - 1 {
            until = now + context.ticks();
        }
        last = now;
        number += 1;
        client.prepare()?;
    }
    report.end = last;
    client.call(STOP)?;
    report.spread = samples.spread(1.0);
    Ok(())
}

fn serve(server: &mut impl Server) -> Outcome<()> {
    loop {
        if server.try_serve(|stamp| stamp | REPLY)? == Some(STOP) {
            return Ok(());
        }
    }
}
