//! Octets between the actor systems that nodes carry.
//!
//! ```text
//! A carries a         B carries b
//!   Carries a, names ──────────►       to everybody who joins, and again to who carries a new one
//!         ◄────────── Carries b, names
//!   Octets (b, message) ───────►       in order and once, as long as both live
//!         ◄─────────── Taken (b, …)    what frees the sender's room
//!   Octets (b, system) ────────►       said once: its protocol sends again what is lost
//! ```
//!
//! Messages and answers enter the link in turn, and only while it has little to send: so nothing
//! of the cluster waits behind many of them. System messages do not enter it at all.
//!
//! Who is silent for too long is **parted** from: its actor system is not heard again, and when it
//! speaks it is told so, so that both sides know. A new actor system begins anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use barewire_runtime::layout::Uuid;

use super::Members;
use crate::core::Time;
use crate::core::link::Link;
use crate::transport::Sent;
use crate::wire::{Incarnation, Message, Parcel, Role};

/// Parcels enter a link while fewer frames than this wait there.
const LITTLE: usize = 64;
/// How many frames of system messages wait at most.
const MOST_SYSTEM: usize = 64;
/// How long a name, and a reference as it is encoded, may be.
pub(crate) const MAX_NAME_BYTES: usize = 256;
const MAX_REFERENCE_BYTES: usize = 64;
/// How many actor systems are remembered that are not heard again.
const MOST_ENDED: usize = 4096;
/// Every actor system of a node.
const ALL: Uuid = Uuid([0; 16]);

/// What kind of parcels travels; none waits behind another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Said once.
    System,
    Message,
    Answer,
}

impl Lane {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Message, Self::Answer];

    /// The channel of an actor system's parcels: of that life alone.
    fn of(self, actors: Uuid) -> u64 {
        let [.., a, b, c, d, e, f, g, h] = actors.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h]) & !3 | self as u64
    }

    /// Whether what travels there need not arrive.
    pub(super) fn is_said_once(channel: u64) -> bool {
        channel & 3 == Self::System as u64
    }

    fn to(actors: Uuid, channel: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.of(actors) == channel)
    }
}

/// Why a node is parted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The kernel says that it is dead.
    Dead,
    /// It has gone of itself.
    Left,
    /// It was silent for too long, or does not hear this node any more.
    Silent,
}

/// What has become known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A node carries that actor system.
    Met { node: Incarnation, actors: Uuid },
    /// A parcel for this node's actors.
    Arrived { node: Incarnation, lane: Lane, octets: Vec<u8> },
    /// So much of what was sent to a node has been taken, all in all.
    Taken { node: Incarnation, lane: Lane, octets: u64 },
    /// An actor system is not heard or reached any more. Said once for each.
    Parted { node: Incarnation, actors: Uuid, how: Parting },
    /// A name leads there.
    Published { node: Incarnation, name: String, reference: Vec<u8> },
    /// A name does not any more.
    Withdrawn { node: Incarnation, name: String },
    /// This node is another incarnation, which nobody knows yet.
    Reborn,
}

/// What is said between this node's actors and those of one other.
#[derive(Debug)]
pub(super) struct Talk {
    actors: Uuid,
    parted: bool,
    /// It has said what is refused, and is told so with the next flush.
    refuses: bool,
    /// Frames of system messages.
    system: VecDeque<Parcel>,
    /// Messages, and answers.
    waiting: [VecDeque<Message>; 2],
    /// Whose turn it is.
    turn: usize,
}

impl Talk {
    fn new(actors: Uuid, parted: bool) -> Self {
        let (system, waiting) = (VecDeque::new(), [VecDeque::new(), VecDeque::new()]);
        Self { actors, parted, refuses: parted, system, waiting, turn: 0 }
    }

    /// The actor system there, unless it is parted from.
    fn open(&self) -> Option<Uuid> {
        (!self.parted).then_some(self.actors)
    }

    fn part(&mut self) -> Option<Uuid> {
        let open = self.open();
        self.parted = true;
        self.system.clear();
        self.waiting.iter_mut().for_each(VecDeque::clear);
        open
    }

    fn post_system(&mut self, message: &Message, room: usize) -> bool {
        if self.system.is_empty() {
            self.system.push_back(Parcel::default());
        }
        let frames = self.system.len();
        let Some(last) = self.system.back_mut() else { return false };
        let before = last.len();
        last.push(message);
        if last.len() <= room {
            return true;
        }
        let octets = last.split_off(before);
        let fits = octets.len() <= room && frames < MOST_SYSTEM;
        if fits {
            let mut next = Parcel::default();
            next.push_octets(&octets);
            self.system.push_back(next);
        }
        fits
    }

