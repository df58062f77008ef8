//! Watches, signals, heartbeats and quarantine: what one node knows of the others.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::Time;
use super::lane::Lane;
use super::packet::{Body, Packet, Refused, Signal};
use crate::address::{ActorId, NodeId};
use crate::cause::Cause;

/// How many ended nodes are remembered, so that what they have said late is not heard.
const MOST_GONE: usize = 4096;

/// What the driver decides; all times in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How long a node may be silent.
    pub(crate) heartbeat: Time,
    /// How long the silence of another one is not reported.
    pub(crate) liveness: Time,
    pub(crate) resend_first: Time,
    pub(crate) resend_longest: Time,
    /// A node that leaves so many system messages unacknowledged is given up.
    pub(crate) most_unacknowledged: usize,
    /// A node that leaves one unacknowledged for so long is given up. `None` on one machine, where
    /// the kernel says who is dead.
    pub(crate) give_up_after: Option<Time>,
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Send {
        to: NodeId,
        packet: Packet,
    },
    Signal {
        target: u64,
        signal: Signal,
    },
    /// A watch has come to its end; it is gone, so this is said once.
    Ended {
        watch: u64,
        watcher: u64,
        target: ActorId,
        cause: Cause,
    },
    Unresponsive(NodeId),
    Responsive(NodeId),
    /// That node was given up, and is not heard again.
    Quarantined(NodeId),
    Ready(NodeId),
    Shutdown(NodeId),
    /// That node has shut itself down.
    Left(NodeId),
    /// A question to that node has no answer.
    Refused {
        node: NodeId,
        ask: u64,
        why: Refused,
    },
}

/// Why an actor of this node has ended; `None` while it lives.
pub(crate) type Ended<'a> = &'a dyn Fn(u64) -> Option<Cause>;

/// One node's part of the protocol.
#[derive(Debug)]
pub(crate) struct Protocol {
    me: NodeId,
    rules: Settings,
    lanes: BTreeMap<NodeId, Lane>,
    next_watch: u64,
    /// Watch → who watches, and whom.
    watching: BTreeMap<u64, (u64, ActorId)>,
    /// Actor → the nodes that watch it, each with its own number for the watch.
    watched: HashMap<u64, Vec<(NodeId, u64)>>,
    gone: HashMap<NodeId, Cause>,
    gone_order: VecDeque<NodeId>,
    ticked: Time,
    actions: VecDeque<Action>,
}

impl Protocol {
    pub(crate) fn new(me: NodeId, rules: Settings) -> Self {
        Self {
            me,
            rules,
            lanes: BTreeMap::new(),
            next_watch: 1,
            watching: BTreeMap::new(),
            watched: HashMap::new(),
            gone: HashMap::new(),
            gone_order: VecDeque::new(),
            ticked: 0,
            actions: VecDeque::new(),
        }
    }

    /// What is to be done next.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Makes another node known, so that both keep saying that they live.
    pub(crate) fn meet(&mut self, now: Time, node: NodeId) {
        if node != self.me && !self.gone.contains_key(&node) {
            self.lanes.entry(node).or_insert_with(|| Lane::new(now));
        }
    }

    /// Whether a node is known to have ended.
    pub(crate) fn is_gone(&self, node: NodeId) -> bool {
        self.gone.contains_key(&node)
    }

    /// Says something that must arrive; it is lost only with its receiver.
    pub(crate) fn say(&mut self, now: Time, to: NodeId, body: Body) {
        if self.gone.contains_key(&to) {
            return;
        }
        let lane = self.lanes.entry(to).or_insert_with(|| Lane::new(now));
        let packet = lane.say(self.me, now, body, &self.rules);
        self.actions.push_back(Action::Send { to, packet });
        if lane.waiting() > self.rules.most_unacknowledged {
            self.give_up(to);
        }
    }

    /// Watches an actor; the number under which its end will be told, once.
    pub(crate) fn watch(
        &mut self,
        now: Time,
        watcher: u64,
        target: ActorId,
        ended: Ended<'_>,
    ) -> u64 {
        let watch = self.next_watch;
        self.next_watch += 1;
        self.watching.insert(watch, (watcher, target));
        let node = target.node();
        if node == self.me {
            self.add_watcher(now, node, watch, target.number(), ended);
        } else if let Some(cause) = self.gone.get(&node).cloned() {
            self.finish(watch, cause);
        } else {
            self.say(now, node, Body::Watch { watch, target: target.number() });
        }
        watch
    }

    /// Takes a watch back: its end will not be told, unless that was decided already.
    pub(crate) fn unwatch(&mut self, now: Time, watch: u64) {
        let Some((_, target)) = self.watching.remove(&watch) else { return };
        let (node, target) = (target.node(), target.number());
        if node == self.me {
            self.remove_watcher(node, watch, target);
        } else {
            self.say(now, node, Body::Unwatch { watch, target });
        }
    }

    /// Signals an actor, here or elsewhere.
    pub(crate) fn signal(&mut self, now: Time, target: ActorId, signal: Signal) {
        let number = target.number();
        if target.node() == self.me {
            self.actions.push_back(Action::Signal { target: number, signal });
        } else {
            self.say(now, target.node(), Body::Signal { target: number, signal });
        }
    }

    /// An actor of this node has ended.
    pub(crate) fn actor_ended(&mut self, now: Time, number: u64, cause: &Cause) {
        for (node, watch) in self.watched.remove(&number).unwrap_or_default() {
            self.tell_end(now, node, watch, cause.clone());
        }
        let own = self.watching.iter().filter(|(_, (watcher, _))| *watcher == number);
        let own: Vec<u64> = own.map(|(watch, _)| *watch).collect();
        for watch in own {
            self.unwatch(now, watch);
        }
    }

