//! A million messages from four producers to four consumers.

use std::collections::HashMap;
use std::time::Duration;

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

pub(crate) fn consume() {
    let queue = MessageQueue::<Numbered>::open("million").expect("the parent has made it");
    let mut seen: HashMap<u32, Vec<u64>> = HashMap::new();
    while let Some(message) = queue.dequeue_timeout(Duration::from_secs(60)).expect("it works") {
        if message.producer == PRODUCERS {
            break;
        }
        assert_eq!(message.check, !message.number ^ u64::from(message.producer), "torn");
        assert!(!message.header().redelivered(), "nobody has died");
        seen.entry(message.producer).or_default().push(message.number);
    }
    for (producer, numbers) in seen {
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "order of {producer}");
        let count = numbers.len() as u64;
        let sum: u64 = numbers.iter().sum();
        println!("\nseen {producer} {count} {sum}");
    }
    println!("\ndone");
}

#[test]
fn a_million_messages_arrive_once_and_in_order() {
    let scratch = Scratch::new("million");
    let queue = MessageQueue::<Numbered>::builder("million")
        .directory(scratch.path())
        .capacity(4096)
        .create()
        .expect("a new queue");
    let consumers: Vec<_> = (0..4).map(|_| start("consume", scratch.path(), &[])).collect();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| start("produce", scratch.path(), &[&producer.to_string()]))
        .collect();
    producers.into_iter().for_each(|producer| producer.finish(Duration::from_secs(120)));
    for _ in 0..4 {
        queue.enqueue(&Numbered::new(PRODUCERS, 0)).expect("the queue takes it");
    }
    let mut totals: HashMap<String, (u64, u64)> = HashMap::new();
    for mut consumer in consumers {
        loop {
            let line = consumer.line("");
            if line == "done" {
                break;
            }
            let words: Vec<&str> = line.split(' ').collect();
            if let ["seen", producer, count, sum] = words[..] {
                let total = totals.entry(producer.to_owned()).or_default();
                total.0 += count.parse::<u64>().expect("a number");
                total.1 += sum.parse::<u64>().expect("a number");
            }
        }
        consumer.finish(Duration::from_secs(20));
    }
    // Strictly rising numbers per consumer, as many as were sent and with their sum. Twice in two
    // consumers and lost elsewhere would have to balance in both; the counts alone do not.
    for producer in 0..PRODUCERS {
        let total = totals[&producer.to_string()];
        assert_eq!(total, (EACH, EACH * (EACH - 1) / 2), "of producer {producer}");
    }
    assert!(queue.is_empty());
    queue.close();
    assert_eq!(scratch.files(), [""; 0]);
}
