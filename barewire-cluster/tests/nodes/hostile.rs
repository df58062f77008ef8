//! Garbage, foreign and replayed datagrams, a flood, an old version: counted, and no harm done.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use barewire_cluster::wire::{Alive, Frame, Header, Message};
use barewire_cluster::{Failure, Incarnation, Node, Role, Task};

use crate::process::{Place, builder, port};

const SOON: Duration = Duration::from_secs(20);
const NEXT: Task<u64, u64> = Task::new("next");

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < SOON, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whoever is on the network and means no good.
struct Stranger {
    socket: UdpSocket,
    group: SocketAddrV4,
    cluster: String,
}

impl Stranger {
    fn new(place: &Place) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let group = SocketAddrV4::new(Ipv4Addr::new(239, 255, 66, 87), port(place.path()));
        let cluster = place.path().file_name().expect("a name").to_string_lossy().into_owned();
        Self { socket, group, cluster }
    }

    fn say(&self, octets: &[u8]) {
        // What the kernel does not take is no attack.
        let _ = self.socket.send_to(octets, self.group);
    }

    fn frame(&self, from: u128, messages: Vec<Message>) -> Frame {
        let from = Incarnation::from_u128(from);
        Frame { header: Header::new(&self.cluster, from, Incarnation::EVERYBODY), messages }
    }
}

#[test]
fn what_strangers_send_is_counted_and_the_work_goes_on() {
    let place = Place::new("hostile");
    let node = |role, name: &str| builder(place.path(), "udp", role, name);
    let manager = node(Role::Manager, "boss").log(place.log()).start().expect("a manager");
    let _worker = node(Role::Worker, "hand")
        .task(NEXT, |number, _| Ok::<u64, Failure>(number + 1))
        .start()
        .expect("a worker");
    let client = node(Role::Client, "desk").start().expect("a client");
    let next = client.tasks(NEXT, SOON).expect("a manager");
    let stranger = Stranger::new(&place);
    let counters = |node: &Node| node.counters();

    stranger.say(b"");
    stranger.say(b"GET / HTTP/1.1\r\n\r\n");
    wait_for("foreign octets", || counters(&manager).foreign >= 2);

    let whole = stranger.frame(5, vec![Message::Discover]);
    let mut old = whole.encode();
    old[4] = 0;
    stranger.say(&old);
    wait_for("an old version", || counters(&manager).other_version >= 1);

    let mut other = whole.clone();
    other.header.cluster = "another".to_owned();
    stranger.say(&other.encode());
    wait_for("another cluster", || counters(&manager).other_cluster >= 1);

    let octets = whole.encode();
    (0..octets.len()).for_each(|length| stranger.say(&octets[..length]));
    let mut noise = 0x1234_5678_9abc_u64;
    for _ in 0..2000 {
        let mut garbage = octets.clone();
        garbage.resize(62 + (noise % 600) as usize, 0);
        for octet in &mut garbage[38..] {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            *octet = noise as u8;
        }
        stranger.say(&garbage);
    }
    wait_for("malformed frames", || counters(&manager).malformed > 100);

    // What is counted may not be shouted, and a client may not do as if it was the manager.
    let drained = stranger.frame(6, vec![Message::Drained, Message::Drained]);
    stranger.say(&drained.encode());
    wait_for("misplaced messages", || counters(&manager).misplaced >= 2);

    // A sign of life that is replayed is none: the one who gave it is dead in the end.
    let alive = Alive {
        name: "ghost".to_owned(),
        role: Role::Worker,
        beat: 1,
        epoch: 0,
        log: barewire_runtime::layout::Uuid([0; 16]),
    };
    let ghost = stranger.frame(7, vec![Message::Alive(alive)]).encode();
    stranger.say(&ghost);
    let knows = || manager.known().iter().any(|node| node.name == "ghost");
    wait_for("the ghost", knows);
    wait_for("its end, though it is replayed", || {
        stranger.say(&ghost);
        !knows()
    });
    wait_for("that it is fenced", || {
        stranger.say(&ghost);
        counters(&manager).fenced > 0
    });

    // A flood, of frames that are whole, from more nodes than there can be.
    let flood = std::thread::spawn(move || {
        let begun = Instant::now();
        let mut from = 1000;
        while begun.elapsed() < Duration::from_secs(2) {
            from += 1;
            stranger.say(&stranger.frame(from, vec![Message::Discover]).encode());
        }
        from - 1000
    });
    let tasks: Vec<_> = (0..500).map(|number| next.submit(&number)).collect();
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!(task.wait_timeout(SOON), Ok(number as u64 + 1), "in the flood");
    }
    let sent = flood.join().expect("it only sends");
    assert_eq!(next.submit(&7).wait_timeout(SOON), Ok(8), "after the flood");
    assert!(manager.ended().is_none() && client.ended().is_none());
    println!("a flood of {sent} frames; {:?}", manager.counters());
}
