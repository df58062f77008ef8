//! The loops that measure, one for each kind of row, the same for every system.

mod idle;
mod open;
mod pingpong;
mod roundtrip;
mod stream;

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::control::Control;
use crate::floor::{self, Pause, Side};
use crate::machine;
use crate::payload::Payload;
use crate::plan::{Kind, Plan, Report};
use crate::stats::Spread;
use crate::systems::{Calls, FLOOR, Place, Receiver, Transport};

/// Fruitless looks before one that shares its core lets others run.
const LOOKS: u32 = 64;

/// One process's part of a row.
pub(crate) struct Context {
    pub(crate) plan: Plan,
    pub(crate) control: Control,
}

impl Context {
    /// Whether this process is the row's first producer, or its first consumer, or neither.
    fn side(&self) -> Option<Side> {
        let (producers, _) = self.plan.row.mesh();
        match self.plan.role {
            0 => Some(Side::Left),
            role if role == producers => Some(Side::Right),
            _ => None,
        }
    }

    /// A channel of this row.
    fn place(&self, name: &str) -> Place {
        let (producers, consumers) = self.plan.row.mesh();
        let role = self.plan.role;
        Place {
            directory: self.plan.directory.clone(),
            name: name.to_owned(),
            depth: self.plan.row.size.depth(),
            producers,
            consumers,
            index: if role < producers { role } else { role - producers },
            sleeping: matches!(self.plan.row.kind, Kind::Wake { .. }),
            untuned: self.plan.row.untuned,
        }
    }

    /// How long the measured part runs, in ticks of the clock.
    fn ticks(&self) -> u64 {
        machine::ticks_in(Duration::from_millis(self.plan.millis))
    }

    /// Takes the floors, runs the row, takes the floors again.
    fn between_floors(
        &self,
        report: &mut Report,
        body: impl FnOnce(&mut Report) -> Outcome<()>,
    ) -> Outcome<()> {
        let before = self.floors(0);
        self.control.barrier();
        let (start, waited) = (Instant::now(), machine::waited_ns());
        body(report)?;
        let waited = machine::waited_ns() - waited;
        report.waited = waited as f64 / start.elapsed().as_nanos().max(1) as f64;
        self.control.barrier();
        let after = self.floors(1);
        let both = |of: fn(&Floors) -> Option<Spread>, part: fn(Spread) -> f64| {
            of(&before).zip(of(&after)).map(|(before, after)| [part(before), part(after)])
        };
        report.line_ns = both(|floors| floors.line, |line| line.p50_ns);
        report.line_p999_ns = both(|floors| floors.line, |line| line.p999_ns).map(middle);
        report.lines_ns = both(|floors| floors.lines, |lines| lines.p50_ns).map(middle);
        report.futex_ns = before.futex.zip(after.futex).map(Into::into);
        Ok(())
    }

    /// How senders wait in rows whose receivers sleep.
    fn pause(&self) -> Option<Pause> {
        let Kind::Wake { one_core } = self.plan.row.kind else {
            return None;
        };
        Some(Pause::new(one_core, self.plan.trips.is_some()))
    }

    fn futex(&self, side: Side, turn: u32) -> Option<f64> {
        floor::futex(&self.control, side, turn, self.pause()?)
    }

    fn floors(&self, turn: u32) -> Floors {
        // Where system calls are counted, nothing else is wanted.
        let (Some(side), None) = (self.side(), self.plan.trips) else {
            return Floors::default();
        };
        // On one core a line goes nowhere.
        let one_core = matches!(self.plan.row.kind, Kind::Wake { one_core: true });
        let found = |floor: fn(&Control, Side, u64) -> Option<Spread>| {
            if one_core { None } else { floor(&self.control, side, turn.into()) }
        };
        Floors {
            line: found(floor::line),
            lines: found(floor::lines),
            futex: self.futex(side, turn),
        }
    }
}

/// What the machine itself takes, beside a row; of what is a floor of it.
#[derive(Default)]
struct Floors {
    line: Option<Spread>,
    lines: Option<Spread>,
    futex: Option<f64>,
}

fn middle([before, after]: [f64; 2]) -> f64 {
    (before + after) / 2.0
}

/// How one that finds nothing to do goes on.
struct Patience {
    crowded: bool,
    looks: u32,
}

impl Patience {
    fn new(context: &Context) -> Self {
        Self { crowded: context.plan.crowded, looks: 0 }
    }

    /// After a fruitless look: the pause lets the other side get ahead, so that the line with the
    /// counter does not change hands for every message.
    #[inline(always)]
    fn wait(&mut self) {
        std::hint::spin_loop();
        if self.crowded {
            self.looks += 1;
            if self.looks >= LOOKS {
                self.looks = 0;
                std::thread::yield_now();
            }
        }
    }
}

/// The next message, looked for again and again.
#[inline(always)]
fn spin(receiver: &mut impl Receiver) -> Outcome<u64> {
    loop {
        if let Some(stamp) = receiver.try_receive()? {
            return Ok(stamp);
        }
    }
}

/// Runs a row of messages in one direction.
pub(crate) fn channel<T: Transport, P: Payload>(context: &Context) -> Outcome<Report> {
    match context.plan.row.kind {
        Kind::Wake { .. } if context.plan.system == FLOOR => {
            let mut report = Report::default();
            context.between_floors(&mut report, |_| Ok(()))?;
            Ok(report)
        }
        Kind::Oneway | Kind::Wake { .. } => pingpong::run::<T, P>(context),
        Kind::Stream { .. } => stream::run::<T, P>(context),
        Kind::Idle => idle::channel::<T, P>(context),
        Kind::Try => idle::empty_try::<T, P>(context),
        Kind::Open => open::run::<T, P>(context),
        Kind::Roundtrip => Err("a channel has no calls".into()),
    }
}

/// Runs a row of calls.
pub(crate) fn calls<C: Calls, P: Payload>(context: &Context) -> Outcome<Report> {
    match context.plan.row.kind {
        Kind::Roundtrip | Kind::Wake { .. } => roundtrip::run::<C, P>(context),
        Kind::Open => open::calls::<C, P>(context),
        Kind::Idle => idle::calls::<C, P>(context),
        _ => Err("a service has calls only".into()),
    }
}
