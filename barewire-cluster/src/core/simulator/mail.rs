//! Parcels between the actor systems of simulated nodes, and whether they travel as they should.

use std::collections::{BTreeMap, BTreeSet};

use barewire_runtime::layout::Uuid;

use super::world::World;
use crate::core::members::parcels::{Event, Lane};

/// What has travelled.
#[derive(Debug, Default)]
pub(super) struct Mail {
    posted: u64,
    pub(super) arrived: u64,
    pub(super) partings: u64,
    /// The last number from one to another.
    last: BTreeMap<(Uuid, Uuid, Lane), u64>,
    /// What was posted in peace between two that have not parted.
    awaited: Option<BTreeSet<u64>>,
}

/// What one node thinks of the actors of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Unknown,
    Open,
    Closed,
}

impl World {
    /// Posts a parcel to somebody, if anybody can be reached.
    pub(super) fn post(&mut self, place: usize) {
        let Some(node) = &mut self.nodes[place] else { return };
        let open = node.members().talks();
        let open: Vec<_> = open.into_iter().filter(|(_, actors)| actors.is_some()).collect();
        if open.is_empty() {
            return;
        }
        let (to, _) = open[self.work.random.below(open.len() as u64) as usize];
        let lane = Lane::ALL[self.work.random.below(3) as usize];
        let length = self.work.random.below(if lane == Lane::System { 100 } else { 3000 });
        self.mail.posted += 1;
        let octets = parcel(node.actors, self.mail.posted, length as usize);
        node.members().post(to, lane, octets);
        self.work_on(place);
    }

    /// Each node says to all others that its actors live, as actor systems do.
    pub(super) fn beat(&mut self) {
        for place in 0..self.nodes.len() {
            let Some(node) = &mut self.nodes[place] else { continue };
            let octets = parcel(node.actors, 0, 0);
            for (to, _) in node.members().talks() {
                node.members().post(to, Lane::System, octets.clone());
            }
            self.work_on(place);
        }
    }

    /// Takes what has come for the actors of a node.
    pub(super) fn take_mail(&mut self, place: usize) {
        let now = self.clocks[place].local(self.now);
        let Some(node) = &mut self.nodes[place] else { return };
        let to = node.actors;
        while let Some(event) = node.members().next_event() {
            match event {
                Event::Arrived { node: sender, lane, octets } => {
                    let (from, number) = read(&octets);
                    if !octets[24..].iter().all(|octet| *octet == number as u8) {
                        self.history.faults.push(format!("parcel {number} is garbled"));
                    }
                    if lane == Lane::System {
                        continue;
                    }
                    self.mail.arrived += 1;
                    let before = self.mail.last.insert((from, to, lane), number);
                    if before.is_some_and(|before| before >= number) {
                        let fault = format!("parcel {number} came after {before:?}");
                        self.history.faults.push(fault);
                    }
                    if let Some(awaited) = &mut self.mail.awaited {
                        awaited.remove(&number);
                    }
                    node.members().took(now, sender, lane, octets.len() as u64);
                }
                // Who is another one by now has lost what was on its way.
                Event::Reborn | Event::Met { .. } => self.mail.awaited = None,
                Event::Parted { .. } => {
                    self.mail.partings += 1;
                    self.mail.awaited = None;
                }
                _ => {}
            }
        }
    }

    fn view(&mut self, of: usize, on: usize) -> View {
        let Some(other) = self.nodes[on].as_ref().map(|node| node.incarnation) else {
            return View::Closed;
        };
        let Some(node) = &mut self.nodes[of] else { return View::Closed };
        match node.members().talks().get(&other) {
            Some(Some(_)) => View::Open,
            Some(None) => View::Closed,
            None if node.members().is_gone(other) => View::Closed,
            None => View::Unknown,
        }
    }

    /// Whether all have met, or both know that they are parted; and whether then all arrives.
    pub(super) fn mail_is_settled(&mut self) -> bool {
        if !self.carries {
            return true;
        }
        if self.nodes.iter().any(Option::is_none) {
            return false;
        }
        let pairs = (0..self.nodes.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        let mut open = Vec::new();
        for (one, other) in pairs {
            match (self.view(one, other), self.view(other, one)) {
                (View::Open, View::Open) => open.push((one, other)),
                (View::Open, _) | (_, View::Open) | (View::Unknown, View::Unknown) => return false,
                _ => {}
            }
        }
        if self.mail.awaited.is_none() {
            self.mail.awaited = Some(BTreeSet::new());
            for (one, other) in open {
                self.post_last(one, other);
                self.post_last(other, one);
            }
        }
        self.mail.awaited.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// What is not settled.
    pub(super) fn mail_fault(&mut self) -> String {
        let pairs = (0..self.nodes.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
        let views: Vec<_> = pairs
            .map(|(one, other)| (one, other, self.view(one, other), self.view(other, one)))
            .filter(|(.., one, other)| one != other || *one == View::Unknown)
            .collect();
        let awaited = self.mail.awaited.as_ref().map_or(0, BTreeSet::len);
        format!("{awaited} parcels do not arrive in the end; not settled between: {views:?}")
    }

    fn post_last(&mut self, from: usize, to: usize) {
        let Some(other) = self.nodes[to].as_ref().map(|node| node.incarnation) else { return };
        let Some(node) = &mut self.nodes[from] else { return };
        self.mail.posted += 1;
        let octets = parcel(node.actors, self.mail.posted, 100);
        node.members().post(other, Lane::Message, octets);
        self.mail.awaited.get_or_insert_default().insert(self.mail.posted);
        self.work_on(from);
    }
}

fn parcel(from: Uuid, number: u64, length: usize) -> Vec<u8> {
    [&from.0[..], &number.to_le_bytes(), &vec![number as u8; length]].concat()
}

fn read(octets: &[u8]) -> (Uuid, u64) {
    let from = octets[..16].try_into().expect("it was made like that");
    let number = octets[16..24].try_into().expect("it was made like that");
    (Uuid(from), u64::from_le_bytes(number))
}