    /// What the other side is to be told before anything else.
    pub(super) fn refusal(&mut self) -> Option<Message> {
        let actors = self.actors;
        std::mem::take(&mut self.refuses).then_some(Message::Parted { actors })
    }

    /// Sends the frames of system messages; whether there was room for all.
    pub(super) fn flush(&mut self, mut send: impl FnMut(&Parcel) -> Sent) -> bool {
        while let Some(parcel) = self.system.front() {
            if !parcel.is_empty() && send(parcel) == Sent::Full {
                return false;
            }
            self.system.pop_front();
        }
        true
    }

    /// Lets messages and answers into the link, in turn.
    pub(super) fn feed(&mut self, link: &mut Link, room: usize) {
        while link.backlog() < LITTLE {
            self.turn ^= 1;
            let [messages, answers] = &mut self.waiting;
            let (first, second) =
                if self.turn == 0 { (messages, answers) } else { (answers, messages) };
            let Some(next) = first.pop_front().or_else(|| second.pop_front()) else { return };
            link.push(&next, room);
        }
    }
}

/// This node's actor system, and what it has to do with others.
#[derive(Debug, Default)]
pub(crate) struct Parcels {
    own: Option<Uuid>,
    names: BTreeMap<String, Vec<u8>>,
    talks: BTreeMap<Incarnation, Talk>,
    ended: BTreeSet<Uuid>,
    ended_order: VecDeque<Uuid>,
    events: VecDeque<Event>,
}

impl Parcels {
    /// The same for another incarnation of this node.
    pub(crate) fn reborn(self) -> Self {
        let mut events = self.events;
        events.push_back(Event::Reborn);
        Self { talks: BTreeMap::new(), events, ..self }
    }

    pub(super) fn talk(&mut self, node: Incarnation) -> Option<&mut Talk> {
        self.talks.get_mut(&node)
    }

    /// What everybody is told who joins.
    pub(super) fn introduction(&self) -> Vec<Message> {
        let carries = self.own.map(|actors| Message::Carries { actors });
        let names = self.names.iter().map(|(name, reference)| Message::Published {
            name: name.clone(),
            reference: reference.clone(),
        });
        carries.into_iter().chain(names).collect()
    }

    fn end(&mut self, actors: Uuid) {
        if self.ended.insert(actors) {
            self.ended_order.push_back(actors);
        }
        if self.ended_order.len() > MOST_ENDED
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    fn parted(&mut self, node: Incarnation, open: Option<Uuid>, how: Parting) {
        if let Some(actors) = open {
            self.end(actors);
            self.events.push_back(Event::Parted { node, actors, how });
        }
    }

    /// A node is not heard any more.
    pub(super) fn gone(&mut self, node: Incarnation, how: Parting) {
        let open = self.talks.remove(&node).and_then(|talk| talk.open());
        self.parted(node, open, how);
    }

    /// A node is heard, but its actors are not any more.
    pub(super) fn part(&mut self, node: Incarnation, how: Parting) {
        let open = self.talks.get_mut(&node).and_then(Talk::part);
        self.parted(node, open, how);
    }

    /// A node carries that actor system; whether it may not know yet which one this node carries.
    fn meet(&mut self, node: Incarnation, actors: Uuid) -> bool {
        let old = self.talks.get(&node);
        if old.is_some_and(|talk| talk.actors == actors) {
            return false;
        }
        let old = old.and_then(Talk::open);
        self.parted(node, old, Parting::Left);
        let refused = self.ended.contains(&actors);
        // Another incarnation of the same process carries it no more.
        self.talks.retain(|_, talk| talk.actors != actors);
        self.talks.insert(node, Talk::new(actors, refused));
        if !refused {
            self.events.push_back(Event::Met { node, actors });
        }
        !refused
    }

    /// Takes what is for actors; false if it makes no sense.
    fn take(&mut self, node: Incarnation, message: Message) -> bool {
        let (Some(own), Some(talk)) = (self.own, self.talks.get_mut(&node)) else { return false };
        let Some(actors) = talk.open() else {
            talk.refuses = true;
            return false;
        };
        let event = match message {
            Message::Octets { channel, octets } => {
                Lane::to(own, channel).map(|lane| Event::Arrived { node, lane, octets })
            }
            Message::Taken { channel, octets } => {
                Lane::to(actors, channel).map(|lane| Event::Taken { node, lane, octets })
            }
            Message::Published { name, reference } => {
                let fits = name.len() <= MAX_NAME_BYTES && reference.len() <= MAX_REFERENCE_BYTES;
                fits.then_some(Event::Published { node, name, reference })
            }
            Message::Withdrawn { name } => Some(Event::Withdrawn { node, name }),
            _ => None,
        };
        let makes_sense = event.is_some();
        self.events.extend(event);
        makes_sense
    }
}

/// Whether a message is about actors.
fn is_for_actors(message: &Message) -> bool {
    matches!(
        message,
        Message::Octets { .. }
            | Message::Carries { .. }
            | Message::Taken { .. }
            | Message::Parted { .. }
            | Message::Published { .. }
            | Message::Withdrawn { .. }
    )
}

impl Members {
    /// This node carries that actor system from now on, in the place of another one.
    pub(crate) fn carry(&mut self, actors: Uuid) {
        self.parcels = Parcels { own: Some(actors), ..Parcels::default() };
        self.say_known(&[Message::Carries { actors }]);
    }

