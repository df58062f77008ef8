//! What the processes of the tests of waiting do with topics; only a wake ends a sleep in them.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use barewire::{MessageQueue, Topic, Wait, WaitSet};

use super::scenarios::{LOST, PATIENCE, runtime, sleeps, status, threads_of_the_reactor};
use crate::harness::{directory, start};

const LAST: u64 = u64::MAX;

fn make(name: &str, depth: usize) -> Topic<u64> {
    let builder = Topic::builder(name).depth(depth).subscribers(100).wait(Wait::Park);
    builder.create().expect("a new topic")
}

fn attach(name: &str) -> Topic<u64> {
    Topic::builder(name).wait(Wait::Park).open().expect("the parent has made it")
}

/// Sends back what it gets.
pub(super) fn echo() {
    let mut there = attach("there").subscriber().expect("a place");
    let mut back = attach("back").publisher().expect("a lane");
    println!("\nsubscribed");
    loop {
        let number = *there.take().expect("it works");
        back.publish(&number).expect("there is room");
        if number == LAST {
            break;
        }
    }
}

/// Sends back what it gets, in a task.
pub(super) fn echo_async() {
    let mut there = attach("there").subscriber().expect("a place");
    let mut back = attach("back").publisher().expect("a lane");
    println!("\nsubscribed");
    runtime().block_on(async move {
        let task = tokio::spawn(async move {
            loop {
                let number = *there.take_async().await.expect("it works");
                back.publish_async(&number).await.expect("there is room");
                if number == LAST {
                    break;
                }
            }
        });
        task.await.expect("it did not panic");
    });
}

/// Two processes that sleep at every turn.
pub(super) fn park() {
    let (there, back) = (make("there", 64), make("back", 64));
    let mut publisher = there.publisher().expect("a lane");
    let mut subscriber = back.subscriber().expect("a place");
    let mut echo = start("wait", &directory(), &["topic_echo"]);
    echo.line("subscribed");
    let (rounds, slept) = (sleeps(), status("voluntary_ctxt_switches"));
    let mut lost = 0;
    for sent in 0..rounds {
        let begun = Instant::now();
        publisher.publish(&sent).expect("there is room");
        let answer = subscriber.take_timeout(PATIENCE).expect("it works").expect("an answer");
        assert_eq!(*answer, sent);
        lost += u64::from(begun.elapsed() > LOST);
    }
    let slept = status("voluntary_ctxt_switches") - slept;
    println!("{rounds} rounds, {slept} sleeps");
    publisher.publish(&LAST).expect("there is room");
    echo.finish(Duration::from_secs(30));
    assert_eq!(lost, 0, "wakes were lost");
    assert!(slept > rounds / 10, "only {slept} of {rounds} waits were sleeps");
}

/// As `park`, with a task on each side.
pub(super) fn ping_pong() {
    let (there, back) = (make("there", 64), make("back", 64));
    let mut publisher = there.publisher().expect("a lane");
    let mut subscriber = back.subscriber().expect("a place");
    let mut echo = start("wait", &directory(), &["topic_echo_async"]);
    echo.line("subscribed");
    let rounds = sleeps().min(20_000);
    let play = async move {
        for sent in (0..rounds).chain([LAST]) {
            publisher.publish_async(&sent).await.expect("it works");
            let answer = tokio::time::timeout(PATIENCE, subscriber.take_async()).await;
            let answer = answer.expect("no wake is lost").expect("it works");
            assert_eq!(*answer, sent);
        }
    };
    runtime().block_on(async { tokio::spawn(play).await.expect("it did not panic") });
    echo.finish(Duration::from_secs(30));
}

