//! Frames between two incarnations: numbered, acknowledged, sent again, handed over in order.
//!
//! ```text
//! push ─► open parcel ─► full ones ─► in flight, at most 64 ─► acknowledged
//! frame ─► early ones, at most 64 ─► in order ─► messages
//! ```

use std::collections::{BTreeMap, VecDeque};

use barewire_runtime::codec::decode;

use super::{NEVER, Time};
use crate::transport::Sent;
use crate::wire::{HEADER_ROOM, Header, Message, Parcel, SAID_ONCE};

/// The most frames in flight: as many as a header can acknowledge one by one.
pub(crate) const WINDOW: usize = 64;
/// The largest message.
pub(crate) const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;
/// How many parcels' memory is kept: as many as are on the way in a row, as a rule.
const MOST_SPARE: usize = 8;
/// And of which size: one that has held a large message, before that was cut, is not.
const MOST_SPARE_BYTES: usize = 128 * 1024;
/// What `Message::Part` needs beside its octets.
const PART_ROOM: usize = 8;

/// How long to wait for an acknowledgement, in microseconds, until something better is known.
const FIRST_PATIENCE: Time = 100_000;
const LEAST_PATIENCE: Time = 20_000;
const MOST_PATIENCE: Time = 1_000_000;

#[derive(Debug)]
struct Flight {
    sequence: u64,
    parcel: Parcel,
    sent: Time,
    /// How often it was sent; its journey is measured only if it was sent once.
    times: u32,
    arrived: bool,
}

