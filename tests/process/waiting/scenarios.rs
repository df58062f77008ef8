//! What the processes of the tests of waiting do; only a wake ends a sleep in them.

use std::fs;
use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use barewire::{MessageQueue, Overflow, QueueMessage, SharedRegion, Wait, WaitSet};

use crate::harness::{directory, start};

/// The deadline of a wait that a wake should end within microseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A wait as long as this has not been ended by a wake.
pub(super) const LOST: Duration = Duration::from_millis(1900);

pub(super) const LAST: u64 = u64::MAX;

fn number(message: &QueueMessage<'_, u64>) -> u64 {
    message.read().expect("every number is one")
}

fn make(name: &str) -> MessageQueue<u64> {
    let builder = MessageQueue::builder(name).capacity(64).wait(Wait::Park);
    builder.create().expect("a new queue")
}

fn attach(name: &str) -> MessageQueue<u64> {
    MessageQueue::builder(name).wait(Wait::Park).open().expect("the parent has made it")
}

/// Sends back what it gets.
pub(super) fn echo() {
    let (there, back) = (attach("there"), attach("back"));
    println!("\nrunning");
    loop {
        let number = number(&there.dequeue().expect("it works"));
        back.enqueue(&number).expect("there is room");
        if number == LAST {
            break;
        }
    }
}

/// Sends back what it gets, in a task.
pub(super) fn echo_async() {
    let (there, back) = (attach("there"), attach("back"));
    println!("\nrunning");
    runtime().block_on(async move {
        let task = tokio::spawn(async move {
            loop {
                let number = number(&there.dequeue_async().await.expect("it works"));
                back.enqueue_async(&number).await.expect("there is room");
                if number == LAST {
                    break;
                }
            }
        });
        task.await.expect("it did not panic");
    });
}

/// Waits for changes of a region until its value says that it was the last one.
pub(super) fn follow() {
    let region = SharedRegion::<u64>::open("followed").expect("the parent has made it");
    let seen = SharedRegion::<u64>::open("seen").expect("the parent has made it");
    println!("\nrunning");
    let mut version = 0;
    loop {
        version = region.changed(version).expect("it works");
        let value = region.read().expect("readable");
        seen.update(|seen| *seen = version).expect("nobody else does");
        if value == LAST {
            break;
        }
    }
}

pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("threads can be started")
}

pub(super) fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/status").expect("Linux has it");
    let line = text.lines().find(|line| line.starts_with(name)).expect("Linux says it");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

pub(super) fn threads_of_the_reactor() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it");
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "barewire-waits").count()
}

pub(super) fn sleeps() -> u64 {
    match std::env::var("BAREWIRE_SLEEPS") {
        Ok(number) => number.parse().expect("BAREWIRE_SLEEPS is a number"),
        Err(_) => 20_000,
    }
}

/// Two processes that sleep at every turn.
pub(super) fn park() {
    let (there, back) = (make("there"), make("back"));
    let mut echo = start("wait", &directory(), &["echo"]);
    echo.line("running");
    let (rounds, slept) = (sleeps(), status("voluntary_ctxt_switches"));
    let mut lost = 0;
    let begun = Instant::now();
    for sent in 0..rounds {
        let begun = Instant::now();
        there.enqueue(&sent).expect("there is room");
        let answer = back.dequeue_timeout(PATIENCE).expect("it works").expect("an answer");
        assert_eq!(number(&answer), sent);
        lost += u64::from(begun.elapsed() > LOST);
    }
    let slept = status("voluntary_ctxt_switches") - slept;
    println!("{rounds} rounds, {slept} sleeps, {:?} each", begun.elapsed() / rounds as u32);
    there.enqueue(&LAST).expect("there is room");
    echo.finish(Duration::from_secs(30));
    assert_eq!(lost, 0, "wakes were lost");
    assert!(slept > rounds / 10, "only {slept} of {rounds} waits were sleeps");
}

/// As `park`, with a task on each side.
pub(super) fn ping_pong() {
    let (there, back) = (make("there"), make("back"));
    let mut echo = start("wait", &directory(), &["echo_async"]);
    echo.line("running");
    let rounds = sleeps().min(20_000);
    let begun = Instant::now();
    let play = async move {
        for sent in (0..rounds).chain([LAST]) {
            there.enqueue_async(&sent).await.expect("it works");
            let answer = tokio::time::timeout(PATIENCE, back.dequeue_async()).await;
            let answer = answer.expect("no wake is lost").expect("it works");
            assert_eq!(number(&answer), sent);
        }
    };
    let runtime = runtime();
    runtime.block_on(async { tokio::spawn(play).await.expect("it did not panic") });
    println!("{rounds} rounds, {:?} each", begun.elapsed() / rounds as u32);
    echo.finish(Duration::from_secs(30));
}

