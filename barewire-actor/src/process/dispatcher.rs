//! The thread that empties the inbox of a process, and runs what was put on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use barewire_runtime::ipc::{MessageQueue, QueueBatchItem, Wait, WaitSet};
use zerocopy::IntoBytes;

use super::executor::Executor;
use super::frames::{Arrival, Frame, Head};
use super::inbox::Lanes;
use crate::cause::Cause;
use crate::cell::Cell;
use crate::core::packet::{Body, Packet};
use crate::node::{Node, Shared, Undelivered};

/// How many messages are taken at once.
const MOST_AT_ONCE: usize = 256;
/// How often a thread that may spin looks before it sleeps, and between looks at the clock.
const SPINS: u32 = 200;
const LOOKS_BETWEEN_CLOCKS: u32 = 32;
/// How many turns the small messages and answers get for one of the others.
const TURNS_OF_SMALL_LANES: u32 = 4;

/// What was taken out and has no room in its mailbox yet.
struct Held {
    head: Head,
    payload: Vec<u64>,
}

impl Held {
    fn new(arrival: &Arrival<'_>) -> Self {
        let Arrival { to, from, ask, trace, length, payload: octets, .. } = *arrival;
        let mut payload = vec![0_u64; octets.len() / 8];
        payload.as_mut_bytes().copy_from_slice(octets);
        Self { head: Head { length: length as u32, ..Head::new(to, from, ask, trace) }, payload }
    }

    fn arrival(&self) -> Arrival<'_> {
        Arrival::new(&self.head, self.payload.as_bytes())
    }
}

struct Dispatcher<'n> {
    node: &'n Arc<Node>,
    /// Of the three lanes of messages. While something is held of one, it is not emptied further,
    /// so that its senders wait in turn.
    held: [std::collections::VecDeque<Held>; 3],
    turns: u32,
    /// The actor that was found last, for a tick at most: often the next message is for it as well.
    recent: Option<(u64, Arc<dyn Cell>)>,
}

/// Runs until the node has stopped.
pub(crate) fn run(node: &Arc<Node>, shared: &Shared, finished: &AtomicBool) {
    let Some(open) = shared.open() else { return };
    let inbox = &open.inbox;
    let _tokio = node.runtime.enter();
    let _settled = shared.executor.settle();
    let tick = (node.config.heartbeat / 2).min(Duration::from_millis(20));
    let mut dispatcher = Dispatcher { node, held: Default::default(), turns: 0, recent: None };
    let mut next_tick = Instant::now();
    let (mut idle, mut looks) = (0_u32, 0_u32);
    let (mut pulse, mut pulsed) = (0, Instant::now());
    while !finished.load(Ordering::Acquire) {
        looks += 1;
        if looks >= LOOKS_BETWEEN_CLOCKS {
            looks = 0;
            let now = Instant::now();
            if now >= next_tick {
                let seen = node.pulse.load(Ordering::Relaxed);
                if seen != pulse {
                    (pulse, pulsed) = (seen, now);
                }
                let healthy = now.duration_since(pulsed) < node.config.heartbeat * 2;
                node.protocol(|protocol, time| protocol.tick(time, healthy));
                next_tick = now + tick;
                dispatcher.recent = None;
            }
        }
        if dispatcher.turn(inbox, &shared.executor) {
            idle = 0;
            continue;
        }
        idle += 1;
        let stays = match node.config.wait {
            Wait::Spin => true,
            Wait::SpinThenPark => idle < SPINS,
            // As many turns as it takes to look at everything once.
            Wait::Park => idle < TURNS_OF_SMALL_LANES,
        };
        if stays {
            std::hint::spin_loop();
            continue;
        }
        if shared.executor.falls_asleep() {
            let left = next_tick.saturating_duration_since(Instant::now());
            // Held messages wait for room, which nothing announces to this thread.
            let left = if dispatcher.holds() { left.min(Duration::from_millis(1)) } else { left };
            sleep(inbox, left);
            shared.executor.wakes_up();
            looks = LOOKS_BETWEEN_CLOCKS;
        }
        idle = 0;
    }
}

fn sleep(inbox: &Lanes, patience: Duration) {
    // The dispatcher has looked already, and may have woken somebody who is to run on this core.
    let mut set = WaitSet::new().sleep_at_once();
    // A set takes more than a hundred, and there are six.
    let _ = set.add(&inbox.system, ());
    let _ = set.add(&inbox.small, ());
    let _ = set.add(&inbox.small_replies, ());
    let _ = set.add(&inbox.medium, ());
    let _ = set.add(&inbox.large, ());
    let _ = set.add(&inbox.large_replies, ());
    let _ = set.wait_timeout(patience);
}

/// Wakes the dispatcher of this process, which listens to its own inbox.
pub(crate) fn ring(node: &Node) {
    if let Some(open) = node.shared.as_ref().and_then(Shared::open) {
        let packet = Packet { from: node.id, sequence: 0, acknowledged: 0, body: Body::Alive };
        let _ = open.inbox.system.try_enqueue(&packet);
    }
}

