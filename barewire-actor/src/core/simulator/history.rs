//! What happened in a run, and whether it is allowed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::address::{ActorId, NodeId};
use crate::cause::Cause;
use crate::core::Time;

/// How often things happened.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) told: u64,
    pub(super) dropped: u64,
    pub(super) doubled: u64,
    pub(super) killed: u64,
    pub(super) paused: u64,
    pub(super) answered: u64,
    pub(super) expired: u64,
    pub(super) overtaken: u64,
    pub(super) unresponsive: u64,
    pub(super) quarantined: u64,
    pub(super) signals: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.told += other.told;
        self.dropped += other.dropped;
        self.doubled += other.doubled;
        self.killed += other.killed;
        self.paused += other.paused;
        self.answered += other.answered;
        self.expired += other.expired;
        self.overtaken += other.overtaken;
        self.unresponsive += other.unresponsive;
        self.quarantined += other.quarantined;
        self.signals += other.signals;
    }
}

#[derive(Debug, Hash)]
pub(super) struct Watch {
    pub(super) watcher: ActorId,
    pub(super) target: ActorId,
    pub(super) told: Vec<bool>,
    pub(super) taken_back: bool,
}

#[derive(Debug, Hash)]
pub(super) struct Ask {
    pub(super) deadline: Time,
    pub(super) ended: Vec<Time>,
}

/// Everything that a checker needs.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) watches: BTreeMap<(NodeId, u64), Watch>,
    pub(super) asks: BTreeMap<(NodeId, u64), Ask>,
    /// What arrived, by sender and receiver, in the order of arrival.
    pub(super) messages: BTreeMap<(NodeId, NodeId), Vec<u64>>,
    pub(super) signals_sent: BTreeMap<(NodeId, NodeId), Vec<u64>>,
    pub(super) signals: BTreeMap<(NodeId, NodeId), Vec<u64>>,
    pub(super) strangers: Vec<ActorId>,
    pub(super) actors_ended: HashSet<ActorId>,
    pub(super) nodes_ended: HashSet<NodeId>,
    /// Pairs of which one has given the other up.
    pub(super) parted: HashSet<(NodeId, NodeId)>,
    /// How long a node stood still, at most.
    pub(super) stood: HashMap<NodeId, Time>,
    pub(super) tick: Time,
    pub(super) tally: Tally,
}

impl History {
    fn is_parted(&self, one: NodeId, other: NodeId) -> bool {
        self.parted.contains(&(one, other)) || self.parted.contains(&(other, one))
    }

    fn has_ended(&self, actor: ActorId) -> bool {
        self.actors_ended.contains(&actor) || self.nodes_ended.contains(&actor.node())
    }

    /// Records that a watch was told.
    pub(super) fn told(&mut self, node: NodeId, watch: u64, cause: &Cause) {
        self.tally.told += 1;
        if let Some(watch) = self.watches.get_mut(&(node, watch)) {
            watch.told.push(*cause == Cause::Unreachable);
        }
    }

    /// Whether the history is allowed.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(stranger) = self.strangers.first() {
            return Err(format!("a message for {stranger} reached another"));
        }
        self.check_watches()?;
        self.check_asks()?;
        for ((from, to), arrived) in &self.messages {
            if !arrived.is_sorted_by(|a, b| a < b) {
                return Err(format!("{from} to {to}: doubled or out of order: {arrived:?}"));
            }
        }
        for ((from, to), sent) in &self.signals_sent {
            let arrived = self.signals.get(&(*from, *to)).map_or(&[][..], Vec::as_slice);
            let ended = self.nodes_ended.contains(from) || self.nodes_ended.contains(to);
            let whole = arrived == sent.as_slice();
            let cut = sent.starts_with(arrived) && (ended || self.is_parted(*from, *to));
            if !whole && !cut {
                return Err(format!("{from} to {to}: signals {sent:?} arrived as {arrived:?}"));
            }
        }
        Ok(())
    }

    fn check_watches(&self) -> Result<(), String> {
        for ((node, number), watch) in &self.watches {
            let name = format!("watch {number} of {} on {}", watch.watcher, watch.target);
            if watch.told.len() > 1 {
                return Err(format!("{name} was told {} times", watch.told.len()));
            }
            let parted = self.is_parted(*node, watch.target.node());
            let told = watch.told.first();
            if told.is_some() && !self.has_ended(watch.target) && !parted {
                return Err(format!("{name} was told, but its target lives"));
            }
            if told == Some(&true) && !parted {
                return Err(format!("{name} was told of a parting that never was"));
            }
            let can_be_told = !self.has_ended(watch.watcher) && !watch.taken_back;
            if can_be_told && self.has_ended(watch.target) && told.is_none() {
                return Err(format!("{name} was never told"));
            }
        }
        Ok(())
    }

    fn check_asks(&self) -> Result<(), String> {
        for ((node, number), ask) in &self.asks {
            if self.nodes_ended.contains(node) {
                continue;
            }
            let [ended] = ask.ended[..] else {
                return Err(format!("ask {number} of {node} ended {} times", ask.ended.len()));
            };
            let stood = self.stood.get(node).copied().unwrap_or(0);
            let latest = ask.deadline + 2 * self.tick + stood;
            if ended > latest {
                return Err(format!("ask {number} of {node} ended {} µs late", ended - latest));
            }
        }
        Ok(())
    }

    /// A number that two equal runs have in common.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.watches.hash(&mut hasher);
        self.asks.hash(&mut hasher);
        self.messages.hash(&mut hasher);
        self.signals.hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn forget_a_told_watch(&mut self) {
        self.watches.values_mut().for_each(|watch| watch.told.clear());
    }

    pub(super) fn tell_a_watch_twice(&mut self) {
        self.watches.values_mut().for_each(|watch| watch.told.extend_from_within(..));
    }

    pub(super) fn swap_two_messages(&mut self) {
        self.messages.values_mut().for_each(|arrived| arrived.reverse());
    }

    pub(super) fn end_an_ask_late(&mut self) {
        self.asks.values_mut().flat_map(|ask| &mut ask.ended).for_each(|at| *at += 60_000_000);
    }
}
