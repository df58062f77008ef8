//! What is sent to other actor systems: what waits, what is on its way, what is lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use barewire_actor::{Cause, MAX_PARCEL_BYTES, NodeId, TellError};

use crate::core::Time;
use crate::core::members::parcels::Lane;
use crate::wire::Incarnation;

/// How many octets of messages, and of answers, may be on their way to one actor system: sent, and
/// not taken by the actors' mailboxes yet.
pub(super) const WINDOW: u64 = 256 * 1024;
/// How many octets are taken before their sender is told.
pub(super) const REPORTED: u64 = WINDOW / 4;
/// How many system messages wait at most.
const MOST_SYSTEM: usize = 1024;
/// How many actor systems that are lost are remembered.
const MOST_LOST: usize = 4096;

// A sender that was told everything but less than `REPORTED` can send the largest parcel.
const _: () = assert!(WINDOW - REPORTED >= MAX_PARCEL_BYTES as u64);

/// What is known of one other actor system.
#[derive(Debug, Default)]
struct Account {
    /// The node that carries it.
    way: Option<Incarnation>,
    /// Since when there is none.
    wayless: Option<Time>,
    /// Whether this node's actors have to do with it.
    used: bool,
    lost: Option<Cause>,
    waiting: VecDeque<(Lane, Vec<u8>)>,
    sent: [u64; 3],
    taken: [u64; 3],
}

impl Account {
    /// What was on its way is lost, or nothing ever was; what waits still does.
    fn start_anew(&mut self, way: Option<Incarnation>) {
        (self.way, self.wayless) = (way, None);
        (self.sent, self.taken) = ([0; 3], [0; 3]);
        for (lane, octets) in &self.waiting {
            self.sent[*lane as usize] += octets.len() as u64;
        }
    }

    fn on_its_way(&self, lane: Lane) -> u64 {
        self.sent[lane as usize] - self.taken[lane as usize]
    }
}

/// All other actor systems.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    accounts: BTreeMap<NodeId, Account>,
    ways: BTreeMap<Incarnation, NodeId>,
    /// Those for which something waits.
    waiting: BTreeSet<NodeId>,
    /// Those whose end is to be told to this node's actors.
    ends: Vec<(NodeId, Cause)>,
    lost: VecDeque<NodeId>,
}

impl Accounts {
    /// This node's actors have to do with that system from now on.
    pub(super) fn use_it(&mut self, node: NodeId) {
        let account = self.accounts.entry(node).or_default();
        account.used = true;
        if let Some(cause) = &account.lost {
            self.ends.push((node, cause.clone()));
        }
    }

    /// Takes a parcel, if there is room.
    pub(super) fn send(
        &mut self,
        node: NodeId,
        lane: Lane,
        parcel: &[u8],
    ) -> Result<(), TellError> {
        let Some(account) = self.accounts.get_mut(&node) else {
            return Err(TellError::Gone(Cause::Unreachable));
        };
        if let Some(cause) = &account.lost {
            return Err(TellError::Gone(cause.clone()));
        }
        let octets = parcel.len() as u64;
        let full = match lane {
            Lane::System => account.waiting.len() >= MOST_SYSTEM,
            _ => account.on_its_way(lane) + octets > WINDOW,
        };
        if full {
            return Err(TellError::Full);
        }
        account.sent[lane as usize] += octets;
        account.waiting.push_back((lane, parcel.to_vec()));
        self.waiting.insert(node);
        Ok(())
    }

    /// Whether there may be no room for a parcel.
    pub(super) fn is_full(&self, node: NodeId, lane: Lane) -> bool {
        let account = self.accounts.get(&node).filter(|account| account.lost.is_none());
        let most = WINDOW - MAX_PARCEL_BYTES as u64;
        account.is_some_and(|account| account.on_its_way(lane) > most)
    }