/// One side of a link.
#[derive(Debug)]
pub(crate) struct Link {
    open: Parcel,
    full: VecDeque<Parcel>,
    flight: VecDeque<Flight>,
    next: u64,
    /// The smoothed time from sending to acknowledgement; 0 if not known.
    journey: Time,
    /// How often in a row nothing was acknowledged in time.
    silent: u32,
    expected: u64,
    early: BTreeMap<u64, Vec<Message>>,
    pieces: Vec<u8>,
    /// Memory of parcels that have arrived, for others.
    spare: Vec<Parcel>,
    /// Whether the other side does not know yet what was received.
    owes: bool,
    /// Frames that had been received before.
    pub(crate) doubled: u64,
    /// Frames that were sent again.
    pub(crate) resent: u64,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            open: Parcel::default(),
            full: VecDeque::new(),
            flight: VecDeque::new(),
            next: 1,
            journey: 0,
            silent: 0,
            expected: 1,
            early: BTreeMap::new(),
            pieces: Vec::new(),
            spare: Vec::new(),
            owes: false,
            doubled: 0,
            resent: 0,
        }
    }

    /// A message that is to arrive. `room` is what a frame has room for, without its header.
    pub(crate) fn push(&mut self, message: &Message, room: usize) {
        let before = self.open.len();
        self.open.push(message);
        if self.open.len() <= room {
            return;
        }
        let octets = self.open.split_off(before);
        self.close();
        if octets.len() <= room {
            self.open.push_octets(&octets);
            return;
        }
        let pieces = octets.chunks(room - PART_ROOM);
        let last = pieces.len() - 1;
        for (number, piece) in pieces.enumerate() {
            self.open.push(&Message::Part { last: number == last, octets: piece.to_vec() });
            if number < last {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let open = self.spare.pop().unwrap_or_default();
            self.full.push_back(std::mem::replace(&mut self.open, open));
        }
    }

    fn patience(&self) -> Time {
        let base = if self.journey == 0 { FIRST_PATIENCE } else { self.journey * 4 };
        (base.max(LEAST_PATIENCE) << self.silent.min(6)).min(MOST_PATIENCE)
    }

    /// When the oldest frame in flight is to be sent again.
    pub(crate) fn deadline(&self) -> Time {
        let waits = self.flight.front().filter(|oldest| oldest.sent > 0);
        waits.map_or(NEVER, |oldest| oldest.sent + self.patience())
    }

    /// Whether a frame is known to be lost and has not been sent again.
    fn has_lost(&self) -> bool {
        self.flight.iter().any(|one| one.sent == 0 && !one.arrived)
    }

    /// Whether there is something to send.
    pub(crate) fn is_pending(&self) -> bool {
        let waits = !self.open.is_empty() || !self.full.is_empty();
        self.owes || (self.flight.len() < WINDOW && waits) || self.has_lost()
    }

    /// Whether nothing was counted in either direction.
    pub(crate) fn is_unused(&self) -> bool {
        self.next == 1 && self.expected == 1 && self.early.is_empty() && self.backlog() == 0
    }

    /// How many frames wait, or are not acknowledged.
    pub(crate) fn backlog(&self) -> usize {
        self.full.len() + self.flight.len() + usize::from(!self.open.is_empty())
    }

    /// What the other side has received.
    pub(crate) fn acknowledge(&mut self, now: Time, header: &Header) {
        let mut news = false;
        let mut furthest = 0;
        while self.flight.front().is_some_and(|one| one.sequence <= header.acknowledged) {
            if let Some(one) = self.flight.pop_front() {
                furthest = one.sequence;
                news |= !one.arrived;
                self.measure(now, &one);
                self.keep(one.parcel);
            }
        }
        if header.selective != 0 {
            let first = header.acknowledged.saturating_add(2);
            for bit in (0..64).filter(|bit| header.selective >> bit & 1 == 1) {
                let sequence = first.saturating_add(bit);
                furthest = furthest.max(sequence);
                if let Some(one) = self.flight.iter_mut().find(|one| one.sequence == sequence) {
                    news |= !std::mem::replace(&mut one.arrived, true);
                }
            }
            // What is missing before something that has arrived is most likely lost.
            let patience = if self.journey == 0 { LEAST_PATIENCE } else { self.journey };
            for one in self.flight.iter_mut().filter(|one| !one.arrived) {
                if one.sequence < furthest && now.saturating_sub(one.sent) >= patience {
                    one.sent = 0;
                }
            }
        }
        if news {
            self.silent = 0;
        }
    }

    /// Keeps the memory of a parcel that has arrived.
    fn keep(&mut self, mut parcel: Parcel) {
        if self.spare.len() < MOST_SPARE && parcel.capacity() <= MOST_SPARE_BYTES {
            parcel.clear();
            self.spare.push(parcel);
        }
    }

    fn measure(&mut self, now: Time, one: &Flight) {
        if one.times == 1 && one.sent > 0 && !one.arrived {
            let journey = now.saturating_sub(one.sent).max(1);
            self.journey =
                if self.journey == 0 { journey } else { (self.journey * 7 + journey) / 8 };
        }
    }

    /// Takes the messages of a counted frame; adds those whose turn it is to `due`.
    pub(crate) fn receive(
        &mut self,
        sequence: u64,
        messages: &mut Vec<Message>,
        due: &mut Vec<Message>,
    ) {
        self.owes = true;
        if sequence < self.expected || self.early.contains_key(&sequence) {
            self.doubled += 1;
            return;
        }
        if sequence - self.expected > WINDOW as u64 {
            return;
        }
        if sequence > self.expected {
            self.early.insert(sequence, std::mem::take(messages));
            return;
        }
        self.expected += 1;
        self.hand_over(messages, due);
        while let Some(mut messages) = self.early.remove(&self.expected) {
            self.expected += 1;
            self.hand_over(&mut messages, due);
        }
    }

    fn hand_over(&mut self, messages: &mut Vec<Message>, due: &mut Vec<Message>) {
        for message in messages.drain(..) {
            let Message::Part { last, octets } = message else {
                due.push(message);
                continue;
            };
            if self.pieces.len() + octets.len() > MAX_MESSAGE_BYTES {
                self.pieces = Vec::new();
                continue;
            }
            self.pieces.extend_from_slice(&octets);
            if last {
                // One that cannot be decoded is the sender's fault, and nobody waits for it here.
                due.extend(decode(&std::mem::take(&mut self.pieces)).ok());
            }
        }
    }

    /// What this side has received, for a header.
    pub(crate) fn sign(&self, header: &mut Header) {
        header.acknowledged = self.expected - 1;
        header.selective = self
            .early
            .keys()
            .map(|sequence| sequence - self.expected)
            .filter(|&gap| (1..=64).contains(&gap))
            .fold(0, |bits, gap| bits | 1 << (gap - 1));
    }

    /// Sends what is due: frames that were lost, new ones as far as the window goes, or at least
    /// what was received; whether there was room for all of it. `sign` is the header to use; `send`
    /// is given whole frames.
    pub(crate) fn flush(
        &mut self,
        now: Time,
        sign: &Header,
        buffer: &mut Vec<u8>,
        send: &mut dyn FnMut(&[u8]) -> Sent,
    ) -> bool {
        let mut header = sign.clone();
        self.sign(&mut header);
        let mut write = |header: &Header, parcel: &Parcel| {
            buffer.clear();
            parcel.write(header, buffer);
            send(buffer)
        };
        if now >= self.deadline() {
            self.silent = self.silent.saturating_add(1);
            if let Some(oldest) = self.flight.front_mut() {
                oldest.sent = 0;
            }
        }
        for one in self.flight.iter_mut().filter(|one| one.sent == 0 && !one.arrived) {
            header.sequence = one.sequence;
            if write(&header, &one.parcel) == Sent::Full {
                return false;
            }
            one.sent = now.max(1);
            one.times += 1;
            self.resent += 1;
            self.owes = false;
        }
        while self.flight.len() < WINDOW {
            if self.full.is_empty() {
                self.close();
            }
            let Some(parcel) = self.full.pop_front() else { break };
            header.sequence = self.next;
            if write(&header, &parcel) == Sent::Full {
                self.full.push_front(parcel);
                return false;
            }
            let (sequence, sent) = (self.next, now.max(1));
            self.flight.push_back(Flight { sequence, parcel, sent, times: 1, arrived: false });
            self.next += 1;
            self.owes = false;
        }
        if self.owes {
            header.sequence = SAID_ONCE;
            if write(&header, &Parcel::default()) == Sent::Full {
                return false;
            }
            self.owes = false;
        }
        true
    }
}

