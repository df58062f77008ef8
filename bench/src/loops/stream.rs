//! Lossless streams: counted, in order, all of them, as fast as they go.

use super::{Context, Patience};
use crate::Outcome;
use crate::machine;
use crate::payload::Payload;
use crate::plan::{Kind, Report, Shape};
use crate::systems::{Receiver, Sender, Transport};

/// Messages between two looks at the clock.
const STRIDE: u64 = 64;
/// Where the producer's number stands in a stamp.
const PRODUCER_BIT: u32 = 48;
/// The bit of a stamp that says: this producer sends no more.
const END: u64 = 1 << 63;

/// Runs this process's side of the row.
pub(crate) fn run<T: Transport, P: Payload>(context: &Context) -> Outcome<Report> {
    let control = &context.control;
    let (producers, _) = context.plan.row.mesh();
    let place = context.place("stream");
    let mut report = Report::default();
    if context.plan.role < producers {
        if place.index > 0 {
            control.barrier();
        }
        let mut sender = T::sender::<P>(&place)?;
        if place.index == 0 {
            control.barrier();
        }
        control.barrier();
        control.barrier();
        control.barrier();
        sender.start()?;
        control.barrier();
        context.between_floors(&mut report, |report| produce(context, &mut sender, report))?;
    } else {
        control.barrier();
        control.barrier();
        let mut receiver = T::receiver::<P>(&place)?;
        control.barrier();
        receiver.start()?;
        control.barrier();
        control.barrier();
        context.between_floors(&mut report, |report| consume(context, &mut receiver, report))?;
    }
    Ok(report)
}

fn batch(context: &Context) -> usize {
    match context.plan.row.kind {
        Kind::Stream { batch, .. } => batch,
        _ => 1,
    }
}

fn produce(context: &Context, sender: &mut impl Sender, report: &mut Report) -> Outcome<()> {
    let place = context.place("");
    let batch = batch(context);
    let base = (place.index as u64) << PRODUCER_BIT;
    let mut patience = Patience::new(context);
    let mut number = 0;
    report.start = machine::ticks();
    let until = report.start + context.ticks();
    while machine::ticks() < until {
        let next = number + STRIDE.max(batch as u64);
        while number < next {
            let sent = if batch == 1 {
                usize::from(sender.try_send(base + number)?)
            } else {
                sender.try_send_batch(base + number, batch.min((next - number) as usize))?
            };
            if sent == 0 {
                patience.wait();
            }
            number += sent as u64;
        }
    }
    report.sent = number;
    report.stamps = sum_of(base, number);
    // A topic brings one end to all; from a queue, each consumer takes one of its own.
    let ends = if context.plan.row.shape == Shape::Topic { 1 } else { place.consumers };
    for _ in 0..ends {
        while !sender.try_send(END + base)? {
            patience.wait();
        }
    }
    sender.finish()
}

/// The sum of the stamps of one producer's messages.
fn sum_of(base: u64, messages: u64) -> u64 {
    let pairs = u128::from(messages) * u128::from(messages.saturating_sub(1)) / 2;
    base.wrapping_mul(messages).wrapping_add(pairs as u64)
}

/// What a consumer checks: each producer's messages in order, and no gap where it gets them all.
struct Ledger {
    next: Vec<u64>,
    gaps: bool,
    ended: usize,
    received: u64,
    stamps: u64,
}

impl Ledger {
    #[inline(always)]
    fn enter(&mut self, stamp: u64) -> Outcome<()> {
        if stamp & END != 0 {
            self.ended += 1;
            return Ok(());
        }
        let (producer, number) = (stamp >> PRODUCER_BIT, stamp & ((1 << PRODUCER_BIT) - 1));
        let Some(next) = self.next.get_mut(producer as usize) else {
            return Err(format!("a message of producer {producer}, who is none").into());
        };
        if number < *next || (number > *next && !self.gaps) {
            return Err(out_of_order(producer, number, *next));
        }
        *next = number + 1;
        self.received += 1;
        self.stamps = self.stamps.wrapping_add(stamp);
        Ok(())
    }
}

#[cold]
fn out_of_order(producer: u64, number: u64, next: u64) -> Box<dyn std::error::Error> {
    format!("message {number} of producer {producer} came instead of {next}").into()
}

fn consume(context: &Context, receiver: &mut impl Receiver, report: &mut Report) -> Outcome<()> {
    let place = context.place("");
    let batch = batch(context);
    let shared = context.plan.row.shape != Shape::Topic && place.consumers > 1;
    let mut ledger =
        Ledger { next: vec![0; place.producers], gaps: shared, ended: 0, received: 0, stamps: 0 };
    let ends = if shared { 1 } else { place.producers };
    let mut patience = Patience::new(context);
    while ledger.ended < ends {
        let found = if batch == 1 {
            match receiver.try_receive()? {
                Some(stamp) => ledger.enter(stamp).map(|()| 1)?,
                None => 0,
            }
        } else {
            receiver.try_receive_batch(batch, &mut |stamp| ledger.enter(stamp))?
        };
        if found == 0 {
            patience.wait();
        }
    }
    report.end = machine::ticks();
    report.received = ledger.received;
    report.stamps = ledger.stamps;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(gaps: bool) -> Ledger {
        Ledger { next: vec![0; 2], gaps, ended: 0, received: 0, stamps: 0 }
    }

    #[test]
    fn a_lost_message_is_found_where_one_consumer_gets_all() {
        let mut ledger = ledger(false);
        ledger.enter(0).expect("the first");
        assert!(ledger.enter(2).is_err());
    }

    #[test]
    fn a_message_that_comes_twice_is_found_everywhere() {
        for gaps in [false, true] {
            let mut ledger = ledger(gaps);
            ledger.enter(0).expect("the first");
            assert!(ledger.enter(0).is_err(), "gaps allowed: {gaps}");
        }
    }

    #[test]
    fn the_sum_is_that_of_the_stamps() {
        let base = 3 << PRODUCER_BIT;
        let sum = (0..1000).map(|number| base + number).fold(0, u64::wrapping_add);
        assert_eq!(sum_of(base, 1000), sum);
        assert_eq!(sum_of(base, 0), 0);
    }
}
