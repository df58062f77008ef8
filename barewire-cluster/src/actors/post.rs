//! What is between an actor system and the thread of its node.
//!
//! ```text
//! actor system ── send ──► accounts ── turn ──► members ──► link ──► …
//! actor system ◄── tasks, one for each lane ◄── turn ◄── members ◄── …
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use barewire_actor::{ActorSystem, Cause, Gateway, NodeId, ParcelKind, TellError};
use barewire_runtime::codec::decode;
use barewire_runtime::layout::Uuid;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::accounts::{Accounts, REPORTED, WINDOW};
use super::names::Names;
use crate::core::Time;
use crate::core::members::Members;
use crate::core::members::parcels::{Event, Lane, Parting};
use crate::node::{Passenger, lock};
use crate::wire::Incarnation;

/// How often to look for actor systems to which no way was found.
const LOOK: Time = 50_000;

/// Octets of a lane that the actor system has taken, and of which the sender was told.
#[derive(Debug, Default, Clone, Copy)]
struct Receipt {
    taken: u64,
    told: u64,
}

/// Parcels on their way into the actor system.
struct Arrivals {
    sender: UnboundedSender<Vec<u8>>,
    /// How many octets wait.
    waiting: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    introduced: bool,
    accounts: Accounts,
    names: Names,
    /// Names to be published with these references, or withdrawn.
    wishes: Vec<(String, Option<Vec<u8>>)>,
    arrivals: BTreeMap<(Incarnation, Lane), Arrivals>,
    receipts: BTreeMap<(Incarnation, Lane), Receipt>,
    system: Option<ActorSystem>,
    looked: Time,
    closed: bool,
}

impl State {
    fn forget(&mut self, node: Incarnation) {
        self.names.remove_node(node);
        self.arrivals.retain(|(from, _), _| *from != node);
        self.receipts.retain(|(from, _), _| *from != node);
    }

    fn owes_receipts(&self) -> bool {
        self.receipts.values().any(|receipt| receipt.taken - receipt.told >= REPORTED)
    }
}

/// What is between an actor system and the thread of its node.
pub(super) struct Post {
    state: Mutex<State>,
    /// There may be room.
    room: Notify,
    /// Names have changed.
    pub(super) renamed: Notify,
    runtime: Handle,
    /// Wakes the node's thread.
    ring: Box<dyn Fn() + Send + Sync>,
    me: Weak<Self>,
}

fn lane(kind: ParcelKind) -> Option<Lane> {
    match kind {
        ParcelKind::System => Some(Lane::System),
        ParcelKind::Message => Some(Lane::Message),
        ParcelKind::Answer => Some(Lane::Answer),
        _ => None,
    }
}

fn kind(lane: Lane) -> ParcelKind {
    match lane {
        Lane::System => ParcelKind::System,
        Lane::Message => ParcelKind::Message,
        Lane::Answer => ParcelKind::Answer,
    }
}

/// An actor system, as nodes say it to each other.
fn bits(node: NodeId) -> Uuid {
    Uuid(node.as_u128().to_be_bytes())
}

fn node_id(actors: Uuid) -> Option<NodeId> {
    decode(&actors.0).ok()
}

