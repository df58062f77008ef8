//! What the processes hold that the tool looks at.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barewire::{BareSchema, MessageQueue, NamedPipe, Service, SharedRegion, Topic};

use crate::harness::ready;

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct User {
    #[bare(max = 16)]
    pub(crate) name: String,
    pub(crate) age: Option<u8>,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Room {
    #[bare(max = 32)]
    pub(crate) title: String,
    #[bare(max = 8)]
    pub(crate) users: Vec<User>,
    #[bare(max = 4, key(max = 8))]
    pub(crate) votes: BTreeMap<String, u32>,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub(crate) sensor: u32,
    #[bare(max = 32)]
    pub(crate) label: String,
    pub(crate) celsius: f32,
}

/// Without a largest size: BARE octets travel.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) enum Note {
    Text(String),
    Number(u64),
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Price {
    pub(crate) symbol: [u8; 4],
    pub(crate) cents: u64,
}

pub(crate) fn reading(sensor: u32) -> Reading {
    Reading { sensor, label: format!("boiler {sensor}"), celsius: sensor as f32 + 0.5 }
}

pub(crate) fn price(cents: u64) -> Price {
    Price { symbol: *b"ACME", cents }
}

fn room() -> Room {
    let user = |name: &str, age| User { name: name.to_owned(), age };
    Room {
        title: "lobby".to_owned(),
        users: vec![user("ann", Some(30)), user("bo", None)],
        votes: BTreeMap::from([("tea".to_owned(), 3)]),
    }
}

/// One segment of every kind; what it is told changes them.
pub(crate) fn world() {
    let region = SharedRegion::create("room", &room()).expect("a new region");
    let readings = MessageQueue::<Reading>::builder("readings")
        .capacity(64)
        .timestamps()
        .create()
        .expect("a new queue");
    let notes = MessageQueue::<Note>::builder("notes")
        .capacity(16)
        .slot_bytes(128)
        .create()
        .expect("a new queue");
    let prices = Topic::<Price>::builder("prices").depth(32).publishers(2).create();
    let prices = prices.expect("a new topic");
    let mut subscriber = prices.subscriber().expect("there is a place");
    let mut publisher = prices.publisher().expect("there is a lane");
    let service = Service::<Reading, u64>::builder("judge").create().expect("a new service");
    let (client, server) = (service.client().expect("a line"), service.server().expect("a place"));
    let pipe = NamedPipe::<u32, u32>::server("answers").expect("a new pipe");

    for sensor in 1..=3 {
        readings.enqueue(&reading(sensor)).expect("there is room");
    }
    notes.enqueue(&Note::Text("hello".to_owned())).expect("there is room");
    notes.enqueue(&Note::Number(7)).expect("there is room");
    for cents in 100..105 {
        publisher.publish(&price(cents)).expect("there is room");
    }
    let taken_call = client.start(&reading(8)).expect("there is a slot");
    let call = server.try_next().expect("it works").expect("a call was made");
    let waiting_call = client.start(&reading(9)).expect("there is a slot");

    let mut taken = None;
    while let Some(line) = ready() {
        let (what, number) = line.split_once(' ').unwrap_or((&line, "0"));
        let number: u64 = number.parse().expect("a number");
        match what {
            "rename" => region.update(|room| room.title = format!("room {number}")).expect("ours"),
            "read" => taken = Some(readings.dequeue().expect("one waits")),
            "take" => {
                while let Some(message) = readings.try_dequeue().expect("it works") {
                    println!("took {} {}", message.sensor, message.label().expect("text"));
                }
                while let Some(message) = notes.try_dequeue().expect("it works") {
                    println!("noted {:?}", message.read().expect("a note"));
                }
                while let Some(message) = subscriber.try_take().expect("it works") {
                    println!("heard {}", message.cents);
                }
            }
            "enqueue" => readings.enqueue(&reading(number as u32)).expect("there is room"),
            "note" => notes.enqueue(&Note::Number(number)).expect("there is room"),
            "publish" => publisher.publish(&price(number)).expect("there is room"),
            "done" => taken = None,
            other => panic!("`{other}` is unknown"),
        }
    }
    drop((taken, taken_call, waiting_call, call, pipe));
}

/// Messages that come and go all the time, about a thousand a second.
pub(crate) fn flow() {
    let over = AtomicBool::new(false);
    let queue = MessageQueue::<Reading>::builder("stream").capacity(256).create();
    let queue = queue.expect("a new queue");
    let topic = Topic::<Price>::builder("ticks").depth(256).lossy().create().expect("a new topic");
    let region = SharedRegion::create("clock", &0_u64).expect("a new region");
    let mut publisher = topic.publisher().expect("there is a lane");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while let Ok(Some(message)) = queue.dequeue_timeout(Duration::from_secs(5)) {
                if message.sensor == u32::MAX {
                    break;
                }
            }
        });
        scope.spawn(|| {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                number += 1;
                queue.enqueue(&reading(number)).expect("it is ours");
                publisher.publish(&price(u64::from(number))).expect("it is ours");
                region.update(|value| *value += 1).expect("it is ours");
                std::thread::sleep(Duration::from_millis(1));
            }
            queue.enqueue(&reading(u32::MAX)).expect("it is ours");
        });
        while ready().is_some() {}
        over.store(true, Ordering::Relaxed);
    });
}

/// Takes what the test has filled into queues and topics of its own choice.
pub(crate) fn drain() {
    let queue = MessageQueue::<Reading>::builder("target").capacity(256).create();
    let queue = queue.expect("a new queue");
    let topic = Topic::<Price>::builder("market").depth(256).publishers(2).create();
    let topic = topic.expect("a new topic");
    let mut subscriber = topic.subscriber().expect("there is a place");
    while ready().is_some() {
        while let Some(message) = queue.try_dequeue().expect("it works") {
            let header = message.header();
            println!("took {} {} {}", message.sensor, message.celsius, header.kind());
        }
        while let Some(message) = subscriber.try_take().expect("it works") {
            println!("heard {}", message.cents);
        }
        println!("that was all");
    }
}
