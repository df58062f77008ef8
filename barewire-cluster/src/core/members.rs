//! Who there is, who is silent, who is dead.
//!
//! Two verdicts: **unreachable** is silence, and ends when the node is heard again; **dead** is
//! final for that incarnation. Where the kernel tells deaths, only it does; elsewhere silence that
//! lasts becomes death. Only a manager's verdict keeps a node out: it is told that it is fenced,
//! and comes back as another incarnation. Others do not hear a dead one any more, and tell it so.

#[cfg_attr(not(feature = "actor"), expect(dead_code, reason = "only actors use all of it"))]
pub(crate) mod parcels;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use barewire_runtime::layout::Uuid;

use self::parcels::{Lane, Parcels, Parting};
use super::link::{self, Link};
use super::{Sink, Time};
use crate::counters::Counters;
use crate::wire::{Alive, FrameFault, Header, Incarnation, Message, Parcel, Role, SAID_ONCE, read};

/// The most nodes that one node knows.
pub(crate) const MOST_PEERS: usize = 1024;
/// How many dead ones are remembered, so that what they have said late is not heard.
const MOST_GONE: usize = 4096;

/// What the driver decides; all times in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How often a node says that it lives.
    pub(crate) heartbeat: Time,
    /// How long a silent node counts as reachable.
    pub(crate) unreachable_after: Time,
    /// How long a silent node counts as alive, unless the kernel tells deaths.
    pub(crate) dead_after: Time,
    pub(crate) tells_deaths: bool,
    pub(crate) largest_frame: usize,
}

/// Who a node is.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    pub(crate) cluster: String,
    pub(crate) incarnation: Incarnation,
    pub(crate) role: Role,
    pub(crate) name: String,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is known now, by name.
    Joined,
    Unreachable,
    Reachable,
    Dead,
    Left,
}

/// Another node.
#[derive(Debug)]
pub(crate) struct Peer {
    /// What it has last said of itself; nothing yet, perhaps.
    pub(crate) alive: Option<Alive>,
    pub(crate) reachable: bool,
    heard: Time,
    pub(crate) link: Link,
    /// What is said once with the next flush.
    once: Parcel,
}

impl Peer {
    fn new(now: Time) -> Self {
        let (link, once) = (Link::new(), Parcel::default());
        Self { alive: None, reachable: true, heard: now, link, once }
    }
}

/// What one node knows of the others.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) me: Me,
    pub(crate) rules: Settings,
    room: usize,
    peers: BTreeMap<Incarnation, Peer>,
    gone: BTreeSet<Incarnation>,
    gone_order: VecDeque<Incarnation>,
    /// Dead ones that have spoken, and are told what they are with the next flush.
    fence: BTreeSet<Incarnation>,
    /// The epoch and log that the node says it has or follows.
    pub(crate) epoch: u64,
    pub(crate) log: Uuid,
    beat: u64,
    next_beat: Time,
    /// Whether to ask who is there with the next beat.
    pub(crate) searching: bool,
    /// What is said once to everybody with the next flush.
    shout: Parcel,
    ticked: Time,
    changes: VecDeque<(Incarnation, Option<Alive>, Change)>,
    buffer: Vec<u8>,
    pub(crate) parcels: Parcels,
    /// The messages of a frame, empty between frames; its memory is used again.
    messages: Vec<Message>,
    pub(crate) counters: Counters,
}