    /// Tells all others that this node is no more.
    pub(crate) fn leave(&mut self) {
        for &to in self.lanes.keys() {
            let body = Body::Leaving;
            let packet = Packet { from: self.me, sequence: 0, acknowledged: 0, body };
            self.actions.push_back(Action::Send { to, packet });
        }
    }

    /// A node has ended, as the kernel or a parent knows; false if that is known already.
    pub(crate) fn node_ended(&mut self, node: NodeId, cause: &Cause) -> bool {
        if self.gone.contains_key(&node) || node == self.me {
            return false;
        }
        self.gone.insert(node, cause.clone());
        self.gone_order.push_back(node);
        if self.gone_order.len() > MOST_GONE
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
        self.lanes.remove(&node);
        self.watched.retain(|_, watchers| {
            watchers.retain(|(watcher, _)| *watcher != node);
            !watchers.is_empty()
        });
        let lost = self.watching.iter().filter(|(_, (_, target))| target.node() == node);
        let lost: Vec<u64> = lost.map(|(watch, _)| *watch).collect();
        for watch in lost {
            self.finish(watch, cause.clone());
        }
        true
    }

    /// A packet has arrived.
    pub(crate) fn receive(&mut self, now: Time, packet: Packet, ended: Ended<'_>) {
        let from = packet.from;
        if from == self.me {
            return;
        }
        if let Some(cause) = self.gone.get(&from) {
            // Both sides learn that they are parted, or one would wait for ever.
            if *cause == Cause::Unreachable && packet.body != Body::GivenUp {
                let body = Body::GivenUp;
                let packet = Packet { from: self.me, sequence: 0, acknowledged: 0, body };
                self.actions.push_back(Action::Send { to: from, packet });
            }
            return;
        }
        let lane = self.lanes.entry(from).or_insert_with(|| Lane::new(now));
        let due = lane.hear(now, packet, &self.rules);
        if !lane.responsive {
            lane.responsive = true;
            self.actions.push_back(Action::Responsive(from));
        }
        for body in due {
            match body {
                Body::Alive => {}
                Body::Watch { watch, target } => self.add_watcher(now, from, watch, target, ended),
                Body::Unwatch { watch, target } => self.remove_watcher(from, watch, target),
                Body::Ended { watch, cause } => {
                    let legal = self.watching.get(&watch);
                    if legal.is_some_and(|(_, target)| target.node() == from) {
                        self.finish(watch, cause);
                    }
                }
                Body::Signal { target, signal } => {
                    self.actions.push_back(Action::Signal { target, signal });
                }
                Body::Ready => self.actions.push_back(Action::Ready(from)),
                Body::Shutdown => self.actions.push_back(Action::Shutdown(from)),
                Body::Refused { ask, why } => {
                    self.actions.push_back(Action::Refused { node: from, ask, why });
                }
                Body::Leaving => {
                    self.node_ended(from, &Cause::SystemStopped);
                    return self.actions.push_back(Action::Left(from));
                }
                Body::GivenUp => return self.give_up(from),
            }
        }
    }

    /// Time has passed. `healthy` is whether this node gets on with its work: only then does it say
    /// that it lives.
    pub(crate) fn tick(&mut self, now: Time, healthy: bool) {
        let gap = now.saturating_sub(self.ticked);
        // Whoever stood still has not listened, and cannot blame others for their silence.
        let pardon = if self.ticked > 0 && gap > 2 * self.rules.heartbeat { gap } else { 0 };
        self.ticked = now;
        let (me, rules, actions) = (self.me, &self.rules, &mut self.actions);
        let mut hopeless = Vec::new();
        for (&node, lane) in &mut self.lanes {
            lane.heard += pardon;
            let mut send = |packet| actions.push_back(Action::Send { to: node, packet });
            lane.tick(me, now, healthy, rules, &mut send);
            if lane.responsive && now.saturating_sub(lane.heard) > rules.liveness {
                lane.responsive = false;
                actions.push_back(Action::Unresponsive(node));
            }
            let waiting = lane.waiting_since().map_or(0, |since| now.saturating_sub(since));
            if rules.give_up_after.is_some_and(|patience| waiting > patience) {
                hopeless.push(node);
            }
        }
        for node in hopeless {
            self.give_up(node);
        }
    }

    fn give_up(&mut self, node: NodeId) {
        self.actions.push_back(Action::Quarantined(node));
        self.node_ended(node, &Cause::Unreachable);
    }

    fn add_watcher(&mut self, now: Time, node: NodeId, watch: u64, target: u64, ended: Ended<'_>) {
        if let Some(cause) = ended(target) {
            self.tell_end(now, node, watch, cause);
        } else {
            self.watched.entry(target).or_default().push((node, watch));
        }
    }

    fn remove_watcher(&mut self, node: NodeId, watch: u64, target: u64) {
        if let Some(watchers) = self.watched.get_mut(&target) {
            watchers.retain(|watcher| *watcher != (node, watch));
            if watchers.is_empty() {
                self.watched.remove(&target);
            }
        }
    }

    fn tell_end(&mut self, now: Time, node: NodeId, watch: u64, cause: Cause) {
        if node == self.me {
            self.finish(watch, cause);
        } else {
            self.say(now, node, Body::Ended { watch, cause });
        }
    }

    fn finish(&mut self, watch: u64, cause: Cause) {
        if let Some((watcher, target)) = self.watching.remove(&watch) {
            self.actions.push_back(Action::Ended { watch, watcher, target, cause });
        }
    }
}