    /// Whether something is to be sent.
    pub(super) fn is_waiting(&self) -> bool {
        !self.ends.is_empty() || self.waiting.iter().any(|node| self.has_way(*node))
    }

    fn has_way(&self, node: NodeId) -> bool {
        self.accounts.get(&node).is_some_and(|account| account.way.is_some())
    }

    /// Hands over what waits and has a way.
    pub(super) fn hand_over(&mut self, post: &mut dyn FnMut(Incarnation, Lane, Vec<u8>)) {
        let accounts = &mut self.accounts;
        self.waiting.retain(|node| {
            let Some(account) = accounts.get_mut(node) else { return false };
            let Some(way) = account.way else { return true };
            account.waiting.drain(..).for_each(|(lane, parcel)| post(way, lane, parcel));
            false
        });
    }

    /// That node carries that actor system; the one that has carried it before.
    pub(super) fn met(&mut self, node: Incarnation, actors: NodeId) -> Option<Incarnation> {
        let before = self.ways.iter().find(|(_, known)| **known == actors).map(|(&node, _)| node);
        if let Some(before) = before {
            self.ways.remove(&before);
        }
        self.ways.insert(node, actors);
        self.accounts.entry(actors).or_default().start_anew(Some(node));
        before.filter(|before| *before != node)
    }

    /// So much of what was sent to a node was taken; whether that makes room.
    pub(super) fn taken(&mut self, node: Incarnation, lane: Lane, octets: u64) -> bool {
        let account = self.ways.get(&node).and_then(|actors| self.accounts.get_mut(actors));
        let Some(account) = account else { return false };
        let lane = lane as usize;
        let news = (account.taken[lane] + 1..=account.sent[lane]).contains(&octets);
        if news {
            account.taken[lane] = octets;
        }
        news
    }

    /// An actor system is not heard any more.
    pub(super) fn lose(&mut self, actors: NodeId, cause: Cause) {
        self.ways.retain(|_, known| *known != actors);
        self.waiting.remove(&actors);
        let account = self.accounts.entry(actors).or_default();
        if account.lost.is_some() {
            return;
        }
        account.lost = Some(cause.clone());
        account.waiting.clear();
        if account.used {
            self.ends.push((actors, cause));
        }
        self.lost.push_back(actors);
        if self.lost.len() > MOST_LOST
            && let Some(oldest) = self.lost.pop_front()
        {
            self.accounts.remove(&oldest);
        }
    }

    /// Whose ends are to be told.
    pub(super) fn take_ends(&mut self) -> Vec<(NodeId, Cause)> {
        std::mem::take(&mut self.ends)
    }

    /// This node is another incarnation: all ways must be found anew.
    pub(super) fn forget_ways(&mut self) {
        self.ways.clear();
        for account in self.accounts.values_mut().filter(|account| account.lost.is_none()) {
            account.start_anew(None);
        }
    }

    /// Those that nobody has been known to carry for so long; they are lost.
    pub(super) fn lose_wayless(&mut self, now: Time, patience: Time) -> Vec<NodeId> {
        let wayless = |account: &&mut Account| account.way.is_none() && account.lost.is_none();
        let mut late = Vec::new();
        for (&node, account) in &mut self.accounts {
            if let Some(account) = Some(account).filter(wayless)
                && now.saturating_sub(*account.wayless.get_or_insert(now)) > patience
            {
                late.push(node);
            }
        }
        late.iter().for_each(|node| self.lose(*node, Cause::Unreachable));
        late
    }

    /// This node ends: so do all ways.
    pub(super) fn lose_all(&mut self) {
        let all: Vec<_> = self.accounts.keys().copied().collect();
        all.into_iter().for_each(|actors| self.lose(actors, Cause::Unreachable));
    }
}

#[cfg(test)]
mod tests {
    use barewire_runtime::codec::decode;

    use super::*;

    fn actors(number: u8) -> NodeId {
        decode(&[number; 16]).expect("any 16 octets are one")
    }

