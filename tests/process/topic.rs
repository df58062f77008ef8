//! Topics between processes: everything to everybody, late and lossy readers, and kills.

use std::time::{Duration, Instant};

use barewire::ipc::TopicBuilder;
use barewire::{Publisher, Topic};

use crate::harness::{Process, Random, Scratch, argument, start};
use crate::queue::Numbered;

const COUNT: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn builder(scratch: &Scratch) -> TopicBuilder<Numbered> {
    Topic::builder("topic").directory(scratch.path())
}

fn open() -> Topic<Numbered> {
    Topic::open("topic").expect("the parent has made it")
}

fn check(message: &NumberedLayout, number: u64) {
    assert_eq!(message.number, number, "lost, twice or out of order");
    assert_eq!(message.check, !number ^ u64::from(message.producer), "torn");
}

type NumberedLayout = <Numbered as barewire::layout::FixedLayout>::Layout;

fn assert_vanished(scratch: &Scratch) {
    assert_eq!(scratch.files(), [""; 0]);
}

/// Publishes from a first number on, as many as it is told, or without end.
pub(crate) fn publish() {
    let mut publisher = open().publisher().expect("a lane");
    let first: u64 = argument(0).parse().expect("a number");
    let count: u64 = argument(1).parse().expect("a number");
    println!("\npublisher {}", publisher.id());
    for number in first..first + count {
        publisher.publish(&Numbered::new(1, number)).expect("there is room in time");
    }
    println!("\npublished");
    if argument(2) == "stay" {
        std::thread::sleep(PATIENCE);
    }
}

pub(crate) fn subscribe() {
    let topic = open();
    let mut subscriber = topic.subscriber().expect("a place");
    println!("\nsubscribed");
    let mut number = 0;
    while number < COUNT {
        // Alternately one by one and in batches.
        if number % 3 == 0 {
            for message in subscriber.take_batch(100).expect("messages").iter() {
                check(&message, number);
                number += 1;
            }
        } else {
            check(&subscriber.take().expect("a message"), number);
            number += 1;
        }
    }
    assert!(subscriber.try_take().expect("it works").is_none());
}

#[test]
fn a_million_messages_reach_four_subscribers_once_and_in_order() {
    let scratch = Scratch::new("topic-million");
    let topic = builder(&scratch).create().expect("a new topic");
    let mut subscribers: Vec<_> =
        (0..4).map(|_| start("topic_subscribe", scratch.path(), &[])).collect();
    subscribers.iter_mut().for_each(|subscriber| _ = subscriber.line("subscribed"));
    let count = COUNT.to_string();
    let publisher = start("topic_publish", scratch.path(), &["0", &count, "go"]);
    publisher.finish(PATIENCE);
    subscribers.into_iter().for_each(|subscriber| subscriber.finish(PATIENCE));
    topic.close();
    assert_vanished(&scratch);
}

/// Subscribes, and never takes anything.
pub(crate) fn hold() {
    let _subscriber = open().subscriber().expect("a place");
    println!("\nsubscribed");
    std::thread::sleep(PATIENCE);
}

fn holder(scratch: &Scratch) -> Process {
    let mut child = start("topic_hold", scratch.path(), &[]);
    child.line("subscribed");
    child
}

fn publish_until_full(publisher: &mut Publisher<Numbered>) -> u64 {
    let mut published = 0;
    while publisher.try_publish(&Numbered::new(0, published)).is_ok() {
        published += 1;
    }
    published
}