impl Members {
    pub(crate) fn new(me: Me, rules: Settings) -> Self {
        Self {
            me,
            room: link::room(rules.largest_frame),
            rules,
            peers: BTreeMap::new(),
            gone: BTreeSet::new(),
            gone_order: VecDeque::new(),
            fence: BTreeSet::new(),
            epoch: 0,
            log: Uuid([0; 16]),
            beat: 0,
            next_beat: 0,
            searching: true,
            shout: Parcel::default(),
            ticked: 0,
            changes: VecDeque::new(),
            buffer: Vec::new(),
            parcels: Parcels::default(),
            messages: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// The same node under another incarnation, after it was fenced.
    pub(crate) fn reborn(&mut self, incarnation: Incarnation) {
        let me = Me { incarnation, ..self.me.clone() };
        let mut fresh = Self::new(me, self.rules.clone());
        fresh.counters = self.counters;
        fresh.parcels = std::mem::take(&mut self.parcels).reborn();
        *self = fresh;
    }

    pub(crate) fn next_change(&mut self) -> Option<(Incarnation, Option<Alive>, Change)> {
        self.changes.pop_front()
    }

    pub(crate) fn is_reachable(&self, node: Incarnation) -> bool {
        self.peers.get(&node).is_some_and(|peer| peer.reachable)
    }

    /// Says something that is to arrive; it is lost only with its receiver.
    pub(crate) fn say(&mut self, now: Time, to: Incarnation, message: &Message) {
        if let Some(peer) = self.peer_or_new(now, to) {
            let room = peer.1;
            peer.0.link.push(message, room);
        }
    }

    /// Says something to all that are known and heard, which is to arrive.
    pub(crate) fn say_all(&mut self, message: &Message) {
        let known = |peer: &&mut Peer| peer.alive.is_some() && peer.reachable;
        for peer in self.peers.values_mut().filter(known) {
            peer.link.push(message, self.room);
        }
    }

    /// Whether all that is to arrive has arrived, as far as nodes are heard.
    pub(crate) fn is_all_said(&self) -> bool {
        self.peers.values().all(|peer| !peer.reachable || peer.link.backlog() == 0)
    }

    /// Says something that may be lost. What does not fit any more is lost.
    pub(crate) fn say_once(&mut self, now: Time, to: Incarnation, message: &Message) {
        if let Some((peer, room)) = self.peer_or_new(now, to) {
            push_once(&mut peer.once, message, room);
        }
    }

    /// Says something to everybody that may be lost.
    pub(crate) fn shout(&mut self, message: &Message) {
        push_once(&mut self.shout, message, self.room);
    }

    fn peer_or_new(&mut self, now: Time, node: Incarnation) -> Option<(&mut Peer, usize)> {
        if self.gone.contains(&node) || node == self.me.incarnation {
            return None;
        }
        let full = self.peers.len() >= MOST_PEERS && !self.peers.contains_key(&node);
        if full {
            self.counters.crowded += 1;
            return None;
        }
        Some((self.peers.entry(node).or_insert_with(|| Peer::new(now)), self.room))
    }

    /// Takes what the transport has brought. What is for the role is added to `due`; yields who
    /// has said it.
    pub(crate) fn receive(
        &mut self,
        now: Time,
        octets: &[u8],
        due: &mut Vec<Message>,
    ) -> Option<Incarnation> {
        let mut messages = std::mem::take(&mut self.messages);
        let header = read(octets, &self.me.cluster, &mut messages);
        let from = match header {
            Ok(header) => self.take(now, &header, &mut messages, due),
            Err(fault) => {
                self.count(&fault);
                None
            }
        };
        messages.clear();
        self.messages = messages;
        from
    }

    /// Takes a whole frame.
    fn take(
        &mut self,
        now: Time,
        header: &Header,
        messages: &mut Vec<Message>,
        due: &mut Vec<Message>,
    ) -> Option<Incarnation> {
        let (from, me) = (header.from, self.me.incarnation);
        if from == me {
            return None;
        }
        let broadcast = header.to == Incarnation::EVERYBODY;
        if (header.to != me && !broadcast)
            || (broadcast && header.sequence != SAID_ONCE)
            || from == Incarnation::EVERYBODY
        {
            self.counters.misdirected += 1;
            return None;
        }
        if self.gone.contains(&from) {
            self.counters.fenced += 1;
            let octets = |message: &Message| matches!(message, Message::Octets { .. });
            // Others answer only what waits for an answer.
            let speaks = header.sequence != SAID_ONCE || messages.iter().any(octets);
            if self.me.role == Role::Manager || (speaks && !broadcast) {
                self.fence.insert(from);
            }
            return None;
        }
        self.counters.frames += 1;
        let (peer, _) = self.peer_or_new(now, from)?;
        if !broadcast {
            peer.link.acknowledge(now, header);
        }
        if header.sequence == SAID_ONCE {
            self.said_once(now, from, messages, due);
        } else {
            let doubled = peer.link.doubled;
            peer.link.receive(header.sequence, messages, due);
            if peer.link.doubled == doubled {
                self.heard(now, from);
            } else {
                self.counters.doubled += 1;
            }
        }
        self.take_parcels(from, due);
        Some(from)
    }

    /// Only some things may be said without being counted.
    fn said_once(
        &mut self,
        now: Time,
        from: Incarnation,
        messages: &mut Vec<Message>,
        due: &mut Vec<Message>,
    ) {
        for message in messages.drain(..) {
            match message {
                Message::Nothing => {}
                Message::Discover => {
                    let alive = Message::Alive(self.alive());
                    self.say_once(now, from, &alive);
                }
                Message::Alive(alive) => {
                    if self.beats(now, from, &alive) {
                        due.push(Message::Alive(alive));
                    }
                }
                Message::Leave => {
                    self.bury(from, Change::Left);
                    return;
                }
                Message::Fenced
                | Message::Refused(_)
                | Message::Revoke { .. }
                | Message::Progressed { .. }
                | Message::Parted { .. }
                | Message::Shutdown => due.push(message),
                Message::Octets { channel, .. } if Lane::is_said_once(channel) => due.push(message),
                _ => self.counters.misplaced += 1,
            }
        }
    }

    /// A sign of life; false if it is an old one.
    fn beats(&mut self, now: Time, from: Incarnation, alive: &Alive) -> bool {
        let Some(peer) = self.peers.get_mut(&from) else { return false };
        let known = peer.alive.as_ref();
        if known.is_some_and(|known| known.beat >= alive.beat) {
            return false;
        }
        let first = known.is_none();
        peer.alive = Some(alive.clone());
        if first {
            self.changes.push_back((from, Some(alive.clone()), Change::Joined));
            for message in self.parcels.introduction() {
                peer.link.push(&message, self.room);
            }
        }
        self.heard(now, from);
        true
    }

    fn heard(&mut self, now: Time, from: Incarnation) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.heard = now;
        if !std::mem::replace(&mut peer.reachable, true) {
            self.changes.push_back((from, peer.alive.clone(), Change::Reachable));
        }
    }

    /// The kernel says that a node has ended.
    pub(crate) fn lost(&mut self, node: Incarnation) {
        self.parcels.gone(node, Parting::Dead);
        self.bury(node, Change::Dead);
    }

    /// Nothing is heard of that incarnation any more.
    pub(crate) fn bury(&mut self, node: Incarnation, how: Change) {
        if node == self.me.incarnation || !self.gone.insert(node) {
            return;
        }
        self.gone_order.push_back(node);
        if self.gone_order.len() > MOST_GONE
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
        self.remove(node, how);
    }

    fn remove(&mut self, node: Incarnation, how: Change) {
        let left = how == Change::Left;
        self.parcels.gone(node, if left { Parting::Left } else { Parting::Silent });
        if let Some(peer) = self.peers.remove(&node) {
            self.counters.resent += peer.link.resent;
            self.changes.push_back((node, peer.alive, how));
        }
    }

    fn alive(&mut self) -> Alive {
        self.beat += 1;
        Alive {
            name: self.me.name.clone(),
            role: self.me.role,
            beat: self.beat,
            epoch: self.epoch,
            log: self.log,
        }
    }

    /// Says with the next flush that the node lives.
    pub(crate) fn beat_now(&mut self) {
        self.next_beat = 0;
    }

    /// Says that the node goes.
    pub(crate) fn leave(&mut self) {
        self.shout(&Message::Leave);
    }

    /// Time has passed: who is silent?
    pub(crate) fn tick(&mut self, now: Time) {
        let gap = now.saturating_sub(self.ticked);
        // Whoever stood still has not listened, and cannot blame others for their silence.
        let pardon = if self.ticked > 0 && gap > 2 * self.rules.heartbeat { gap } else { 0 };
        self.ticked = now;
        let (mut hopeless, mut nameless) = (Vec::new(), Vec::new());
        for (&node, peer) in &mut self.peers {
            peer.heard += pardon;
            let silence = now.saturating_sub(peer.heard);
            if peer.reachable && silence > self.rules.unreachable_after {
                peer.reachable = false;
                self.changes.push_back((node, peer.alive.clone(), Change::Unreachable));
            }
            // One that has never said who it is is no node.
            let guessed = !self.rules.tells_deaths || peer.alive.is_none();
            if !guessed || silence <= self.rules.dead_after {
                continue;
            }
            let role = peer.alive.as_ref().map(|alive| alive.role);
            if peer.link.is_unused() && (peer.alive.is_none() || self.me.role != Role::Manager) {
                nameless.push(node);
            } else if self.me.role == Role::Manager
                || role.is_some_and(|role| role != Role::Manager)
            {
                // It is told so: nobody else may begin anew with the numbers of a link.
                hopeless.push(node);
            } else {
                // Others keep to the manager that they have, or may have, but not to its actors.
                self.parcels.part(node, Parting::Silent);
            }
        }
        hopeless.into_iter().for_each(|node| self.bury(node, Change::Dead));
        // Those need not be remembered: a flood of them would drive out who must be.
        nameless.into_iter().for_each(|node| self.remove(node, Change::Dead));
        if now >= self.next_beat {
            self.next_beat = now + self.rules.heartbeat;
            let alive = Message::Alive(self.alive());
            self.shout(&alive);
            if self.searching {
                self.shout(&Message::Discover);
            }
        }
    }

    /// When [`tick`](Self::tick) and [`flush`](Self::flush) have something to do next.
    pub(crate) fn deadline(&self) -> Time {
        let links = self.peers.values().map(|peer| peer.link.deadline());
        links.fold(self.next_beat, Time::min).min(self.ticked + self.rules.heartbeat)
    }

    /// Sends what is to be sent; whether all of it went.
    pub(crate) fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool {
        let me = &self.me;
        let everybody = Incarnation::EVERYBODY;
        if !self.shout.is_empty() {
            let parcel = std::mem::take(&mut self.shout);
            self.buffer.clear();
            let header = Header::new(&me.cluster, me.incarnation, everybody);
            parcel.write(&header, &mut self.buffer);
            // The next beat makes up for one that did not go.
            send(everybody, &self.buffer);
        }
        for node in std::mem::take(&mut self.fence) {
            let mut parcel = Parcel::default();
            parcel.push(&if me.role == Role::Manager {
                Message::Fenced
            } else {
                Message::Parted { actors: Uuid([0; 16]) }
            });
            self.buffer.clear();
            parcel.write(&Header::new(&me.cluster, me.incarnation, node), &mut self.buffer);
            send(node, &self.buffer);
        }
        let mut all = true;
        for (&node, peer) in &mut self.peers {
            let Peer { link, once, .. } = peer;
            let mut say = |parcel: &Parcel| {
                let mut header = Header::new(&me.cluster, me.incarnation, node);
                link.sign(&mut header);
                self.buffer.clear();
                parcel.write(&header, &mut self.buffer);
                send(node, &self.buffer)
            };
            let mut talk = self.parcels.talk(node);
            if let Some(refusal) = talk.as_mut().and_then(|talk| talk.refusal()) {
                push_once(once, &refusal, self.room);
            }
            if !once.is_empty() {
                say(&std::mem::take(once));
            }
            if let Some(talk) = talk {
                all &= talk.flush(say);
                talk.feed(link, self.room);
            }
            if peer.link.is_pending() || now >= peer.link.deadline() {
                let header = Header::new(&me.cluster, me.incarnation, node);
                let mut one = |frame: &[u8]| send(node, frame);
                all &= peer.link.flush(now, &header, &mut self.buffer, &mut one);
            }
        }
        all
    }

    /// Whether nothing is heard of a node any more.
    pub(crate) fn is_gone(&self, node: Incarnation) -> bool {
        self.gone.contains(&node)
    }

    /// Whether a node has been silent for so long that it may be dead.
    pub(crate) fn seems_dead(&self, now: Time, node: Incarnation) -> bool {
        let silence = |peer: &Peer| now.saturating_sub(peer.heard);
        self.peers.get(&node).is_none_or(|peer| silence(peer) > self.rules.dead_after)
    }

    fn count(&mut self, fault: &FrameFault) {
        match fault {
            FrameFault::Foreign => self.counters.foreign += 1,
            FrameFault::OtherCluster => self.counters.other_cluster += 1,
            FrameFault::Version(_) => self.counters.other_version += 1,
            FrameFault::Malformed(_) => self.counters.malformed += 1,
        }
        // A flood must not become a flood of lines.
        if self.counters.refused().is_power_of_two() {
            tracing::warn!(%fault, times = self.counters.refused(), "refused what is no frame");
        }
    }
}

fn push_once(parcel: &mut Parcel, message: &Message, room: usize) {
    let before = parcel.len();
    parcel.push(message);
    if parcel.len() > room {
        parcel.split_off(before);
    }
}