    fn node(number: u128) -> Incarnation {
        Incarnation::from_u128(number)
    }

    fn fill(accounts: &mut Accounts, to: NodeId, lane: Lane) -> u64 {
        let mut sent = 0;
        loop {
            match accounts.send(to, lane, &[7; 1000]) {
                Ok(()) => sent += 1000,
                Err(error) => {
                    assert!(error.is_full(), "{error}");
                    return sent;
                }
            }
        }
    }

    #[test]
    fn what_is_taken_makes_room_and_no_kind_takes_room_from_another() {
        let mut accounts = Accounts::default();
        let (there, way) = (actors(1), node(1));
        assert_eq!(
            accounts.send(there, Lane::Message, b"x"),
            Err(TellError::Gone(Cause::Unreachable)),
            "nobody has anything to do with it"
        );
        accounts.use_it(there);
        assert_eq!(accounts.met(way, there), None);
        let sent = fill(&mut accounts, there, Lane::Message);
        assert!((WINDOW - 1000..=WINDOW).contains(&sent), "{sent}");
        assert!(accounts.is_full(there, Lane::Message) && !accounts.is_full(there, Lane::Answer));
        accounts.send(there, Lane::Answer, b"y").expect("there is room for answers");
        accounts.send(there, Lane::System, b"z").expect("and for system messages");
        let mut handed = Vec::new();
        accounts.hand_over(&mut |to, lane, _| handed.push((to, lane)));
        assert_eq!(handed.len() as u64, sent / 1000 + 2);
        assert!(accounts.send(there, Lane::Message, &[7; 1000]).is_err(), "it was not taken yet");
        assert!(!accounts.taken(way, Lane::Message, sent + 1), "more than was sent");
        assert!(accounts.taken(way, Lane::Message, 5000));
        assert!(!accounts.taken(way, Lane::Message, 5000), "that is known");
        assert_eq!(fill(&mut accounts, there, Lane::Message), 5000);
    }

    #[test]
    fn an_end_is_told_once_to_those_who_have_to_do_with_it_and_no_way_is_an_end() {
        let mut accounts = Accounts::default();
        let (near, far, unknown) = (actors(1), actors(2), actors(3));
        accounts.use_it(near);
        accounts.use_it(unknown);
        accounts.met(node(1), near);
        accounts.met(node(2), far);
        accounts.lose(near, Cause::ProcessEnded);
        accounts.lose(near, Cause::Unreachable);
        accounts.lose(far, Cause::Unreachable);
        assert_eq!(accounts.take_ends(), [(near, Cause::ProcessEnded)]);
        accounts.use_it(far);
        assert_eq!(accounts.take_ends(), [(far, Cause::Unreachable)], "who asks later is told");
        assert!(accounts.lose_wayless(1000, 500).is_empty(), "somebody may still carry it");
        assert_eq!(accounts.lose_wayless(2000, 500), [unknown]);
        assert_eq!(accounts.take_ends(), [(unknown, Cause::Unreachable)]);
    }

    #[test]
    fn another_incarnation_begins_to_count_anew_and_what_waits_still_goes() {
        let mut accounts = Accounts::default();
        let there = actors(1);
        accounts.use_it(there);
        accounts.met(node(1), there);
        fill(&mut accounts, there, Lane::Message);
        accounts.hand_over(&mut |_, _, _| {});
        assert_eq!(accounts.met(node(2), there), Some(node(1)), "the same under another one");
        let sent = fill(&mut accounts, there, Lane::Message);
        accounts.forget_ways();
        assert!(accounts.send(there, Lane::Message, &[7; 1000]).is_err(), "all of it still waits");
        accounts.met(node(2), there);
        let mut octets = 0;
        accounts.hand_over(&mut |to, _, parcel| {
            assert_eq!(to, node(2));
            octets += parcel.len() as u64;
        });
        assert_eq!(octets, sent);
    }
}