#[test]
fn a_publisher_that_a_killed_subscriber_held_back_goes_on_within_10_ms() {
    let scratch = Scratch::new("topic-killed");
    let topic = builder(&scratch).depth(8).create().expect("a new topic");
    let mut publisher = topic.publisher().expect("a lane");
    let mut worst = Duration::ZERO;
    for _ in 0..20 {
        let child = holder(&scratch);
        assert_eq!(publish_until_full(&mut publisher), 8);
        let killer = std::thread::spawn(move || {
            // Long enough for the publisher to be asleep.
            std::thread::sleep(Duration::from_millis(15));
            child.kill();
            Instant::now()
        });
        publisher.publish(&Numbered::new(0, 8)).expect("there is room in time");
        let freed = Instant::now();
        let killed = killer.join().expect("it does not panic");
        worst = worst.max(freed.saturating_duration_since(killed));
    }
    println!("the publisher went on within {worst:?}");
    assert!(worst < Duration::from_millis(10), "{worst:?}");
    drop(publisher);
    topic.close();
    assert_vanished(&scratch);
}

#[test]
fn a_stopped_subscriber_holds_back_until_the_deadline_and_gets_everything_later() {
    let scratch = Scratch::new("topic-stopped");
    let topic = builder(&scratch).depth(8).create().expect("a new topic");
    let mut publisher = topic.publisher().expect("a lane");
    let child = holder(&scratch);
    child.signal(libc::SIGSTOP);
    assert_eq!(publish_until_full(&mut publisher), 8);
    let begun = Instant::now();
    let late = publisher.publish_timeout(&Numbered::new(0, 8), Duration::from_millis(50));
    assert!(late.expect_err("it is alive").is_timed_out());
    assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
    child.signal(libc::SIGCONT);
    child.kill();
    publisher.publish_timeout(&Numbered::new(0, 8), PATIENCE).expect("it was dead");
}

#[test]
fn nothing_is_lost_before_the_first_look() {
    let scratch = Scratch::new("topic-first");
    let topic = builder(&scratch).depth(128).create().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    let publisher = start("topic_publish", scratch.path(), &["0", "100", "go"]);
    publisher.finish(PATIENCE);
    for number in 0..100 {
        check(&subscriber.try_take().expect("it works").expect("it is there"), number);
    }
    assert!(subscriber.try_take().expect("it works").is_none());
}

/// Asks for the last ten messages.
pub(crate) fn late() {
    let mut subscriber = open().subscriber_from_last(10).expect("a place");
    let end: u64 = argument(0).parse().expect("a number");
    for number in end - 10..end {
        check(&subscriber.try_take().expect("it works").expect("it is kept"), number);
    }
    assert!(subscriber.try_take().expect("it works").is_none());
}

#[test]
fn a_late_process_gets_the_last_messages_it_asks_for() {
    let scratch = Scratch::new("topic-late");
    let topic = builder(&scratch).depth(16).create().expect("a new topic");
    let mut publisher = topic.publisher().expect("a lane");
    for number in 0..1000 {
        publisher.publish(&Numbered::new(0, number)).expect("nobody holds it back");
    }
    start("topic_late", scratch.path(), &["1000"]).finish(PATIENCE);
}