impl Post {
    pub(super) fn new(runtime: Handle, ring: Box<dyn Fn() + Send + Sync>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            state: Mutex::default(),
            room: Notify::new(),
            renamed: Notify::new(),
            runtime,
            ring,
            me: me.clone(),
        })
    }

    /// From now on that actor system is carried.
    pub(super) fn begin(&self, system: ActorSystem) {
        lock(&self.state).system = Some(system);
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(task));
    }

    /// A name leads to that reference from now on; false if there are too many names.
    pub(super) fn publish(&self, name: &str, reference: Vec<u8>) -> bool {
        let mut state = lock(&self.state);
        let fits = state.names.add(Incarnation::EVERYBODY, name.to_owned(), reference.clone());
        if fits {
            state.wishes.push((name.to_owned(), Some(reference)));
        }
        drop(state);
        self.renamed.notify_waiters();
        (self.ring)();
        fits
    }

    /// A name leads nowhere any more; if one is given, only if it has led to that reference.
    pub(super) fn withdraw(&self, name: &str, only: Option<&[u8]>) {
        let mut state = lock(&self.state);
        let known = state.names.own(name);
        if known.is_some_and(|known| only.is_none_or(|only| only == known)) {
            state.names.remove(Incarnation::EVERYBODY, name);
            state.wishes.push((name.to_owned(), None));
        }
        drop(state);
        (self.ring)();
    }

    /// Where a name leads, here first.
    pub(super) fn named(&self, name: &str) -> Vec<Vec<u8>> {
        lock(&self.state).names.all(name)
    }

    /// The actor system has taken something that a node has sent.
    fn took(&self, from: Incarnation, lane: Lane, octets: u64) {
        let mut state = lock(&self.state);
        let Some(receipt) = state.receipts.get_mut(&(from, lane)) else { return };
        receipt.taken += octets;
        let told = receipt.taken - receipt.told < REPORTED;
        drop(state);
        if !told {
            (self.ring)();
        }
    }

    /// Hands a parcel to the task that gives it to the actor system; false if too many wait.
    fn arrive(&self, state: &mut State, from: Incarnation, lane: Lane, octets: Vec<u8>) -> bool {
        let Some(system) = &state.system else { return false };
        let arrivals = state.arrivals.entry((from, lane)).or_insert_with(|| {
            state.receipts.insert((from, lane), Receipt::default());
            self.lane(system.clone(), from, lane)
        });
        let length = octets.len() as u64;
        // Nobody sends more than that before it was told; system messages come again.
        let fits = arrivals.waiting.load(Ordering::Relaxed) + length <= 2 * WINDOW;
        if fits {
            arrivals.waiting.fetch_add(length, Ordering::Relaxed);
        }
        fits && arrivals.sender.send(octets).is_ok()
    }

    /// A task that gives one node's parcels of one kind to the actor system, one by one.
    fn lane(&self, system: ActorSystem, from: Incarnation, lane: Lane) -> Arrivals {
        let (sender, mut parcels) = unbounded_channel::<Vec<u8>>();
        let waiting = Arc::new(AtomicU64::new(0));
        let (post, left) = (self.me.clone(), waiting.clone());
        drop(self.runtime.spawn(async move {
            while let Some(parcel) = parcels.recv().await {
                if let Err(error) = system.arrived(kind(lane), &parcel).await {
                    tracing::warn!(%from, %error, "what came for actors is no parcel");
                }
                let octets = parcel.len() as u64;
                left.fetch_sub(octets, Ordering::Relaxed);
                if let Some(post) = post.upgrade().filter(|_| lane != Lane::System) {
                    post.took(from, lane, octets);
                }
            }
        }));
        Arrivals { sender, waiting }
    }

    /// Something has become known; whether there may be room now.
    fn hear(&self, state: &mut State, members: &mut Members, event: Event) -> bool {
        match event {
            Event::Met { node, actors } => {
                let Some(actors) = node_id(actors) else { return false };
                // What is counted is counted from here.
                state.forget(node);
                if let Some(before) = state.accounts.met(node, actors) {
                    state.forget(before);
                }
                return true;
            }
            Event::Arrived { node, lane, octets } => {
                let arrived = self.arrive(state, node, lane, octets);
                members.counters.misplaced += u64::from(!arrived);
            }
            Event::Taken { node, lane, octets } => {
                return state.accounts.taken(node, lane, octets);
            }
            Event::Parted { node, actors, how } => {
                state.forget(node);
                let cause = match how {
                    Parting::Dead => Cause::ProcessEnded,
                    Parting::Left | Parting::Silent => Cause::Unreachable,
                };
                if let Some(actors) = node_id(actors) {
                    state.accounts.lose(actors, cause);
                }
                return true;
            }
            Event::Published { node, name, reference } => {
                let fits = state.names.add(node, name, reference);
                members.counters.misplaced += u64::from(!fits);
                self.renamed.notify_waiters();
            }
            Event::Withdrawn { node, name } => state.names.remove(node, &name),
            Event::Reborn => {
                state.accounts.forget_ways();
                state.names.remove_others();
                state.arrivals.clear();
                state.receipts.clear();
                return true;
            }
        }
        false
    }

    fn speak(state: &mut State, now: Time, members: &mut Members) {
        if let Some(system) = state.system.as_ref().filter(|_| !state.introduced) {
            members.carry(bits(system.id()));
            state.introduced = true;
        }
        for (name, reference) in state.wishes.drain(..) {
            match reference {
                Some(reference) => members.publish(name, reference),
                None => members.withdraw(name),
            }
        }
        if now >= state.looked + LOOK {
            state.looked = now;
            for actors in state.accounts.lose_wayless(now, members.rules.dead_after) {
                members.give_up(bits(actors));
            }
        }
        state.accounts.hand_over(&mut |way, lane, parcel| {
            members.post(way, lane, parcel);
        });
        for (&(node, lane), receipt) in &mut state.receipts {
            if receipt.taken - receipt.told >= REPORTED {
                receipt.told = receipt.taken;
                members.took(now, node, lane, receipt.taken);
            }
        }
    }

    /// Tells the actor system which others have ended. Nothing may be locked meanwhile, and it
    /// may take a while.
    fn tell_ends(&self, system: Option<ActorSystem>, ends: Vec<(NodeId, Cause)>) {
        let Some(system) = system.filter(|_| !ends.is_empty()) else { return };
        drop(self.runtime.spawn(async move {
            for (node, cause) in ends {
                system.node_ended(node, &cause);
            }
        }));
    }
}

