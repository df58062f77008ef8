//! A million messages from four producers to four consumers.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use barewire::{BareSchema, MessageQueue};

use crate::harness::{Scratch, argument, start};

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Numbered {
    pub(crate) producer: u32,
    pub(crate) number: u64,
    pub(crate) check: u64,
}

impl Numbered {
    pub(crate) fn new(producer: u32, number: u64) -> Self {
        Self { producer, number, check: !number ^ u64::from(producer) }
    }
}

const PRODUCERS: u32 = 4;
const EACH: u64 = 250_000;

pub(crate) fn produce() {
    let producer: u32 = argument(0).parse().expect("a number");
    let queue = MessageQueue::<Numbered>::open("million").expect("the parent has made it");
    for number in 0..EACH {
        queue.enqueue(&Numbered::new(producer, number)).expect("the queue takes it");
    }
}

/// Writes down which messages it gets, in their order: `producer * EACH + number` of each.
pub(crate) fn consume() {
    let mut seen = BufWriter::new(File::create(argument(0)).expect("the parent's directory"));
    let queue = MessageQueue::<Numbered>::open("million").expect("the parent has made it");
    while let Some(message) = queue.dequeue_timeout(Duration::from_secs(60)).expect("it works") {
        if message.producer == PRODUCERS {
            break;
        }
        assert_eq!(message.check, !message.number ^ u64::from(message.producer), "torn");
        assert!(message.number < EACH, "nobody has sent it");
        assert!(!message.header().redelivered(), "nobody has died");
        let index = u64::from(message.producer) * EACH + message.number;
        seen.write_all(&index.to_le_bytes()).expect("there is room");
    }
    seen.flush().expect("there is room");
}

/// Marks what a consumer has written down; it must be new, and in the order of its producer.
fn mark(path: &Path, seen: &mut [bool]) {
    let octets = std::fs::read(path).expect("the consumer has written it");
    let (indices, rest) = octets.as_chunks::<8>();
    assert_eq!(rest, [0; 0], "cut off");
    let mut last = [None; PRODUCERS as usize];
    for index in indices.iter().map(|octets| u64::from_le_bytes(*octets)) {
        let last = &mut last[(index / EACH) as usize];
        assert!(*last < Some(index), "{index} after {last:?}");
        *last = Some(index);
        assert!(!seen[index as usize], "{index} was delivered twice");
        seen[index as usize] = true;
    }
}

#[test]
fn a_million_messages_arrive_once_and_in_order() {
    let (scratch, notes) = (Scratch::new("million"), Scratch::new("million-seen"));
    let queue = MessageQueue::<Numbered>::builder("million")
        .directory(scratch.path())
        .capacity(4096)
        .create()
        .expect("a new queue");
    let files: Vec<_> = (0..4).map(|index| notes.path().join(index.to_string())).collect();
    let consumers: Vec<_> = files
        .iter()
        .map(|file| start("consume", scratch.path(), &[file.to_str().expect("UTF-8")]))
        .collect();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| start("produce", scratch.path(), &[&producer.to_string()]))
        .collect();
    producers.into_iter().for_each(|producer| producer.finish(Duration::from_secs(120)));
    // The end marks come from another producer, so they are in no order with the messages.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !queue.is_empty() {
        assert!(Instant::now() < deadline, "the consumers take everything");
        std::thread::yield_now();
    }
    for _ in 0..4 {
        queue.enqueue(&Numbered::new(PRODUCERS, 0)).expect("the queue takes it");
    }
    consumers.into_iter().for_each(|consumer| consumer.finish(Duration::from_secs(20)));
    let mut seen = vec![false; (u64::from(PRODUCERS) * EACH) as usize];
    files.iter().for_each(|file| mark(file, &mut seen));
    let lost = seen.iter().filter(|seen| !**seen).count();
    assert_eq!(lost, 0, "messages were lost");
    assert!(queue.is_empty());
    queue.close();
    assert_eq!(scratch.files(), [""; 0]);
}