/// Takes what it can until the last number, and says how many it took and missed.
pub(crate) fn lossy() {
    let mut subscriber = open().subscriber().expect("a place");
    println!("\nsubscribed");
    let (mut received, mut told, mut next) = (0_u64, 0_u64, 0_u64);
    let mut random = Random(5);
    while next < COUNT {
        let message = subscriber.take_timeout(PATIENCE).expect("it works").expect("a message");
        told += message.missed();
        next += message.missed();
        check(&message, next);
        next += 1;
        received += 1;
        drop(message);
        if random.below(10_000) == 0 {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    assert_eq!(told, subscriber.missed());
    println!("\ncounts {received} {told}");
}

#[test]
fn a_lossy_subscriber_takes_or_is_told_of_every_message() {
    let scratch = Scratch::new("topic-lossy");
    let topic = builder(&scratch).depth(64).lossy().create().expect("a new topic");
    let mut subscribers: Vec<_> =
        (0..2).map(|_| start("topic_lossy", scratch.path(), &[])).collect();
    subscribers.iter_mut().for_each(|subscriber| _ = subscriber.line("subscribed"));
    let mut stopped = start("topic_lossy", scratch.path(), &[]);
    stopped.line("subscribed");
    stopped.signal(libc::SIGSTOP);
    let mut publisher = topic.publisher().expect("a lane");
    let begun = Instant::now();
    for number in 0..COUNT {
        publisher.publish(&Numbered::new(1, number)).expect("it never waits");
    }
    assert!(begun.elapsed() < PATIENCE / 2, "a stopped subscriber delays nobody");
    stopped.signal(libc::SIGCONT);
    for mut subscriber in subscribers.into_iter().chain([stopped]) {
        let counts = subscriber.line("counts ");
        println!("received and missed: {counts}");
        let sum: u64 = counts.split(' ').map(|count| count.parse::<u64>().expect("a number")).sum();
        assert_eq!(sum, COUNT);
        subscriber.finish(PATIENCE);
    }
}

#[test]
fn another_process_goes_on_where_a_killed_publisher_stopped() {
    let scratch = Scratch::new("topic-replaced");
    let topic = builder(&scratch).depth(64).create().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    let mut ids = Vec::new();
    for round in 0..5 {
        let first = (round * 10).to_string();
        let mut child = start("topic_publish", scratch.path(), &[&first, "10", "stay"]);
        ids.push(child.line("publisher "));
        child.line("published");
        assert!(topic.publisher().is_err(), "the lane belongs to a living process");
        child.kill();
    }
    let mut seen = std::collections::HashSet::new();
    for number in 0..50_u64 {
        let message = subscriber.try_take().expect("it works").expect("what was published stays");
        check(&message, number);
        let header = message.header();
        assert_eq!(header.sender().to_string(), ids[number as usize / 10]);
        assert_eq!(header.sequence(), number % 10);
        assert!(seen.insert(header.id()), "ids are unique");
    }
    topic.publisher().expect("the lane is free").publish(&Numbered::new(1, 50)).expect("room");
    check(&subscriber.take().expect("a message"), 50);
}

/// Publishes and takes without end, so that a kill finds it somewhere inside.
pub(crate) fn churn() {
    let topic = open();
    let mut subscriber = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    println!("\nrunning");
    let first: u64 = argument(0).parse().expect("a number");
    let mut number = first;
    loop {
        let batch: Vec<_> = (0..number % 4).map(|more| Numbered::new(1, number + more)).collect();
        number += publisher.try_publish_batch(&batch).expect("no fault") as u64;
        if publisher.try_publish(&Numbered::new(1, number)).is_ok() {
            number += 1;
        }
        while let Some(message) = subscriber.try_take().expect("it works") {
            assert_eq!(message.check, !message.number ^ 1, "torn");
        }
    }
}

#[test]
fn two_hundred_kills_inside_publish_and_take_lose_nothing_that_was_published() {
    let scratch = Scratch::new("topic-churn");
    let topic = builder(&scratch).depth(64).create().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    let seed = 23;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut next = 0;
    let mut take = |next: &mut u64| {
        while let Some(message) = subscriber.try_take().expect("it works") {
            check(&message, *next);
            *next += 1;
        }
    };
    for _ in 0..200 {
        let mut child = start("topic_churn", scratch.path(), &[&next.to_string()]);
        child.line("running");
        let until = Instant::now() + Duration::from_micros(random.below(400));
        while Instant::now() < until {
            take(&mut next);
        }
        child.kill();
        take(&mut next);
        // Somebody else goes on, and is not held back by the dead.
        let mut publisher = topic.publisher().expect("the lane of a dead publisher is free");
        for _ in 0..150 {
            let message = Numbered::new(1, next);
            publisher.publish_timeout(&message, Duration::from_secs(5)).expect("there is room");
            take(&mut next);
        }
    }
    println!("{next} messages, each once and in order");
    drop(subscriber);
    topic.close();
    assert_vanished(&scratch);
}
