//! Processes killed inside `enqueue` and `dequeue`, while others go on.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use barewire::MessageQueue;

use crate::harness::{Random, Scratch, argument, start};
use crate::queue::Numbered;

const KILLS: u32 = 500;

/// Takes and puts without end, so that a kill finds it somewhere inside.
pub(crate) fn churn() {
    let queue = MessageQueue::<Numbered>::open("churn").expect("the parent has made it");
    let producer: u32 = argument(0).parse().expect("a number");
    let mut number = 0;
    queue.enqueue(&Numbered::new(producer, number)).expect("the queue takes it");
    println!("\nrunning");
    loop {
        number += 1;
        if queue.try_enqueue(&Numbered::new(producer, number)).is_err_and(|error| !error.is_full())
        {
            panic!("only a full queue refuses");
        }
        // Takes one message and puts it back, as a relay does.
        if let Some(message) = queue.try_dequeue().expect("it works") {
            assert_eq!(message.check, !message.number ^ u64::from(message.producer), "torn");
        }
    }
}

#[test]
fn five_hundred_kills_inside_enqueue_and_dequeue_stop_nobody() {
    let scratch = Scratch::new("churn");
    let queue = MessageQueue::<Numbered>::builder("churn")
        .directory(scratch.path())
        .capacity(64)
        .create()
        .expect("a new queue");
    let seed = 11;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut redelivered = 0;
    for round in 0..KILLS {
        let mut child = start("churn", scratch.path(), &[&round.to_string()]);
        child.line("running");
        std::thread::sleep(Duration::from_micros(random.below(400)));
        child.kill();
        // The queue works on: everything can be taken out, each message once and whole, ...
        let begun = Instant::now();
        let mut last: HashMap<u32, u64> = HashMap::new();
        while let Some(message) = queue.dequeue_timeout(Duration::from_millis(12)).expect("works") {
            assert_eq!(message.check, !message.number ^ u64::from(message.producer), "torn");
            if message.header().redelivered() {
                redelivered += 1;
                continue;
            }
            let before = last.insert(message.producer, message.number);
            assert!(before < Some(message.number), "twice or out of order in round {round}");
        }
        // ... and afterwards it holds as many as when it was new.
        for number in 0..queue.capacity() as u64 {
            let message = Numbered::new(u32::MAX, number);
            queue.enqueue_timeout(&message, Duration::from_secs(5)).expect("there is room");
        }
        let full = queue.try_enqueue(&Numbered::new(u32::MAX, 0)).expect_err("it is full");
        assert!(full.is_full());
        for number in 0..queue.capacity() as u64 {
            let message = queue.try_dequeue().expect("works").expect("as many as were put");
            assert_eq!((message.producer, message.number), (u32::MAX, number));
        }
        assert!(queue.try_dequeue().expect("works").is_none());
        assert!(begun.elapsed() < Duration::from_secs(10), "round {round} took too long");
    }
    println!("{KILLS} kills, {redelivered} messages delivered again");
    queue.close();
    assert_eq!(scratch.files(), [""; 0]);
}