/// 60 tasks on each of 50 queues.
pub(super) fn many_futures() {
    const QUEUES: usize = 50;
    const TASKS: usize = 60;
    let queues: Vec<_> = (0..QUEUES).map(|index| Arc::new(make(&index.to_string()))).collect();
    let runtime = runtime();
    let tasks: Vec<_> = (0..QUEUES * TASKS)
        .map(|index| {
            let queue = Arc::clone(&queues[index % QUEUES]);
            runtime.spawn(async move { number(&queue.dequeue_async().await.expect("it works")) })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    assert!(tasks.iter().all(|task| !task.is_finished()), "nothing was sent");
    assert_eq!(threads_of_the_reactor(), 1);
    // Alternately one by one and at once: as many must wake as messages come.
    for (index, queue) in queues.iter().enumerate() {
        let messages: Vec<u64> = (0..TASKS as u64).collect();
        if index % 2 == 0 {
            queue.enqueue_batch(&messages).expect("there is room");
        } else {
            messages.iter().for_each(|one| queue.enqueue(one).expect("there is room"));
        }
    }
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for task in tasks {
            let number = tokio::time::timeout(PATIENCE, task).await;
            sum += number.expect("no wake is lost").expect("it did not panic");
        }
        sum
    });
    assert_eq!(sum, (QUEUES * TASKS * (TASKS - 1) / 2) as u64);
    assert_eq!(threads_of_the_reactor(), 1);
}

/// A set of three queues, and of three queues and a pipe.
pub(super) fn set() {
    let queues: Vec<_> = (0..3).map(|index| make(&index.to_string())).collect();
    let (pipe, mut writer) = std::io::pipe().expect("a pipe");
    let mut set = WaitSet::new();
    for (key, queue) in queues.iter().enumerate() {
        set.add(queue, key).expect("there is room");
    }
    for with_pipe in [false, true] {
        if with_pipe {
            set.add_descriptor(&pipe, 3).expect("there is room");
        }
        assert_eq!(set.try_wait().expect("it works"), [0; 0]);
        assert_eq!(set.wait_timeout(Duration::from_millis(10)).expect("it works"), [0; 0]);
        for (key, queue) in queues.iter().enumerate() {
            let begun = Instant::now();
            let ready = std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(20));
                    queue.enqueue(&7).expect("there is room");
                });
                set.wait_timeout(PATIENCE).expect("it works")
            });
            assert_eq!(ready, [key], "with a pipe: {with_pipe}");
            assert!(begun.elapsed() < LOST, "a wake was lost");
            assert_eq!(set.wait().expect("it works"), [key], "it still is");
            assert!(queue.try_dequeue().expect("it works").is_some());
            assert_eq!(set.try_wait().expect("it works"), [0; 0]);
        }
    }
    let ready = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            writer.write_all(b"x").expect("somebody reads");
        });
        set.wait_timeout(PATIENCE).expect("it works")
    });
    assert_eq!(ready, [3]);
    queues[1].enqueue(&1).expect("there is room");
    assert_eq!(set.wait().expect("it works"), [1, 3]);
}

/// A set and a consumer wait for the same message.
pub(super) fn set_observes() {
    let queue = make("observed");
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    for with_pipe in [false, true] {
        std::thread::scope(|scope| {
            let observer = scope.spawn(|| {
                let mut set = WaitSet::new();
                set.add(&queue, ()).expect("there is room");
                if with_pipe {
                    set.add_descriptor(&pipe, ()).expect("there is room");
                }
                // Reports, and does nothing about it.
                set.wait_timeout(PATIENCE).expect("it works").len()
            });
            std::thread::sleep(Duration::from_millis(30));
            let taker = scope.spawn(|| {
                let begun = Instant::now();
                let found = queue.dequeue_timeout(PATIENCE).expect("it works").is_some();
                (found, begun.elapsed())
            });
            std::thread::sleep(Duration::from_millis(30));
            queue.enqueue(&1).expect("there is room");
            let (found, after) = taker.join().expect("it did not panic");
            assert!(found && after < LOST, "the wake ended at the set: {after:?}");
            // The set may have been woken too late to see the message; this one is for it.
            queue.enqueue(&2).expect("there is room");
            assert_eq!(observer.join().expect("it did not panic"), 1);
            assert!(queue.try_dequeue().expect("it works").is_some());
        });
    }
}

