//! A rolling upgrade: old and new processes side by side on one queue, and no message is lost.

use std::time::{Duration, Instant};

use barewire::{ErrorKind, MessageQueue};

use crate::harness::{Scratch, argument, start};

/// The version that makes the queue.
mod old {
    use barewire::BareSchema;

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) enum Event {
        Said { id: u64, text: String },
        Left,
    }
}

/// The next one: a field has another name, and there is one more member.
mod new {
    use barewire::BareSchema;

    #[derive(BareSchema, Debug, Clone, PartialEq)]
    pub(crate) enum Event {
        Said { number: u64, text: String },
        Left,
        Waved { at: u32 },
    }
}

const EACH: u64 = 3000;

/// Sends `EACH` messages from a first number on, in either version.
pub(crate) fn produce() {
    let (version, first) = (argument(0), argument(1).parse::<u64>().expect("a number"));
    let text = |number: u64| format!("from {version}: {number}");
    if version == "old" {
        let queue = MessageQueue::<old::Event>::open("events").expect("its own version");
        for id in first..first + EACH {
            queue.enqueue(&old::Event::Said { id, text: text(id) }).expect("it fits");
        }
        return;
    }
    let queue = MessageQueue::<new::Event>::open("events").expect("a version that it reads");
    for number in first..first + EACH {
        let said = new::Event::Said { number, text: text(number) };
        queue.enqueue(&said).expect("a value that the old version knows");
        let error = queue.enqueue(&new::Event::Waved { at: 1 }).expect_err("old readers are there");
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{error}");
    }
}

/// Takes messages until one says that it is the last, and prints their numbers.
pub(crate) fn consume() {
    let wait = Duration::from_secs(60);
    let mut seen: Vec<u64> = Vec::new();
    if argument(0) == "old" {
        let queue = MessageQueue::<old::Event>::open("events").expect("its own version");
        while let Some(message) = queue.dequeue_timeout(wait).expect("it works") {
            match message.read().expect("a value of its own version") {
                old::Event::Said { id, .. } => seen.push(id),
                old::Event::Left => break,
            }
        }
    } else {
        let queue = MessageQueue::<new::Event>::open("events").expect("a version that it reads");
        while let Some(message) = queue.dequeue_timeout(wait).expect("it works") {
            match message.read().expect("a value that it reads") {
                new::Event::Said { number, .. } => seen.push(number),
                new::Event::Left => break,
                new::Event::Waved { .. } => panic!("nobody could send that"),
            }
        }
    }
    println!("seen {}", seen.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
}

#[test]
fn old_and_new_processes_share_a_queue_and_lose_nothing() {
    let scratch = Scratch::new("upgrade");
    let builder = MessageQueue::<old::Event>::builder("events").directory(scratch.path());
    let queue = builder.capacity(256).slot_bytes(64).create().expect("a new queue");
    let versions = ["old", "new", "old", "new"];
    let consumers: Vec<_> = versions
        .iter()
        .map(|version| start("upgrade_consume", scratch.path(), &[version]))
        .collect();
    let producers: Vec<_> = (0_u64..)
        .zip(versions)
        .map(|(index, version)| {
            start("upgrade_produce", scratch.path(), &[version, &(index * EACH).to_string()])
        })
        .collect();
    producers.into_iter().for_each(|producer| producer.finish(Duration::from_secs(120)));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !queue.is_empty() {
        assert!(Instant::now() < deadline, "the consumers take everything");
        std::thread::yield_now();
    }
    for _ in versions {
        queue.enqueue(&old::Event::Left).expect("there is room");
    }
    let mut seen: Vec<u64> = Vec::new();
    for mut consumer in consumers {
        let numbers = consumer.line("seen ");
        seen.extend(numbers.split_whitespace().map(|one| one.parse::<u64>().expect("a number")));
        consumer.finish(Duration::from_secs(20));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..4 * EACH).collect::<Vec<_>>(), "each message once");
    queue.close();
}

#[test]
fn a_version_that_does_not_read_the_other_is_refused() {
    let scratch = Scratch::new("upgraded");
    let builder = MessageQueue::<new::Event>::builder("events").directory(scratch.path());
    let queue = builder.slot_bytes(64).create().expect("a new queue");
    queue.enqueue(&new::Event::Waved { at: 3 }).expect("there is room");
    let builder = MessageQueue::<old::Event>::builder("events").directory(scratch.path());
    let error = builder.open().expect_err("it does not know who waved");
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    queue.close();
}
