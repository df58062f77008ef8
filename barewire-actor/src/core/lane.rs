//! The system messages between this node and one other: in order, once, resent until acknowledged.

use std::collections::{BTreeMap, VecDeque};

use super::Time;
use super::packet::{Body, Packet};
use super::protocol::Settings;
use crate::address::NodeId;

/// How many messages that came early are kept.
const MOST_EARLY: u64 = 1024;
/// How many messages are sent again at once.
const MOST_RESENT: usize = 64;

#[derive(Debug)]
struct Unacknowledged {
    sequence: u64,
    body: Body,
    since: Time,
}

/// One side of a lane.
#[derive(Debug)]
pub(super) struct Lane {
    /// The sequence of the next message.
    next: u64,
    unacknowledged: VecDeque<Unacknowledged>,
    resend_at: Time,
    resend_after: Time,
    /// The sequence that is expected next, and what came before its time.
    expected: u64,
    early: BTreeMap<u64, Body>,
    /// Whether the other side does not know yet what was received.
    owes: bool,
    pub(super) spoken: Time,
    pub(super) heard: Time,
    pub(super) responsive: bool,
}

impl Lane {
    pub(super) fn new(now: Time) -> Self {
        Self {
            next: 1,
            unacknowledged: VecDeque::new(),
            resend_at: Time::MAX,
            resend_after: 0,
            expected: 1,
            early: BTreeMap::new(),
            owes: false,
            // The first tick says that this node is there.
            spoken: 0,
            heard: now,
            responsive: true,
        }
    }

    fn packet(&mut self, me: NodeId, now: Time, sequence: u64, body: Body) -> Packet {
        self.owes = false;
        self.spoken = now;
        Packet { from: me, sequence, acknowledged: self.expected - 1, body }
    }

    /// A message that must arrive.
    pub(super) fn say(&mut self, me: NodeId, now: Time, body: Body, rules: &Settings) -> Packet {
        let sequence = self.next;
        self.next += 1;
        if self.unacknowledged.is_empty() {
            self.resend_after = rules.resend_first;
            self.resend_at = now + self.resend_after;
        }
        let kept = Unacknowledged { sequence, body: body.clone(), since: now };
        self.unacknowledged.push_back(kept);
        self.packet(me, now, sequence, body)
    }

    /// Takes what has arrived; yields the messages whose turn it is.
    pub(super) fn hear(&mut self, now: Time, packet: Packet, rules: &Settings) -> Vec<Body> {
        self.heard = now;
        let before = self.unacknowledged.len();
        while self.unacknowledged.front().is_some_and(|one| one.sequence <= packet.acknowledged) {
            self.unacknowledged.pop_front();
        }
        if self.unacknowledged.len() < before {
            self.resend_after = rules.resend_first;
            self.resend_at = now + self.resend_after;
        }
        let mut due = Vec::new();
        if packet.sequence == 0 {
            due.push(packet.body);
            return due;
        }
        self.owes = true;
        if packet.sequence >= self.expected && packet.sequence - self.expected < MOST_EARLY {
            self.early.insert(packet.sequence, packet.body);
        }
        while let Some(body) = self.early.remove(&self.expected) {
            self.expected += 1;
            due.push(body);
        }
        due
    }

    /// What is to be sent again, to be acknowledged, or to show that this node lives.
    pub(super) fn tick(
        &mut self,
        me: NodeId,
        now: Time,
        healthy: bool,
        rules: &Settings,
        send: &mut dyn FnMut(Packet),
    ) {
        if !self.unacknowledged.is_empty() && now >= self.resend_at {
            self.resend_after = (self.resend_after * 2).min(rules.resend_longest);
            self.resend_at = now + self.resend_after;
            let again: Vec<_> = self.unacknowledged.iter().take(MOST_RESENT).collect();
            let acknowledged = self.expected - 1;
            for one in again {
                let body = one.body.clone();
                send(Packet { from: me, sequence: one.sequence, acknowledged, body });
            }
            self.owes = false;
            self.spoken = now;
        }
        let silent = now.saturating_sub(self.spoken) >= rules.heartbeat || self.spoken == 0;
        if self.owes || (silent && healthy) {
            let packet = self.packet(me, now, 0, Body::Alive);
            send(packet);
        }
    }

    /// How many messages the other side has not acknowledged.
    pub(super) fn waiting(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Since when the oldest of them waits.
    pub(super) fn waiting_since(&self) -> Option<Time> {
        self.unacknowledged.front().map(|one| one.since)
    }
}
