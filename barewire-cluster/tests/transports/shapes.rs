//! The shapes of zenoh's network: who may be started when, and who hears whom.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use barewire_cluster::Incarnation;
use barewire_cluster::transport::Sent;
use barewire_cluster::transport::zenoh::{ZenohOptions, ZenohTransport};

use crate::end::{End, Turn, Way, meet, wait_until};
use crate::support::{Place, port};

fn open(options: ZenohOptions) -> End {
    let me = Incarnation::random().expect("random bits");
    End::of(me, Box::new(ZenohTransport::open("mill", me, options).expect("it opens")))
}

#[test]
fn a_client_waits_for_its_router_and_comes_back_to_the_next_one() {
    let place = Place::new("waits");
    let begun = Instant::now();
    let mut client = End::open(Way::Routed, place.path(), Turn::Later);
    assert!(begun.elapsed() < Duration::from_millis(500), "nobody waits for a router");
    let frame = client.frame(Incarnation::EVERYBODY, 0, 0);
    assert_eq!(client.transport.broadcast(&frame), Ok(Sent::NoWay));
    let mut ends = vec![client];
    for _ in 0..3 {
        ends.push(End::open(Way::Routed, place.path(), Turn::First));
        meet(&mut ends);
        // The next one listens at the same port.
        ends.pop();
    }
}

#[test]
fn a_client_whose_router_never_comes_closes_in_time() {
    let place = Place::new("never");
    let client = End::open(Way::Routed, place.path(), Turn::Later);
    let begun = Instant::now();
    drop(client);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_router_listens_where_another_one_closes_a_little_later() {
    let place = Place::new("later");
    let before = TcpListener::bind(("127.0.0.1", port(place.path()))).expect("a free port");
    let closes = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(before);
    });
    drop(End::open(Way::Routed, place.path(), Turn::First));
    closes.join().expect("it only closes");
}

#[test]
fn peers_that_connect_to_one_hear_of_the_others_there() {
    let place = Place::new("gossip");
    let endpoint = format!("tcp/127.0.0.1:{}", port(place.path()));
    let free = "tcp/127.0.0.1:0";
    let none: [&str; 0] = [];
    let mut ends = vec![
        open(ZenohOptions::peers([free], [&endpoint])),
        open(ZenohOptions::peers([free], [&endpoint])),
        // It may be the last to come.
        open(ZenohOptions::peers([&endpoint], none)),
    ];
    meet(&mut ends);
    // They reach each other without it.
    ends.pop();
    wait_until("the other two, after the first has gone", || {
        let [one, other] = &mut ends[..] else { unreachable!("two are left") };
        let frame = one.frame(other.me, 100, 3);
        one.transport.send(other.me, &frame).expect("it lives");
        other.receive(Duration::from_millis(20));
        other.frames.contains(&frame)
    });
}

#[test]
fn clusters_of_other_names_are_not_heard() {
    let place = Place::new("names");
    let mut ends = vec![
        End::open(Way::Routed, place.path(), Turn::First),
        End::open(Way::Routed, place.path(), Turn::Later),
    ];
    let me = Incarnation::random().expect("random bits");
    let options = crate::support::routed(place.path(), false);
    let other = ZenohTransport::open("mill2", me, options).expect("it opens");
    let mut other = End::of(me, Box::new(other));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(500) {
        other.greet();
        other.receive(Duration::from_millis(10));
    }
    meet(&mut ends);
    other.receive(Duration::from_millis(100));
    assert!(other.heard().is_empty() && other.frames.is_empty(), "it hears another cluster");
    for end in &mut ends {
        end.receive(Duration::from_millis(10));
        assert!(!end.heard().contains(&me), "another cluster is heard");
    }
}
