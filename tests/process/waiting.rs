//! Sleeping, waking and tasks between processes: no wake is lost, and nobody waits for the dead.
//!
//! Most of it happens in processes of its own, in which no sleep ends but by a wake or a deadline.
//! `BAREWIRE_SLEEPS` says how many times the processes put each other to sleep.

mod scenarios;
pub(crate) mod services;
mod topics;

use std::time::{Duration, Instant};

use barewire::{__private as private, MessageQueue, SharedRegion, WaitSet};

use crate::harness::{Process, Scratch, argument, start};
use crate::region::Wide;
use scenarios::{PATIENCE, runtime};

/// Far beyond every deadline here: only a wake ends a sleep.
const NEVER: Duration = Duration::from_secs(3600);

/// How long a scenario may take once it has said what it measured.
const TO_THE_END: Duration = Duration::from_secs(30);

const SCENARIOS: &[(&str, fn())] = &[
    ("echo", scenarios::echo),
    ("echo_async", scenarios::echo_async),
    ("follow", scenarios::follow),
    ("park", scenarios::park),
    ("ping_pong", scenarios::ping_pong),
    ("many_futures", scenarios::many_futures),
    ("set", scenarios::set),
    ("set_observes", scenarios::set_observes),
    ("cancelled", scenarios::cancelled),
    ("room", scenarios::room),
    ("refused", scenarios::refused),
    ("region", scenarios::region),
    ("topic_echo", topics::echo),
    ("topic_echo_async", topics::echo_async),
    ("topic_park", topics::park),
    ("topic_ping_pong", topics::ping_pong),
    ("topic_many_futures", topics::many_futures),
    ("topic_set", topics::set),
    ("topic_room", topics::room),
    ("service_echo", services::echo),
    ("service_echo_async", services::echo_async),
    ("service_park", services::park),
    ("service_ping_pong", services::ping_pong),
    ("service_many", services::many),
    ("service_set_of_servers", services::set_of_servers),
    ("service_set_of_a_client", services::set_of_a_client),
    ("service_set_beside_others", services::set_beside_others),
    ("service_set_observes", services::set_observes),
    ("service_cancelled", services::cancelled),
    ("service_room", services::room),
    ("service_left", services::left),
];

/// Runs a scenario whose name is the argument.
pub(crate) fn wait() {
    private::set_longest_sleep(NEVER);
    let wanted = argument(0);
    let scenario = SCENARIOS.iter().find(|(name, _)| *name == wanted);
    let (_, run) = scenario.expect("a known scenario");
    run();
    println!("\ndone");
}

/// Runs a scenario in a process and a directory of its own.
fn alone(scenario: &str) {
    let scratch = Scratch::new(scenario);
    let mut process = start("wait", scratch.path(), &[scenario]);
    process.line("done");
    process.finish(TO_THE_END);
    assert_eq!(scratch.files(), [""; 0]);
}

#[test]
fn no_wake_is_lost_between_two_processes_that_park() {
    alone("park");
}

#[test]
fn tasks_of_two_processes_play_ping_pong() {
    alone("ping_pong");
}

#[test]
fn thousands_of_pending_futures_need_one_thread() {
    alone("many_futures");
}

#[test]
fn a_set_reports_what_is_ready_for_as_long_as_it_is() {
    alone("set");
}

#[test]
fn a_set_passes_a_wake_on_to_one_who_takes() {
    alone("set_observes");
}

#[test]
fn a_cancelled_future_loses_neither_a_message_nor_a_wake() {
    alone("cancelled");
}

#[test]
fn a_future_for_room_is_woken_by_an_acknowledgement() {
    alone("room");
}

#[test]
fn a_future_is_refused_where_a_call_is() {
    alone("refused");
}

#[test]
fn every_change_of_a_region_wakes_those_who_wait_for_it() {
    alone("region");
}

#[test]
fn no_wake_is_lost_between_two_processes_that_park_on_topics() {
    alone("topic_park");
}

#[test]
fn tasks_of_two_processes_play_ping_pong_over_topics() {
    alone("topic_ping_pong");
}

#[test]
fn every_task_that_waits_on_a_topic_gets_every_message() {
    alone("topic_many_futures");
}

#[test]
fn a_set_waits_for_subscribers_beside_queues_and_descriptors() {
    alone("topic_set");
}

#[test]
fn a_future_for_room_in_a_topic_is_woken_by_the_slowest_subscriber() {
    alone("topic_room");
}

/// Takes a message, and stands still with it.
pub(crate) fn take_and_stop() {
    let queue = MessageQueue::<u64>::open("killed").expect("the parent has made it");
    let _taken = queue.dequeue().expect("it works");
    println!("\ntaken");
    std::thread::sleep(Duration::from_secs(60));
}

/// A process that has taken the one message of the queue "killed".
fn taker(scratch: &Scratch, queue: &MessageQueue<u64>) -> Process {
    queue.enqueue(&7).expect("there is room");
    let mut taker = start("take_and_stop", scratch.path(), &[]);
    taker.line("taken");
    taker
}

#[test]
fn what_a_killed_consumer_had_taken_wakes_a_future_and_a_set() {
    let scratch = Scratch::new("killed-consumer");
    let builder = MessageQueue::<u64>::builder("killed").directory(scratch.path());
    let queue = builder.create().expect("a new queue");
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    let mut longest = Duration::ZERO;
    for round in 0..30 {
        let taker = taker(&scratch, &queue);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut set = WaitSet::new();
                set.add(&queue, ()).expect("there is room");
                if round % 3 == 1 {
                    set.add_descriptor(&pipe, ()).expect("there is room");
                }
                if round % 3 == 2 {
                    let wait =
                        async { tokio::time::timeout(PATIENCE, queue.dequeue_async()).await };
                    let message = runtime().block_on(wait).expect("in time").expect("it works");
                    assert!(message.header().redelivered());
                } else {
                    assert_eq!(set.wait_timeout(PATIENCE).expect("it works"), [()]);
                    let message = queue.try_dequeue().expect("it works").expect("it is ready");
                    assert!(message.header().redelivered());
                }
                Instant::now()
            });
            std::thread::sleep(Duration::from_millis(10));
            taker.kill();
            let killed = Instant::now();
            let found = waiting.join().expect("it did not panic");
            longest = longest.max(found.saturating_duration_since(killed));
        });
    }
    println!("found {longest:?} after the kill at the latest");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[test]
fn a_writer_killed_in_its_turn_holds_up_no_task() {
    let scratch = Scratch::new("killed-writer");
    let region = SharedRegion::builder("wide")
        .directory(scratch.path())
        .create(&Wide { count: 0, copies: [0; 200] })
        .expect("a new region");
    let mut holder = start("hold_region", scratch.path(), &[]);
    holder.line("holding");
    let mut holder = Some(holder);
    runtime().block_on(async {
        let mut update = std::pin::pin!(region.update_async(|value| value.count += 1));
        let early = tokio::time::timeout(Duration::from_millis(20), update.as_mut()).await;
        assert!(early.is_err(), "the holder lives");
        holder.take().expect("it lives").kill();
        let update = tokio::time::timeout(PATIENCE, update).await;
        update.expect("the turn is free again").expect("it works");
    });
    assert_eq!(region.read().expect("readable").count, 1);
}