impl Dispatcher<'_> {
    fn holds(&self) -> bool {
        self.held.iter().any(|held| !held.is_empty())
    }

    /// Takes from each lane once, and runs the tasks that are ready; whether there was anything.
    fn turn(&mut self, inbox: &Lanes, tasks: &Executor) -> bool {
        // Whoever an answer or a message was for runs at once.
        let mut worked = self.replies(&inbox.small_replies);
        if worked {
            tasks.run_ready();
        }
        worked |= self.messages(&inbox.small, 0);
        worked |= tasks.run_ready();
        // The others are looked at less often: each look costs the messages in a hurry a little.
        self.turns = self.turns.wrapping_add(1);
        if !self.turns.is_multiple_of(TURNS_OF_SMALL_LANES) {
            return worked;
        }
        worked |= self.signals(&inbox.system);
        worked |= self.messages(&inbox.medium, 1);
        worked |= self.messages(&inbox.large, 2);
        worked | self.replies(&inbox.large_replies) | tasks.run_ready()
    }

    fn signals(&self, queue: &MessageQueue<Packet>) -> bool {
        let mut worked = false;
        for _ in 0..MOST_AT_ONCE {
            let Ok(Some(message)) = queue.try_dequeue() else { break };
            worked = true;
            let packet = message.read();
            drop(message);
            match packet {
                Ok(packet) => self.node.receive(packet),
                Err(error) => tracing::warn!(%error, "a system message that is none"),
            }
        }
        worked
    }

    fn replies<F: Frame>(&self, queue: &MessageQueue<F>) -> bool {
        let Ok(Some(batch)) = queue.try_dequeue_batch(MOST_AT_ONCE) else { return false };
        for frame in batch.iter() {
            let arrival = Arrival::of::<F>(&frame);
            if !arrival.filled {
                continue;
            }
            if let Some(waiter) = self.node.end_ask(arrival.to) {
                waiter.answer(arrival.payload, arrival.length);
            }
        }
        true
    }

    fn messages<F: Frame>(&mut self, queue: &MessageQueue<F>, lane: usize) -> bool {
        if !self.held[lane].is_empty() && !self.let_in(lane) {
            return false;
        }
        let Ok(Some(batch)) = queue.try_dequeue_batch(MOST_AT_ONCE) else { return false };
        let mut frames = batch.iter();
        if let (1, Some(frame)) = (batch.len(), frames.next()) {
            let arrival = Arrival::of::<F>(&frame);
            if arrival.filled {
                self.hand_over(&[arrival], lane);
            }
            return true;
        }
        let frames: Vec<QueueBatchItem<'_, F>> = batch.iter().collect();
        let arrivals = frames.iter().map(|frame| Arrival::of::<F>(frame));
        let arrivals: Vec<_> = arrivals.filter(|arrival| arrival.filled).collect();
        self.hand_over(&arrivals, lane);
        true
    }

    /// Delivers what has arrived in a lane, and holds what has no room yet.
    fn hand_over(&mut self, arrivals: &[Arrival<'_>], lane: usize) {
        let taken = self.deliver(arrivals);
        self.held[lane].extend(arrivals[taken..].iter().map(Held::new));
    }

    /// Tries again to deliver what is held of a lane; whether all of it is gone now.
    fn let_in(&mut self, lane: usize) -> bool {
        let held = std::mem::take(&mut self.held[lane]);
        let taken = self.deliver(&held.iter().map(Held::arrival).collect::<Vec<_>>());
        self.held[lane] = held;
        self.held[lane].drain(..taken);
        self.held[lane].is_empty()
    }

    fn cell(&mut self, number: u64) -> Result<&Arc<dyn Cell>, Cause> {
        let recent = self.recent.take().filter(|recent| recent.0 == number);
        let recent = match recent {
            Some(recent) => recent,
            None => (number, self.node.cell(number)?),
        };
        Ok(&self.recent.insert(recent).1)
    }

    /// Delivers in order, as far as there is room; how many.
    fn deliver(&mut self, arrivals: &[Arrival<'_>]) -> usize {
        let mut taken = 0;
        while let Some(first) = arrivals.get(taken) {
            let to = first.to;
            let run = arrivals[taken..].iter().take_while(|arrival| arrival.to == to).count();
            let run = &arrivals[taken..taken + run];
            match self.cell(to) {
                Ok(cell) => {
                    let delivered = cell.deliver(run);
                    taken += delivered;
                    if delivered < run.len() {
                        break;
                    }
                }
                Err(cause) => {
                    let to = crate::address::ActorId::new(self.node.id, to);
                    for arrival in run {
                        let why = Undelivered::Gone(cause.clone());
                        self.node.undelivered(to, arrival, why);
                    }
                    taken += run.len();
                }
            }
        }
        taken
    }
}
