//! Creating a channel; and opening one until its first message is there.

use std::sync::atomic::Ordering;

use super::{Context, spin};
use crate::Outcome;
use crate::machine;
use crate::payload::Payload;
use crate::plan::Report;
use crate::stats::Samples;
use crate::systems::{Calls, Client, Place, Receiver, Sender, Server, Transport};

/// Channels made before the first that counts.
const WARM_UP: u64 = 3;
/// Channels made for each second that the row may take.
const A_SECOND: u64 = 200;

/// Runs this process's side of the row: the left creates, the right opens.
pub(crate) fn run<T: Transport, P: Payload>(context: &Context) -> Outcome<Report> {
    let mut report = Report::default();
    let channels = WARM_UP + (context.plan.millis * A_SECOND / 1000).max(20);
    context.between_floors(&mut report, |report| {
        let mut samples = Samples::with_room(channels as usize);
        for number in 1..=channels {
            let ticks = if context.plan.role == 0 {
                create::<T, P>(context, number)?
            } else {
                open::<T, P>(context, number)?
            };
            if number > WARM_UP {
                samples.record(ticks);
            }
        }
        report.spread = samples.spread(1.0);
        Ok(())
    })?;
    Ok(report)
}

fn create<T: Transport, P: Payload>(context: &Context, number: u64) -> Outcome<u64> {
    let place = context.place(&format!("open{number}"));
    let hand = &context.control.words().hand.0;
    let start = machine::ticks();
    let mut sender = T::sender::<P>(&place)?;
    let spent = machine::ticks() - start;
    context.control.barrier();
    while hand.load(Ordering::Acquire) != number {}
    sender.start()?;
    while !sender.try_send(number)? {}
    context.control.barrier();
    Ok(spent)
}

fn open<T: Transport, P: Payload>(context: &Context, number: u64) -> Outcome<u64> {
    let place = context.place(&format!("open{number}"));
    let hand = &context.control.words().hand.0;
    context.control.barrier();
    let start = machine::ticks();
    let mut receiver = T::receiver::<P>(&place)?;
    receiver.start()?;
    hand.store(number, Ordering::Release);
    let stamp = spin(&mut receiver)?;
    let spent = machine::ticks() - start;
    if stamp != number {
        return Err(format!("message {stamp:#x} came instead of {number:#x}").into());
    }
    drop(receiver);
    context.control.barrier();
    Ok(spent)
}

/// Runs this process's side of the row of a service: the right creates, the left opens and calls.
pub(crate) fn calls<C: Calls, P: Payload>(context: &Context) -> Outcome<Report> {
    let mut report = Report::default();
    let services = WARM_UP + (context.plan.millis * A_SECOND / 1000).max(20);
    context.between_floors(&mut report, |report| {
        let mut samples = Samples::with_room(services as usize);
        for number in 1..=services {
            let place = context.place(&format!("open{number}"));
            let ticks = if context.plan.role == 1 {
                serve_one::<C, P>(context, &place)?
            } else {
                call_one::<C, P>(context, &place, number)?
            };
            if number > WARM_UP {
                samples.record(ticks);
            }
        }
        report.spread = samples.spread(1.0);
        Ok(())
    })?;
    Ok(report)
}

fn serve_one<C: Calls, P: Payload>(context: &Context, place: &Place) -> Outcome<u64> {
    let start = machine::ticks();
    let mut server = C::server::<P>(place)?;
    let spent = machine::ticks() - start;
    server.start()?;
    context.control.barrier();
    while server.try_serve(|stamp| stamp)?.is_none() {}
    context.control.barrier();
    Ok(spent)
}

fn call_one<C: Calls, P: Payload>(context: &Context, place: &Place, number: u64) -> Outcome<u64> {
    context.control.barrier();
    let start = machine::ticks();
    let mut client = C::client::<P>(place)?;
    client.start()?;
    let answer = client.call(number)?;
    let spent = machine::ticks() - start;
    if answer != number {
        return Err(format!("{answer:#x} came as the reply to {number:#x}").into());
    }
    drop(client);
    context.control.barrier();
    Ok(spent)
}