    /// An actor here has that name from now on, for the whole cluster.
    pub(crate) fn publish(&mut self, name: String, reference: Vec<u8>) {
        self.parcels.names.insert(name.clone(), reference.clone());
        self.say_known(&[Message::Published { name, reference }]);
    }

    /// No actor here has that name any more.
    pub(crate) fn withdraw(&mut self, name: String) {
        if self.parcels.names.remove(&name).is_some() {
            self.say_known(&[Message::Withdrawn { name }]);
        }
    }

    /// Sends a parcel to the actors that a node carries; false if there is no way or no room.
    pub(crate) fn post(&mut self, to: Incarnation, lane: Lane, octets: Vec<u8>) -> bool {
        let Some(talk) = self.parcels.talks.get_mut(&to) else { return false };
        let Some(actors) = talk.open() else { return false };
        let message = Message::Octets { channel: lane.of(actors), octets };
        match lane {
            Lane::System => return talk.post_system(&message, self.room),
            Lane::Message => talk.waiting[0].push_back(message),
            Lane::Answer => talk.waiting[1].push_back(message),
        }
        true
    }

    /// So much of what a node has sent was taken, all in all.
    pub(crate) fn took(&mut self, now: Time, from: Incarnation, lane: Lane, octets: u64) {
        let open = self.parcels.talks.get(&from).is_some_and(|talk| talk.open().is_some());
        if let Some(own) = self.parcels.own.filter(|_| open) {
            self.say(now, from, &Message::Taken { channel: lane.of(own), octets });
        }
    }

    /// An actor system that nobody has met is not waited for any longer.
    pub(crate) fn give_up(&mut self, actors: Uuid) {
        self.parcels.end(actors);
        for talk in self.parcels.talks.values_mut().filter(|talk| talk.actors == actors) {
            talk.refuses |= talk.part().is_some();
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.parcels.events.pop_front()
    }

    /// Who is parted from whom, as this node sees it.
    #[cfg(test)]
    pub(crate) fn talks(&self) -> BTreeMap<Incarnation, Option<Uuid>> {
        self.parcels.talks.iter().map(|(&node, talk)| (node, talk.open())).collect()
    }

    fn say_known(&mut self, messages: &[Message]) {
        for peer in self.peers.values_mut().filter(|peer| peer.alive.is_some()) {
            messages.iter().for_each(|message| peer.link.push(message, self.room));
        }
    }

    /// Takes out what is for actors, and for no role.
    pub(super) fn take_parcels(&mut self, from: Incarnation, due: &mut Vec<Message>) {
        if !due.iter().any(is_for_actors) {
            return;
        }
        let found: Vec<_> = due.extract_if(.., |message| is_for_actors(message)).collect();
        for message in found {
            match message {
                Message::Parted { actors } => self.hear_parted(from, actors),
                Message::Carries { actors } if self.parcels.own.is_some() => {
                    if self.parcels.meet(from, actors)
                        && let Some(peer) = self.peers.get_mut(&from)
                    {
                        for message in self.parcels.introduction() {
                            peer.link.push(&message, self.room);
                        }
                    }
                }
                // It says that to everybody, also to who carries no actors.
                _ if self.parcels.own.is_none() => {}
                message => {
                    self.counters.misplaced += u64::from(!self.parcels.take(from, message));
                }
            }
        }
    }

    fn hear_parted(&mut self, from: Incarnation, actors: Uuid) {
        let manager = |peer: &super::Peer| {
            peer.alive.as_ref().is_some_and(|alive| alive.role == Role::Manager)
        };
        if actors != ALL {
            if self.parcels.own == Some(actors) {
                self.parcels.part(from, Parting::Silent);
            }
        } else if self.me.role == Role::Manager || self.peers.get(&from).is_some_and(manager) {
            // What there is between a manager and others is for the manager to end.
            self.parcels.part(from, Parting::Silent);
        } else {
            self.bury(from, super::Change::Dead);
        }
    }
}