/// A future that is woken and dropped, before one that waits behind it.
pub(super) fn cancelled() {
    let queue = make("cancelled");
    let mut context = Context::from_waker(Waker::noop());
    for round in 0..200 {
        // The first in line is woken, and dropped before it looks.
        let mut first = Some(Box::pin(queue.dequeue_async()));
        let poll = first.as_mut().map(|future| future.as_mut().poll(&mut context));
        assert!(matches!(poll, Some(Poll::Pending)));
        std::thread::scope(|scope| {
            let (queue, blocking) = (&queue, round % 2 == 0);
            let second = scope.spawn(move || {
                let begun = Instant::now();
                let found = if blocking {
                    queue.dequeue_timeout(PATIENCE).expect("it works").map(|one| number(&one))
                } else {
                    let wait = tokio::runtime::Builder::new_current_thread().enable_time().build();
                    wait.expect("it starts").block_on(async {
                        let wait = tokio::time::timeout(PATIENCE, queue.dequeue_async()).await;
                        wait.ok().map(|one| number(&one.expect("it works")))
                    })
                };
                (found, begun.elapsed())
            });
            std::thread::sleep(Duration::from_millis(2));
            queue.enqueue(&round).expect("there is room");
            std::thread::sleep(Duration::from_micros(round * 5));
            first = None;
            let (found, after) = second.join().expect("it did not panic");
            assert_eq!(found, Some(round), "the message is there for the second");
            assert!(after < LOST, "the wake was lost in round {round}: {after:?}");
        });
    }
    assert!(queue.is_empty());
}

/// A future that waits for room.
pub(super) fn room() {
    let queue = Arc::new(make("room"));
    let taker = Arc::clone(&queue);
    let filled = (0..).find(|number| queue.try_enqueue(number).is_err());
    let filled: u64 = filled.expect("a queue is bounded");
    let runtime = runtime();
    let sender = runtime.spawn(async move { queue.enqueue_async(&LAST).await });
    std::thread::sleep(Duration::from_millis(20));
    assert!(!sender.is_finished(), "the queue is full");
    for sent in 0..filled {
        assert_eq!(number(&taker.dequeue().expect("it works")), sent);
    }
    let sent = runtime.block_on(async { tokio::time::timeout(PATIENCE, sender).await });
    sent.expect("no wake is lost").expect("it did not panic").expect("there is room");
    assert_eq!(number(&taker.dequeue().expect("it works")), LAST);
}

/// A future of a queue that never waits.
pub(super) fn refused() {
    let builder = MessageQueue::<u64>::builder("refused").capacity(8);
    let queue = builder.overflow(Overflow::Reject).create().expect("a new queue");
    let refused = (0..).find(|number| {
        let mut send = pin!(queue.enqueue_async(number));
        match send.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.is_err_and(|error| error.is_full()),
            Poll::Pending => unreachable!("this queue never waits"),
        }
    });
    assert!(refused >= Some(8), "refused {refused:?}");
}

/// Two regions whose changes answer each other.
pub(super) fn region() {
    let make = |name: &str| SharedRegion::create(name, &0_u64).expect("a new region");
    let (region, seen) = (make("followed"), make("seen"));
    let mut follower = start("wait", &directory(), &["follow"]);
    follower.line("running");
    let rounds = sleeps().min(20_000);
    let runtime = runtime();
    for round in 1..=rounds {
        let before = seen.version();
        region.update(|value| *value = if round == rounds { LAST } else { round }).expect("works");
        let answer = if round % 2 == 0 {
            seen.changed_timeout(before, PATIENCE).expect("it works")
        } else {
            let wait = async { tokio::time::timeout(PATIENCE, seen.changed_async(before)).await };
            runtime.block_on(wait).ok().map(|version| version.expect("it works"))
        };
        assert_eq!(answer, Some(before + 1), "no wake is lost in round {round}");
        assert_eq!(seen.read().expect("readable"), region.version());
    }
    follower.finish(Duration::from_secs(30));
    let version = region.version();
    let none = region.changed_timeout(version, Duration::from_millis(10)).expect("it works");
    assert_eq!(none, None, "nothing has changed");
}
