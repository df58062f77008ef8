//! The nodes, the transport between them, and what goes wrong.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use super::history::{Ask, History, Watch};
use crate::address::{ActorId, NodeId};
use crate::cause::Cause;
use crate::core::Time;
use crate::core::asks::Asks;
use crate::core::order::{Incoming, Outgoing};
use crate::core::packet::{Packet, Signal};
use crate::core::protocol::{Action, Protocol, Settings};
use crate::random::Random;

const NODES: usize = 3;
const ACTORS: u64 = 3;
const STEPS: u32 = 120;
const MILLI: Time = 1000;
const TICK: Time = 20 * MILLI;
/// When nothing goes wrong any more, and when the run is over.
const HEALED: Time = 1000 * MILLI;
const END: Time = 6000 * MILLI;

/// What travels.
#[derive(Debug, Clone)]
enum Wire {
    System(Packet),
    Message { to: ActorId, from: NodeId, stamp: u64, ask: u64 },
    Reply { to: NodeId, ask: u64 },
}

#[derive(Debug, Clone)]
enum Event {
    Arrive(usize, Wire),
    Tick(usize),
    Step,
    Resume(usize),
    /// The kernel tells one node that another has ended.
    Learn(usize, usize),
}

struct Node {
    id: NodeId,
    protocol: Protocol,
    asks: Asks<u64>,
    outgoing: Outgoing,
    incoming: Incoming,
    actors: BTreeMap<u64, Option<Cause>>,
    alive: bool,
    paused: bool,
    held: VecDeque<Event>,
    signals: u64,
    asked: u64,
}