impl Passenger for Post {
    fn turn(&self, now: Time, members: &mut Members) {
        let mut state = lock(&self.state);
        let mut room = false;
        if state.introduced {
            while let Some(event) = members.next_event() {
                room |= self.hear(&mut state, members, event);
            }
        }
        Self::speak(&mut state, now, members);
        let ends = state.accounts.take_ends();
        let system = state.system.clone().filter(|_| !ends.is_empty());
        drop(state);
        if room {
            self.room.notify_waiters();
        }
        self.tell_ends(system, ends);
    }

    fn is_called(&self) -> bool {
        let state = lock(&self.state);
        let begins = state.system.is_some() && !state.introduced;
        begins || !state.wishes.is_empty() || state.accounts.is_waiting() || state.owes_receipts()
    }

    fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.accounts.lose_all();
        state.names = Names::default();
        state.arrivals.clear();
        let (system, ends) = (state.system.take(), state.accounts.take_ends());
        drop(state);
        self.room.notify_waiters();
        self.tell_ends(system, ends);
    }
}

/// The actor system's way into the cluster.
pub(super) struct Door(pub(super) Arc<Post>);

impl Gateway for Door {
    /// Whoever carries an actor system says so, perhaps later than somebody passes on a reference
    /// to an actor of it: so this leads to all for a while.
    fn leads_to(&self, node: NodeId) -> bool {
        let mut state = lock(&self.0.state);
        if state.closed {
            return false;
        }
        state.accounts.use_it(node);
        true
    }

    fn send(&self, node: NodeId, kind: ParcelKind, parcel: &[u8]) -> Result<(), TellError> {
        let unknown = || TellError::Transport("no such kind of parcels is known".to_owned());
        let lane = lane(kind).ok_or_else(unknown)?;
        lock(&self.0.state).accounts.send(node, lane, parcel)?;
        (self.0.ring)();
        Ok(())
    }

    fn room(&self, node: NodeId, kind: ParcelKind) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let post = self.0.clone();
        Box::pin(async move {
            let mut changed = pin!(post.room.notified());
            // From here on nothing is missed.
            changed.as_mut().enable();
            let full =
                lane(kind).is_some_and(|lane| lock(&post.state).accounts.is_full(node, lane));
            if full {
                changed.await;
            }
        })
    }
}
