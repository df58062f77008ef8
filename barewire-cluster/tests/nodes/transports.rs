//! What every transport does, one set of claims over all of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use barewire_cluster::Incarnation;
use barewire_cluster::transport::memory::{MemoryOptions, MemoryTransport};
use barewire_cluster::transport::pipe::{PipeOptions, PipeTransport};
use barewire_cluster::transport::udp::{UdpOptions, UdpTransport};
use barewire_cluster::transport::{Event, LEAST_FRAME, Sent, Transport};
use barewire_cluster::wire::{Frame, Header, Message};

use crate::process::{Place, port};

const WAYS: [&str; 3] = ["memory", "pipe", "udp"];
const SOON: Duration = Duration::from_secs(10);

struct End {
    me: Incarnation,
    transport: Box<dyn Transport>,
    frames: Vec<Vec<u8>>,
    lost: BTreeSet<Incarnation>,
}

fn open(way: &str, place: &Place) -> End {
    let me = Incarnation::random().expect("random bits");
    let directory = Some(place.path().to_owned());
    let transport: Box<dyn Transport> = match way {
        "memory" => {
            let options = MemoryOptions { directory, ..MemoryOptions::default() };
            Box::new(MemoryTransport::open("mill", me, options).expect("it opens"))
        }
        "pipe" => {
            let options = PipeOptions { directory };
            Box::new(PipeTransport::open("mill", me, options).expect("it opens"))
        }
        _ => {
            let (port, interface) = (port(place.path()), std::net::Ipv4Addr::LOCALHOST);
            let options = UdpOptions { port, interface, ..UdpOptions::default() };
            Box::new(UdpTransport::open("mill", me, options).expect("it opens"))
        }
    };
    End { me, transport, frames: Vec::new(), lost: BTreeSet::new() }
}

impl End {
    fn receive(&mut self, patience: Duration) {
        let Self { transport, frames, lost, .. } = self;
        let taken = transport.receive(patience, &mut |event| match event {
            Event::Frame(octets) => frames.push(octets.to_vec()),
            Event::Seen(_) => {}
            Event::Lost(node) => {
                lost.insert(node);
            }
        });
        taken.expect("a transport does not fail by what others do");
    }

    fn frame(&self, to: Incarnation, length: usize, fill: u8) -> Vec<u8> {
        let header = Header::new("mill", self.me, to);
        let empty = Frame { header: header.clone(), messages: vec![] }.encode().len();
        let octets = vec![fill; length.saturating_sub(empty + 11)];
        Frame { header, messages: vec![Message::Octets { channel: 0, octets }] }.encode()
    }
}

/// Makes two ends known to each other, as nodes do.
fn meet(ends: &mut [End]) {
    let begun = Instant::now();
    let mut heard = vec![BTreeSet::new(); ends.len()];
    while heard.iter().any(|heard| heard.len() + 1 < ends.len()) {
        assert!(begun.elapsed() < SOON, "they do not meet: {heard:?}");
        for (end, heard) in ends.iter_mut().zip(&mut heard) {
            end.receive(Duration::from_millis(1));
            let frame = end.frame(Incarnation::EVERYBODY, 0, 0);
            end.transport.broadcast(&frame).expect("it lives");
            let found = end.frames.drain(..);
            heard.extend(found.filter_map(|frame| barewire_cluster::wire::sender(&frame)));
            heard.remove(&end.me);
        }
    }
    for end in ends {
        end.receive(Duration::from_millis(20));
        end.frames.clear();
    }
}

#[test]
fn frames_arrive_whole_up_to_the_largest_and_larger_ones_are_not_sent() {
    for way in WAYS {
        let place = Place::new("whole");
        let mut ends = [open(way, &place), open(way, &place)];
        meet(&mut ends);
        let [one, other] = &mut ends;
        let largest = one.transport.largest_frame();
        assert!(largest >= LEAST_FRAME, "{way}");
        let frames: Vec<_> = (0..40_u8)
            .map(|number| {
                let length = if number % 4 == 0 { largest } else { 100 + usize::from(number) };
                let mut frame = one.frame(other.me, length, number);
                frame.truncate(largest);
                frame
            })
            .collect();
        for frame in &frames {
            assert_eq!(one.transport.send(other.me, frame), Ok(Sent::Taken), "{way}");
            other.receive(Duration::from_millis(50));
        }
        let begun = Instant::now();
        while other.frames.len() < frames.len() && begun.elapsed() < SOON {
            other.receive(Duration::from_millis(50));
        }
        assert_eq!(other.frames, frames, "{way}");
        let too_large = vec![1; largest + 1];
        let sent = one.transport.send(other.me, &too_large);
        assert_eq!(sent, Ok(Sent::NoWay), "{way}");
    }
}

#[test]
fn a_broadcast_reaches_all_and_a_stranger_none() {
    for way in WAYS {
        let place = Place::new("all");
        let mut ends = [open(way, &place), open(way, &place), open(way, &place)];
        meet(&mut ends);
        let frame = ends[0].frame(Incarnation::EVERYBODY, 200, 7);
        assert_eq!(ends[0].transport.broadcast(&frame), Ok(Sent::Taken), "{way}");
        for end in &mut ends[1..] {
            end.receive(SOON);
            assert!(end.frames.contains(&frame), "{way}");
        }
        let stranger = Incarnation::random().expect("random bits");
        assert_eq!(ends[0].transport.send(stranger, &frame), Ok(Sent::NoWay), "{way}");
    }
}

#[test]
fn nobody_waits_for_one_who_does_not_read() {
    for way in WAYS {
        let place = Place::new("full");
        let mut ends = [open(way, &place), open(way, &place)];
        meet(&mut ends);
        let [one, other] = &mut ends;
        let frame = one.frame(other.me, one.transport.largest_frame() - 20, 7);
        let begun = Instant::now();
        let full = (0..20_000)
            .any(|_| one.transport.send(other.me, &frame).expect("it lives") == Sent::Full);
        assert!(begun.elapsed() < SOON, "{way}");
        // The network takes all, and loses it.
        assert_eq!(full, way != "udp", "{way}");
        let begun = Instant::now();
        while other.frames.is_empty() {
            assert!(begun.elapsed() < SOON, "{way}");
            other.receive(Duration::from_millis(10));
        }
        assert!(other.frames.iter().all(|found| *found == frame), "{way}");
    }
}

#[test]
fn a_wake_ends_a_wait_also_one_that_comes_before_it() {
    for way in WAYS {
        let place = Place::new("wake");
        let mut end = open(way, &place);
        end.receive(Duration::ZERO);
        end.transport.waker().wake();
        let begun = Instant::now();
        end.receive(SOON);
        let waker = end.transport.waker();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            waker.wake();
        });
        end.receive(SOON);
        assert!(begun.elapsed() < SOON / 2, "{way}: {:?}", begun.elapsed());
        thread.join().expect("it only wakes");
    }
}

#[test]
fn an_end_that_is_closed_is_lost_where_the_kernel_tells_and_leaves_nothing_behind() {
    for way in WAYS {
        let place = Place::new("lost");
        let mut ends = vec![open(way, &place), open(way, &place)];
        meet(&mut ends);
        let other = ends.pop().expect("two");
        let gone = other.me;
        drop(other);
        let one = &mut ends[0];
        if one.transport.tells_deaths() {
            let begun = Instant::now();
            while !one.lost.contains(&gone) {
                assert!(begun.elapsed() < Duration::from_secs(3), "{way}");
                one.receive(Duration::from_millis(10));
            }
        }
        drop(ends);
        assert_eq!(place.files(), Vec::<String>::new(), "{way}");
    }
}