pub(super) struct World {
    random: Random,
    now: Time,
    nodes: Vec<Node>,
    events: BinaryHeap<Reverse<(Time, u64, usize)>>,
    stored: Vec<Option<Event>>,
    drop: u64,
    double: u64,
    delay: Time,
    message: u64,
    pub(super) history: History,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let give_up_after = random.percent(20).then_some(400 * MILLI);
        let rules = Settings {
            heartbeat: 50 * MILLI,
            liveness: 200 * MILLI,
            resend_first: 60 * MILLI,
            resend_longest: 300 * MILLI,
            most_unacknowledged: if random.percent(5) { 4 } else { 1000 },
            give_up_after,
        };
        let node = |index: usize| {
            let id = NodeId::from_u128(index as u128 + 1);
            Node {
                id,
                protocol: Protocol::new(id, rules.clone()),
                asks: Asks::new(),
                outgoing: Outgoing::default(),
                incoming: Incoming::default(),
                actors: (1..=ACTORS).map(|number| (number, None)).collect(),
                alive: true,
                paused: false,
                held: VecDeque::new(),
                signals: 0,
                asked: 0,
            }
        };
        let mut world = Self {
            now: 0,
            nodes: (0..NODES).map(node).collect(),
            events: BinaryHeap::new(),
            stored: Vec::new(),
            drop: random.below(30),
            double: random.below(20),
            delay: 1 + random.below(60) * MILLI,
            message: 0,
            history: History { tick: TICK, ..History::default() },
            random,
        };
        for index in 0..NODES {
            world.at(1 + index as Time, Event::Tick(index));
        }
        for _ in 0..STEPS {
            let when = world.random.below(HEALED);
            world.at(when, Event::Step);
        }
        world
    }

    fn at(&mut self, time: Time, event: Event) {
        let number = self.stored.len();
        self.stored.push(Some(event));
        self.events.push(Reverse((time, number as u64, number)));
    }

    pub(super) fn run(&mut self) {
        while let Some(Reverse((time, _, number))) = self.events.pop() {
            if time > END {
                break;
            }
            self.now = time;
            if let Some(event) = self.stored[number].take() {
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let concerned = match &event {
            Event::Arrive(node, _) | Event::Tick(node) | Event::Learn(node, _) => Some(*node),
            Event::Step | Event::Resume(_) => None,
        };
        if let Some(index) = concerned {
            let node = &mut self.nodes[index];
            if !node.alive {
                return;
            }
            if node.paused {
                return node.held.push_back(event);
            }
        }
        match event {
            Event::Arrive(node, wire) => self.arrive(node, wire),
            Event::Tick(node) => {
                self.nodes[node].protocol.tick(self.now, true);
                let late = self.nodes[node].asks.expire(self.now);
                self.history.tally.expired += late.len() as u64;
                late.into_iter().for_each(|ask| self.end_ask(node, ask));
                self.at(self.now + TICK, Event::Tick(node));
                self.act(node);
            }
            Event::Learn(node, dead) => {
                let dead = self.nodes[dead].id;
                self.nodes[node].protocol.node_ended(dead, &Cause::Signalled { signal: 9 });
                let lost = self.nodes[node].asks.node_ended(dead);
                lost.into_iter().for_each(|ask| self.end_ask(node, ask));
                self.act(node);
            }
            Event::Resume(node) => {
                self.nodes[node].paused = false;
                while let Some(event) = self.nodes[node].held.pop_front() {
                    self.happen(event);
                }
            }
            Event::Step => self.step(),
        }
    }

    fn end_ask(&mut self, node: usize, ask: u64) {
        let key = (self.nodes[node].id, ask);
        if let Some(ask) = self.history.asks.get_mut(&key) {
            ask.ended.push(self.now);
        }
    }

    fn arrive(&mut self, index: usize, wire: Wire) {
        match wire {
            Wire::System(packet) => {
                let node = &mut self.nodes[index];
                let actors = &node.actors;
                let ended = |number: u64| match actors.get(&number) {
                    Some(cause) => cause.clone(),
                    None => Some(Cause::Unknown),
                };
                node.protocol.receive(self.now, packet, &ended);
                self.act(index);
            }
            Wire::Message { to, from, stamp, ask } => {
                let node = &mut self.nodes[index];
                if to.node() != node.id {
                    self.history.strangers.push(to);
                }
                if !node.incoming.accepts(from, stamp) {
                    self.history.tally.overtaken += 1;
                    return;
                }
                self.history.messages.entry((from, node.id)).or_default().push(stamp);
                let lives = matches!(node.actors.get(&to.number()), Some(None));
                if ask > 0 && lives {
                    let back = (from.as_u128() - 1) as usize;
                    self.transmit(index, back, Wire::Reply { to: from, ask });
                }
            }
            Wire::Reply { to, ask } => {
                let node = &mut self.nodes[index];
                if to != node.id {
                    self.history.strangers.push(ActorId::new(to, 0));
                }
                if let Some(ask) = node.asks.end(ask) {
                    self.history.tally.answered += 1;
                    self.end_ask(index, ask);
                }
            }
        }
    }

    /// Does what the protocol of a node wants done.
    fn act(&mut self, index: usize) {
        while let Some(action) = self.nodes[index].protocol.next_action() {
            let me = self.nodes[index].id;
            match action {
                Action::Send { to, packet } => {
                    let to = (to.as_u128() - 1) as usize;
                    self.transmit(index, to, Wire::System(packet));
                }
                Action::Signal { signal: Signal::Link(from), .. } => {
                    self.history.tally.signals += 1;
                    let key = (from.node(), me);
                    self.history.signals.entry(key).or_default().push(from.number());
                }
                Action::Ended { watch, cause, .. } => self.history.told(me, watch, &cause),
                Action::Unresponsive(_) => self.history.tally.unresponsive += 1,
                Action::Quarantined(other) => {
                    self.history.tally.quarantined += 1;
                    self.history.parted.insert((me, other));
                }
                _ => {}
            }
        }
    }

    /// Hands something to the transport, which does what it likes with it.
    fn transmit(&mut self, from: usize, to: usize, wire: Wire) {
        let calm = self.now >= HEALED;
        let copies = if from == to || calm {
            1
        } else if self.random.percent(self.drop) {
            self.history.tally.dropped += 1;
            0
        } else {
            1 + u64::from(self.random.percent(self.double))
        };
        self.history.tally.doubled += u64::from(copies > 1);
        for _ in 0..copies {
            let delay = if calm { MILLI } else { 1 + self.random.below(self.delay) };
            self.at(self.now + delay, Event::Arrive(to, wire.clone()));
        }
    }

    fn step(&mut self) {
        let index = self.random.below(NODES as u64) as usize;
        let other = self.random.below(NODES as u64) as usize;
        let kind = self.random.below(100);
        let number = 1 + self.random.below(ACTORS);
        let target = ActorId::new(self.nodes[other].id, 1 + self.random.below(ACTORS + 1));
        if !self.nodes[index].alive || self.nodes[index].paused {
            return;
        }
        match kind {
            0..25 => self.watch(index, number, target),
            25..30 => self.unwatch(index),
            30..60 => self.send(index, other, target),
            60..75 => self.signal(index, other, target),
            75..90 => self.end_actor(index, number),
            90..97 => self.pause(index),
            _ => self.kill(index),
        }
        if self.nodes[index].alive {
            self.act(index);
        }
    }

    fn watch(&mut self, index: usize, number: u64, target: ActorId) {
        let node = &mut self.nodes[index];
        if !matches!(node.actors.get(&number), Some(None)) {
            return;
        }
        let actors = &node.actors;
        let ended = |number: u64| match actors.get(&number) {
            Some(cause) => cause.clone(),
            None => Some(Cause::Unknown),
        };
        let watch = node.protocol.watch(self.now, number, target, &ended);
        let watcher = ActorId::new(node.id, number);
        if target.number() > ACTORS {
            self.history.actors_ended.insert(target);
        }
        let record = Watch { watcher, target, told: Vec::new(), taken_back: false };
        self.history.watches.insert((node.id, watch), record);
    }

    fn unwatch(&mut self, index: usize) {
        let id = self.nodes[index].id;
        let own = self.history.watches.range((id, 0)..=(id, u64::MAX));
        let open: Vec<u64> = own
            .filter(|(_, watch)| watch.told.is_empty())
            .map(|((_, number), _)| *number)
            .collect();
        if let Some(number) = open.first() {
            self.nodes[index].protocol.unwatch(self.now, *number);
            if let Some(watch) = self.history.watches.get_mut(&(id, *number)) {
                watch.taken_back = true;
            }
        }
    }

    fn send(&mut self, index: usize, other: usize, target: ActorId) {
        let node = &mut self.nodes[index];
        let stamp = node.outgoing.stamp(target.node());
        let from = node.id;
        let mut ask = 0;
        if self.random.percent(50) {
            node.asked += 1;
            let deadline = self.now + 1 + self.random.below(300 * MILLI);
            ask = node.asks.begin(target.node(), deadline, node.asked);
            let record = Ask { deadline, ended: Vec::new() };
            self.history.asks.insert((from, node.asked), record);
        }
        self.message += 1;
        self.transmit(index, other, Wire::Message { to: target, from, stamp, ask });
    }

    fn signal(&mut self, index: usize, other: usize, target: ActorId) {
        let node = &mut self.nodes[index];
        node.signals += 1;
        let (from, signals) = (node.id, node.signals);
        let to = self.nodes[other].id;
        self.nodes[index].protocol.signal(
            self.now,
            target,
            Signal::Link(ActorId::new(from, signals)),
        );
        self.history.signals_sent.entry((from, to)).or_default().push(signals);
    }

    fn end_actor(&mut self, index: usize, number: u64) {
        let node = &mut self.nodes[index];
        if let Some(cause @ None) = node.actors.get_mut(&number) {
            *cause = Some(Cause::Stopped);
            node.protocol.actor_ended(self.now, number, &Cause::Stopped);
            self.history.actors_ended.insert(ActorId::new(node.id, number));
        }
    }

    fn pause(&mut self, index: usize) {
        self.history.tally.paused += 1;
        self.nodes[index].paused = true;
        let length = self.random.below(500 * MILLI);
        *self.history.stood.entry(self.nodes[index].id).or_default() += length;
        self.at(self.now + length, Event::Resume(index));
    }

    fn kill(&mut self, index: usize) {
        self.history.tally.killed += 1;
        self.nodes[index].alive = false;
        self.history.nodes_ended.insert(self.nodes[index].id);
        for other in (0..NODES).filter(|other| *other != index) {
            let after = 1 + self.random.below(10 * MILLI);
            self.at(self.now + after, Event::Learn(other, index));
        }
    }
}
