//! The thread of a node: what comes goes into its state machine, and what that says goes out.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::builder::Opener;
use super::shared::Shared;
use crate::core::members::Members;
use crate::core::{Sink, Time};
use crate::error::ClusterError;
use crate::transport::{Event, Sent, Transport};
use crate::wire::Incarnation;

/// How long a thread sleeps at most, and when there was no room for all it had to say.
const LONGEST: Duration = Duration::from_millis(50);
const FULL: Duration = Duration::from_micros(200);
/// How often the counters are shown.
const SHOWN_EVERY: Time = 20_000;

/// Microseconds, in step with the clock on the wall when it was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
    base: Time,
}

impl Clock {
    pub(super) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), base: wall.as_micros() as Time }
    }

    pub(super) fn now(self) -> Time {
        self.base + self.start.elapsed().as_micros() as Time
    }
}

/// What follows from a turn.
pub(super) enum Flow {
    /// Go on.
    On,
    /// Go on as this incarnation, over a transport of its own.
    Reborn(Incarnation),
    /// The node has come to its end.
    End,
}

/// A role, as the thread sees it.
pub(super) trait Part: Send {
    fn members(&mut self) -> &mut Members;
    fn receive(&mut self, now: Time, octets: &[u8]);
    fn lost(&mut self, now: Time, node: Incarnation);
    fn tick(&mut self, now: Time);
    /// Does what users and the protocol ask for; before anything is sent.
    fn turn(&mut self, now: Time) -> Result<Flow, ClusterError>;
    fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool;
    fn deadline(&self) -> Time;
    /// Whether users or threads wait for a turn.
    fn is_called(&self) -> bool;
    fn epoch(&self) -> u64 {
        0
    }
    /// How many tasks it has.
    fn tasks(&self) -> usize;
    /// The node ends, for whatever reason.
    fn close(&mut self);
}

/// What stands on top of a node, whichever role that has.
pub(crate) trait Passenger: Send + Sync {
    /// Takes what has come, and says what is to be sent.
    fn turn(&self, now: Time, members: &mut Members);
    /// Whether it has something to say.
    fn is_called(&self) -> bool;
    /// The node has ended, or carries another one.
    fn close(&self);
}

/// Runs a node until it ends.
pub(super) fn run(
    mut part: Box<dyn Part>,
    transport: Box<dyn Transport>,
    opener: &Opener,
    shared: &Arc<Shared>,
    clock: Clock,
) {
    let how = lives(&mut *part, transport, opener, shared, clock);
    part.close();
    shared.bell.take_down();
    drop(part);
    if let Err(error) = &how {
        tracing::warn!(%error, "a node ends");
    }
    shared.end(how);
    shared.disembark();
}

/// One incarnation after the other, each over a transport of its own.
fn lives(
    part: &mut dyn Part,
    mut transport: Box<dyn Transport>,
    opener: &Opener,
    shared: &Arc<Shared>,
    clock: Clock,
) -> Result<(), ClusterError> {
    while let Some(incarnation) = turns(part, &mut *transport, shared, clock)? {
        // First the old one: it may listen where the new one will.
        drop(transport);
        transport = opener(incarnation)?;
        shared.bell.hang(transport.waker());
        shared.set_incarnation(incarnation);
    }
    Ok(())
}

/// Runs an incarnation to its end; yields the next one.
fn turns(
    part: &mut dyn Part,
    transport: &mut dyn Transport,
    shared: &Arc<Shared>,
    clock: Clock,
) -> Result<Option<Incarnation>, ClusterError> {
    let mut patience = Duration::ZERO;
    let mut shown = 0;
    loop {
        let mut now = clock.now();
        transport.receive(patience, &mut |event| match event {
            Event::Frame(octets) => {
                // While it slept, time has passed.
                now = if patience.is_zero() { now } else { clock.now() };
                part.receive(now, octets);
            }
            Event::Seen(_) => part.members().beat_now(),
            Event::Lost(node) => part.lost(now, node),
        })?;
        shared.bell.wakes_up();
        let now = clock.now();
        part.tick(now);
        let stops = shared.stops.load(Ordering::Acquire);
        // Also in the end: what was heard by now is written before anything more is said.
        let flow = part.turn(now)?;
        let flow = if stops { Flow::End } else { flow };
        let passenger = shared.passenger();
        if let Some(passenger) = &passenger {
            passenger.turn(now, part.members());
        }
        if matches!(flow, Flow::End) {
            part.members().leave();
        }
        let mut failed = None;
        let all = part.flush(now, &mut |to, frame| {
            let sent = if to == Incarnation::EVERYBODY {
                transport.broadcast(frame)
            } else {
                transport.send(to, frame)
            };
            sent.unwrap_or_else(|error| {
                failed = Some(error);
                Sent::Full
            })
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        if now >= shown + SHOWN_EVERY {
            shown = now;
            shared.set_counters(part.members().counters, part.epoch());
            shared.figures().show(now, part, shared);
        }
        match flow {
            Flow::End => {
                shared.set_counters(part.members().counters, part.epoch());
                return Ok(None);
            }
            Flow::Reborn(incarnation) => return Ok(Some(incarnation)),
            Flow::On => {}
        }
        shared.bell.falls_asleep();
        let left = part.deadline().saturating_sub(now);
        patience = Duration::from_micros(left).min(if all { LONGEST } else { FULL });
        let called = part.is_called() || shared.passenger().is_some_and(|one| one.is_called());
        if called || shared.stops.load(Ordering::Acquire) {
            patience = Duration::ZERO;
        }
    }
}