/// What a frame has room for beside its header.
pub(crate) fn room(largest_frame: usize) -> usize {
    largest_frame.saturating_sub(HEADER_ROOM).max(PART_ROOM * 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::random::Random;
    use crate::wire::{Incarnation, read};

    struct End {
        link: Link,
        header: Header,
        found: Vec<Message>,
    }

    fn end(me: u128, other: u128) -> End {
        let (me, other) = (Incarnation::from_u128(me), Incarnation::from_u128(other));
        End { link: Link::new(), header: Header::new("mill", me, other), found: Vec::new() }
    }

    impl End {
        fn send(&mut self, now: Time) -> Vec<Vec<u8>> {
            let mut frames = Vec::new();
            self.link.flush(now, &self.header, &mut Vec::new(), &mut |frame| {
                frames.push(frame.to_vec());
                Sent::Taken
            });
            frames
        }

        fn take(&mut self, now: Time, octets: &[u8]) {
            let mut messages = Vec::new();
            let header = read(octets, "mill", &mut messages).expect("a frame");
            self.link.acknowledge(now, &header);
            if header.sequence != SAID_ONCE {
                self.link.receive(header.sequence, &mut messages, &mut self.found);
            }
        }
    }

    #[test]
    fn whatever_the_network_does_all_arrives_in_order_and_once() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let (mut one, mut other) = (end(1, 2), end(2, 1));
            let room = room(1024);
            let said: Vec<_> = (0..60)
                .map(|number| Message::Octets {
                    channel: number,
                    octets: vec![
                        number as u8;
                        random.below(if number % 9 == 0 { 9000 } else { 60 }) as usize
                    ],
                })
                .collect();
            let mut on_the_way: Vec<(Time, bool, Vec<u8>)> = Vec::new();
            let mut now = 1;
            let mut at = 0;
            while other.found.len() < said.len() || one.link.backlog() > 0 {
                now += 1000;
                assert!(now < 100_000_000, "seed {seed}: {} arrived", other.found.len());
                if at < said.len() && random.below(3) == 0 {
                    one.link.push(&said[at], room);
                    at += 1;
                }
                for (forth, frames) in [(true, one.send(now)), (false, other.send(now))] {
                    for frame in frames {
                        assert!(frame.len() <= 1024);
                        for _ in 0..[0, 1, 1, 1, 2][random.below(5) as usize] {
                            on_the_way.push((now + random.below(8000), forth, frame.clone()));
                        }
                    }
                }
                let (due, rest) = on_the_way.into_iter().partition(|one| one.0 <= now);
                on_the_way = rest;
                let due: Vec<_> = due;
                for (_, forth, frame) in due {
                    if forth { other.take(now, &frame) } else { one.take(now, &frame) }
                }
            }
            assert_eq!(other.found, said, "seed {seed}");
        }
    }

    #[test]
    fn a_frame_that_finds_no_room_is_kept() {
        let mut one = end(1, 2);
        one.link.push(&Message::Drained, room(1024));
        one.link.flush(1, &one.header, &mut Vec::new(), &mut |_| Sent::Full);
        assert!(one.link.is_pending());
        assert_eq!(one.send(2).len(), 1);
        assert!(!one.link.is_pending());
    }
}