/// 100 tasks on one topic, all of which get all messages, one by one or in batches.
pub(super) fn many_futures() {
    const MESSAGES: u64 = 200;
    let topic = make("many", 16);
    let runtime = runtime();
    let tasks: Vec<_> = (0..100)
        .map(|index| {
            let mut subscriber = topic.subscriber().expect("a place");
            runtime.spawn(async move {
                let mut sum = 0;
                let mut next = 0;
                while next < MESSAGES {
                    if index % 2 == 0 {
                        let message = subscriber.take_async().await.expect("it works");
                        assert_eq!(*message, next);
                        sum += *message;
                        next += 1;
                        continue;
                    }
                    let batch = subscriber.take_batch_async(7).await.expect("it works");
                    next += batch.len() as u64;
                    sum += batch.iter().map(|message| *message).sum::<u64>();
                }
                sum
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(20));
    assert!(tasks.iter().all(|task| !task.is_finished()), "nothing was published");
    let mut publisher = topic.publisher().expect("a lane");
    let sums = runtime.block_on(async move {
        let numbers: Vec<u64> = (0..MESSAGES / 2).collect();
        let send = publisher.publish_batch_async(&numbers);
        tokio::time::timeout(PATIENCE, send).await.expect("no wake is lost").expect("it works");
        for number in MESSAGES / 2..MESSAGES {
            let send = tokio::time::timeout(PATIENCE, publisher.loan_async()).await;
            let mut loan = send.expect("no wake is lost").expect("it works");
            *loan = number;
            loan.send().expect("it works");
        }
        let mut sums = Vec::new();
        for task in tasks {
            let sum = tokio::time::timeout(PATIENCE, task).await;
            sums.push(sum.expect("no wake is lost").expect("it did not panic"));
        }
        sums
    });
    assert_eq!(threads_of_the_reactor(), 1);
    assert!(sums.iter().all(|sum| *sum == MESSAGES * (MESSAGES - 1) / 2), "{sums:?}");
}

/// A set of two subscribers, one of which is lossy, and a queue, later with a pipe as well.
pub(super) fn set() {
    let topic = make("lossless", 64);
    let lossy = Topic::<u64>::builder("lossy").lossy().create().expect("a new topic");
    let queue = MessageQueue::<u64>::builder("queue").create().expect("a new queue");
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    let mut publishers = [topic.publisher().expect("a lane"), lossy.publisher().expect("a lane")];
    let mut subscribers =
        [topic.subscriber().expect("a place"), lossy.subscriber().expect("it works")];
    let arrivals = subscribers.each_mut().map(|subscriber| subscriber.arrivals());
    let mut set = WaitSet::new();
    for (key, arrivals) in arrivals.iter().enumerate() {
        set.add(arrivals, key).expect("there is room");
    }
    set.add(&queue, 2).expect("there is room");
    for round in 0..40 {
        if round == 20 {
            set.add_descriptor(&pipe, 3).expect("there is room");
        }
        assert_eq!(set.try_wait().expect("it works"), [0; 0]);
        let key = round % 2;
        let begun = Instant::now();
        let ready = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(5));
                publishers[key].publish(&7).expect("there is room");
            });
            set.wait_timeout(PATIENCE).expect("it works")
        });
        assert_eq!(ready, [key], "in round {round}");
        assert!(begun.elapsed() < LOST, "a wake was lost");
        assert_eq!(set.wait().expect("it works"), [key], "it still is");
        assert_eq!(*subscribers[key].try_take().expect("it works").expect("a message"), 7);
    }
    assert_eq!(set.wait_timeout(Duration::from_millis(10)).expect("it works"), [0; 0]);
}

/// A future that waits for room, and one that is dropped while it does.
pub(super) fn room() {
    let topic = make("room", 64);
    let mut subscriber = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    let filled = (0..).find(|number| publisher.try_publish(number).is_err());
    let filled: u64 = filled.expect("a topic is bounded");
    {
        let mut send = pin!(publisher.publish_async(&7));
        let poll = send.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(poll, Poll::Pending), "the topic is full");
    }
    let runtime = runtime();
    let sender = runtime.spawn(async move { publisher.publish_async(&LAST).await });
    std::thread::sleep(Duration::from_millis(20));
    assert!(!sender.is_finished(), "the topic is full");
    for sent in 0..filled {
        assert_eq!(*subscriber.take().expect("it works"), sent);
    }
    assert!(subscriber.try_take().expect("it works").is_none_or(|message| *message == LAST));
    let sent = runtime.block_on(async { tokio::time::timeout(PATIENCE, sender).await });
    sent.expect("no wake is lost").expect("it did not panic").expect("there is room");
}
