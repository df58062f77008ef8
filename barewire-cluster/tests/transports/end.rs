//! One end of a way between nodes, as the claims use it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use barewire_cluster::Incarnation;
use barewire_cluster::transport::memory::MemoryTransport;
use barewire_cluster::transport::pipe::PipeTransport;
use barewire_cluster::transport::udp::UdpTransport;
#[cfg(feature = "zenoh")]
use barewire_cluster::transport::zenoh::ZenohTransport;
use barewire_cluster::transport::{Event, Transport};
use barewire_cluster::wire::{Frame, Header, Message, sender};

use crate::support::{self, Place};

/// What has not happened by then does not happen.
pub(crate) const SOON: Duration = Duration::from_secs(10);

const CLUSTER: &str = "mill";

/// A way between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Memory,
    Pipe,
    Udp,
    #[cfg(feature = "zenoh")]
    Zenoh,
    #[cfg(feature = "zenoh")]
    Routed,
}

/// The first end of a place, or a later one: it matters where one of them is a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    First,
    Later,
}

impl Way {
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn called(name: &str) -> Self {
        let all = [
            Self::Memory,
            Self::Pipe,
            Self::Udp,
            #[cfg(feature = "zenoh")]
            Self::Zenoh,
            #[cfg(feature = "zenoh")]
            Self::Routed,
        ];
        let found = all.into_iter().find(|way| way.name() == name);
        found.unwrap_or_else(|| panic!("{name} is no way"))
    }

    /// Whether a sender is told that there is no room. A network takes all, and loses it.
    pub(crate) fn tells_full(self) -> bool {
        matches!(self, Self::Memory | Self::Pipe)
    }

    fn transport(self, place: &Path, me: Incarnation, turn: Turn) -> Box<dyn Transport> {
        let opened: Result<Box<dyn Transport>, _> = match self {
            Self::Memory => MemoryTransport::open(CLUSTER, me, support::memory(place)).map(boxed),
            Self::Pipe => PipeTransport::open(CLUSTER, me, support::pipe(place)).map(boxed),
            Self::Udp => UdpTransport::open(CLUSTER, me, support::udp(place)).map(boxed),
            #[cfg(feature = "zenoh")]
            Self::Zenoh => ZenohTransport::open(CLUSTER, me, support::peer(place)).map(boxed),
            #[cfg(feature = "zenoh")]
            Self::Routed => {
                let options = support::routed(place, turn == Turn::First);
                ZenohTransport::open(CLUSTER, me, options).map(boxed)
            }
        };
        opened.unwrap_or_else(|error| panic!("{self:?}, {turn:?}: {error}"))
    }
}

fn boxed<T: Transport + 'static>(transport: T) -> Box<dyn Transport> {
    Box::new(transport)
}

pub(crate) struct End {
    pub(crate) me: Incarnation,
    pub(crate) transport: Box<dyn Transport>,
    /// What has come that is no greeting.
    pub(crate) frames: Vec<Vec<u8>>,
    /// Who has greeted. Such frames may come late, in between others.
    heard: BTreeSet<Incarnation>,
    pub(crate) lost: BTreeSet<Incarnation>,
}

impl End {
    pub(crate) fn open(way: Way, place: &Path, turn: Turn) -> Self {
        let me = Incarnation::random().expect("random bits");
        Self::of(me, way.transport(place, me, turn))
    }

    pub(crate) fn of(me: Incarnation, transport: Box<dyn Transport>) -> Self {
        let (heard, lost) = (BTreeSet::new(), BTreeSet::new());
        Self { me, transport, frames: Vec::new(), heard, lost }
    }

    pub(crate) fn receive(&mut self, patience: Duration) {
        let Self { transport, frames, heard, lost, .. } = self;
        let taken = transport.receive(patience, &mut |event| match event {
            Event::Frame(octets) => match sender(octets) {
                Some(node) if octets == greeting(node) => {
                    heard.insert(node);
                }
                _ => frames.push(octets.to_vec()),
            },
            Event::Seen(_) => {}
            Event::Lost(node) => {
                lost.insert(node);
            }
        });
        taken.expect("a transport does not fail by what others do");
    }

    /// A frame of that length or a little less.
    pub(crate) fn frame(&self, to: Incarnation, length: usize, fill: u8) -> Vec<u8> {
        frame(self.me, to, length, fill)
    }

    /// Says to all that it is there.
    pub(crate) fn greet(&mut self) {
        self.transport.broadcast(&greeting(self.me)).expect("it lives");
    }

    /// Who has greeted; that is forgotten.
    pub(crate) fn heard(&mut self) -> BTreeSet<Incarnation> {
        let mut heard = std::mem::take(&mut self.heard);
        heard.remove(&self.me);
        heard
    }

    /// Greets until that many others have been heard; who they are.
    pub(crate) fn meet(&mut self, others: usize) -> BTreeSet<Incarnation> {
        let mut heard = BTreeSet::new();
        wait_until("others are heard", || {
            self.greet();
            self.receive(Duration::from_millis(10));
            heard.extend(self.heard());
            heard.len() >= others
        });
        heard
    }
}

fn frame(from: Incarnation, to: Incarnation, length: usize, fill: u8) -> Vec<u8> {
    let header = Header::new(CLUSTER, from, to);
    let empty = Frame { header: header.clone(), messages: vec![] }.encode().len();
    let octets = vec![fill; length.saturating_sub(empty + 11)];
    Frame { header, messages: vec![Message::Octets { channel: 0, octets }] }.encode()
}

fn greeting(from: Incarnation) -> Vec<u8> {
    frame(from, Incarnation::EVERYBODY, 0, 0)
}

/// Waits for something, but not for ever.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < SOON, "in vain: {what}");
    }
}

/// So many ends that know each other, as nodes do.
pub(crate) fn ends(way: Way, place: &Place, count: usize) -> Vec<End> {
    let turn = |number| if number == 0 { Turn::First } else { Turn::Later };
    let open = |number| End::open(way, place.path(), turn(number));
    let mut ends: Vec<End> = (0..count).map(open).collect();
    meet(&mut ends);
    ends
}

/// Makes ends known to each other, as nodes do.
pub(crate) fn meet(ends: &mut [End]) {
    let mut heard = vec![BTreeSet::new(); ends.len()];
    let others = ends.len() - 1;
    wait_until("all have met", || {
        for (end, heard) in ends.iter_mut().zip(&mut heard) {
            end.receive(Duration::from_millis(1));
            end.greet();
            heard.extend(end.heard());
        }
        heard.iter().all(|heard| heard.len() >= others)
    });
    for end in ends {
        end.receive(Duration::from_millis(20));
        end.heard();
    }
}
