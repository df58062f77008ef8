//! Waiting for services: sleeps that only a wake ends, and calls that end with their server.

use std::future::Future;
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use barewire::ipc::{PendingCall, ReplyStream};
use barewire::{Client, ErrorKind, Server, Service, Wait, WaitSet};

use super::alone;
use super::scenarios::{LAST, LOST, PATIENCE, runtime, sleeps, status, threads_of_the_reactor};
use crate::harness::{Process, Scratch, directory, start};
use crate::service::at_once;

type Echo = Service<u64, u64>;

/// So long after its begin, whoever waits sleeps.
const ASLEEP: Duration = Duration::from_millis(20);

fn make(name: &str) -> Echo {
    Service::builder(name).wait(Wait::Park).create().expect("a new service")
}

fn attach(name: &str) -> Echo {
    Service::builder(name).wait(Wait::Park).open().expect("the parent has made it")
}

fn both(service: &Echo) -> (Client<u64, u64>, Server<u64, u64>) {
    (service.client().expect("a line"), service.server().expect("a place"))
}

/// Answers each call with what it asks.
pub(super) fn echo() {
    let server = attach("echo").server().expect("a place");
    println!("\nrunning");
    loop {
        let call = server.next().expect("it works");
        let number = *call;
        call.reply(&number).expect("it fits");
        if number == LAST {
            break;
        }
    }
}

/// Answers each call with what it asks, in two tasks.
pub(super) fn echo_async() {
    let server = Arc::new(attach("echo").server().expect("a place"));
    let runtime = runtime();
    println!("\nrunning");
    let serve = |server: Arc<Server<u64, u64>>| async move {
        loop {
            let call = server.next_async().await.expect("it works");
            let number = *call;
            call.reply(&number).expect("it fits");
            if number == LAST {
                break;
            }
        }
    };
    let tasks = [0, 1].map(|_| runtime.spawn(serve(Arc::clone(&server))));
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("it did not panic");
        }
    });
}

/// Two processes that sleep at every turn.
pub(super) fn park() {
    let client = make("echo").client().expect("a line");
    let mut server = start("wait", &directory(), &["service_echo"]);
    server.line("running");
    let (rounds, slept) = (sleeps(), status("voluntary_ctxt_switches"));
    let (mut lost, begun) = (0, Instant::now());
    for sent in 0..rounds {
        let begun = Instant::now();
        assert_eq!(*client.call(&sent, PATIENCE).expect("an answer"), sent);
        lost += u64::from(begun.elapsed() > LOST);
    }
    let slept = status("voluntary_ctxt_switches") - slept;
    println!("{rounds} rounds, {slept} sleeps, {:?} each", begun.elapsed() / rounds as u32);
    assert_eq!(*client.call(&LAST, PATIENCE).expect("an answer"), LAST);
    server.finish(Duration::from_secs(30));
    assert_eq!(lost, 0, "wakes were lost");
    assert!(slept > rounds / 4, "only {slept} of {rounds} waits were sleeps");
}

/// As `park`, with tasks on each side.
pub(super) fn ping_pong() {
    let client = make("echo").client().expect("a line");
    let mut server = start("wait", &directory(), &["service_echo_async"]);
    server.line("running");
    let rounds = sleeps().min(10_000);
    let begun = Instant::now();
    let play = async move {
        for sent in (0..rounds).chain([LAST, LAST]) {
            let answer = tokio::time::timeout(PATIENCE, client.call_async(&sent)).await;
            assert_eq!(*answer.expect("no wake is lost").expect("an answer"), sent);
        }
    };
    let runtime = runtime();
    runtime.block_on(async { tokio::spawn(play).await.expect("it did not panic") });
    println!("{rounds} rounds, {:?} each", begun.elapsed() / rounds as u32);
    server.finish(Duration::from_secs(30));
}

/// More tasks than each client has calls, and more clients than servers.
pub(super) fn many() {
    const CLIENTS: u64 = 6;
    const TASKS: u64 = 20;
    const CALLS: u64 = 20;
    let service = make("many");
    let runtime = runtime();
    for _ in 0..4 {
        let server = service.server().expect("a place");
        runtime.spawn(async move {
            loop {
                let call = server.next_async().await.expect("it works");
                let number = *call;
                call.reply(&(number + 1)).expect("it fits");
            }
        });
    }
    let mut tasks = Vec::new();
    for first in 0..CLIENTS {
        let client = Arc::new(service.client().expect("a line"));
        tasks.extend((0..TASKS).map(|task| {
            let client = Arc::clone(&client);
            runtime.spawn(async move {
                for call in 0..CALLS {
                    let number = (first * TASKS + task) * CALLS + call;
                    let answer = client.call_async(&number).await.expect("an answer");
                    assert_eq!(*answer, number + 1, "foreign");
                }
            })
        }));
    }
    runtime.block_on(async {
        for task in tasks {
            let task = tokio::time::timeout(PATIENCE * 10, task).await;
            task.expect("no wake is lost").expect("it did not panic");
        }
    });
    assert_eq!(threads_of_the_reactor(), 1);
}

/// Waits for a set in which `what` happens once the set sleeps; yields what it reports.
fn reported(set: &mut WaitSet<'_, u32>, what: impl FnOnce() + Send) -> Vec<u32> {
    let begun = Instant::now();
    let ready = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(ASLEEP);
            what();
        });
        set.wait_timeout(PATIENCE).expect("it works")
    });
    assert!(begun.elapsed() < LOST, "a wake was lost");
    ready
}

fn none(set: &mut WaitSet<'_, u32>) -> bool {
    set.try_wait().expect("it works").is_empty()
}

/// One thread waits for the calls of two services, beside a pipe.
pub(super) fn set_of_servers() {
    let services = ["first", "second"].map(make);
    let [(first_client, first), (second_client, second)] = [0, 1].map(|n| both(&services[n]));
    let (pipe, mut writer) = std::io::pipe().expect("a pipe");
    let mut set = WaitSet::new();
    set.add(&first, 1).expect("there is room");
    set.add(&second, 2).expect("there is room");
    for with_pipe in [false, true] {
        if with_pipe {
            set.add_descriptor(&pipe, 3).expect("there is room");
        }
        assert!(none(&mut set));
        for (key, client, server) in [(1, &first_client, &first), (2, &second_client, &second)] {
            let mut call = None;
            let ready = reported(&mut set, || call = Some(client.start(&7).expect("a free call")));
            assert_eq!(ready, [key], "with a pipe: {with_pipe}");
            assert_eq!(set.wait().expect("it works"), [key], "it still is");
            let taken = server.try_next().expect("it works").expect("it is ready");
            assert!(none(&mut set), "it is taken");
            taken.reply(&8).expect("it fits");
            assert_eq!(*call.expect("it was made").wait().expect("answered"), 8);
        }
    }
    assert_eq!(reported(&mut set, || writer.write_all(b"x").expect("somebody reads")), [3]);
    let withdrawn = first_client.start(&7).expect("a free call");
    assert_eq!(set.wait().expect("it works"), [1, 3]);
    drop(withdrawn);
    assert_eq!(set.wait().expect("it works"), [3], "nobody asks any more");
}

fn settled<'c>(call: PendingCall<'c, u64>) -> barewire::Result<barewire::Reply<'c, u64>> {
    call.try_wait().map(|settled| settled.expect("what a set reports is there"))
}

fn part(stream: &mut ReplyStream<'_, u64>) -> Option<u64> {
    match stream.try_next_part().expect("it works") {
        Poll::Ready(part) => part.map(|part| *part),
        Poll::Pending => unreachable!("what a set reports is there"),
    }
}

/// One thread waits for what becomes of the calls of a client.
pub(super) fn set_of_a_client() {
    let (client, server) = both(&make("client"));
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    let mut set = WaitSet::new();
    set.add(&client, 1).expect("there is room");
    for with_pipe in [false, true] {
        if with_pipe {
            set.add_descriptor(&pipe, 2).expect("there is room");
        }
        assert!(none(&mut set), "it has no calls");
        let [first, second] = [1, 2].map(|number| client.start(&number).expect("a free call"));
        let [one, two] = [0, 1].map(|_| server.next().expect("a call waits"));
        assert!(none(&mut set), "nothing is answered");
        assert_eq!(reported(&mut set, || two.reply(&20).expect("it fits")), [1]);
        let reply = settled(second).expect("answered");
        assert!(none(&mut set), "a reply that was received is not waited for");
        drop(reply);
        assert_eq!(reported(&mut set, || drop(one)), [1]);
        assert!(settled(first).expect_err("let go").is_unanswered());
        assert!(none(&mut set));

        let mut stream = client.call_stream(&3).expect("a free call");
        let mut answer = server.next().expect("a call waits").stream();
        assert_eq!(reported(&mut set, || answer.send(&1).expect("there is room")), [1]);
        answer.send(&2).expect("there is room");
        assert_eq!(part(&mut stream), Some(1));
        assert_eq!(set.wait().expect("it works"), [1], "the second part");
        assert_eq!(part(&mut stream), Some(2));
        assert_eq!(reported(&mut set, || answer.finish()), [1]);
        assert_eq!(part(&mut stream), None);
        assert!(none(&mut set), "it is over");
    }
}

/// A thread waits for a client whose calls another thread handles.
pub(super) fn set_beside_others() {
    let (client, server) = both(&make("others"));
    let mut stream = client.call_stream(&3).expect("a free call");
    let mut answer = server.next().expect("a call waits").stream();
    answer.send(&1).expect("there is room");
    answer.send(&2).expect("there is room");
    let first = stream.next_part().expect("it works").expect("a part");
    let mut set = WaitSet::new();
    set.add(&client, 1).expect("there is room");
    assert!(none(&mut set), "the part that is waited for is lent");
    assert_eq!(reported(&mut set, || drop(first)), [1], "the next one has come already");
    assert_eq!(part(&mut stream), Some(2));
    let mut call = None;
    let answer_at_once = || {
        call = Some(client.start(&5).expect("a free call"));
        server.next().expect("a call waits").reply(&6).expect("it fits");
    };
    assert_eq!(reported(&mut set, answer_at_once), [1]);
    assert_eq!(*settled(call.expect("it was made")).expect("answered"), 6);
}

/// A set and a server wait for the same call.
pub(super) fn set_observes() {
    let (client, server) = both(&make("observed"));
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    for with_pipe in [false, true] {
        std::thread::scope(|scope| {
            let observer = scope.spawn(|| {
                let mut set = WaitSet::new();
                set.add(&server, ()).expect("there is room");
                if with_pipe {
                    set.add_descriptor(&pipe, ()).expect("there is room");
                }
                set.wait_timeout(PATIENCE).expect("it works").len()
            });
            std::thread::sleep(ASLEEP);
            let taker = scope.spawn(|| {
                let begun = Instant::now();
                let call = server.next_timeout(PATIENCE).expect("it works");
                (call.is_some(), begun.elapsed())
            });
            std::thread::sleep(ASLEEP);
            let _first = client.start(&1).expect("a free call");
            let (found, after) = taker.join().expect("it did not panic");
            assert!(found && after < LOST, "the wake ended at the set: {after:?}");
            // The set may have been woken too late to see the call; this one is for it.
            let _second = client.start(&2).expect("a free call");
            assert_eq!(observer.join().expect("it did not panic"), 1);
        });
    }
}

/// Polls once, with nobody to wake.
fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Futures that are dropped before they are done.
pub(super) fn cancelled() {
    let service = make("cancelled");
    let (client, server) = both(&service);
    for round in 0..200 {
        // The first in line is woken, and dropped before it looks.
        let mut first = Some(Box::pin(server.next_async()));
        assert!(first.as_mut().is_some_and(|future| poll(future.as_mut()).is_pending()));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let begun = Instant::now();
                let call = server.next_timeout(PATIENCE).expect("it works");
                let number = call.map(|call| *call);
                (number, begun.elapsed())
            });
            std::thread::sleep(Duration::from_millis(2));
            let _call = client.start(&round).expect("a free call");
            std::thread::sleep(Duration::from_micros(round * 5));
            first = None;
            let (found, after) = second.join().expect("it did not panic");
            assert_eq!(found, Some(round), "the call is there for the second");
            assert!(after < LOST, "the wake was lost in round {round}: {after:?}");
        });
    }
    for round in 0..100 {
        let mut call = Box::pin(client.call_async(&round));
        assert!(poll(call.as_mut()).is_pending());
        let taken = (round % 2 == 0).then(|| server.next().expect("a call waits"));
        drop(call);
        match taken {
            Some(taken) => assert!(taken.is_cancelled(), "its caller has gone"),
            None => assert!(server.try_next().expect("it works").is_none(), "it was withdrawn"),
        }
    }
    let calls: Vec<_> = (0..8).map(|n| client.try_start(&n).expect("a free call")).collect();
    assert_eq!(calls.len(), 8, "no call was lost");
}

/// Futures that wait for a free call, and for room in a stream.
pub(super) fn room() {
    let service = make("room");
    let (client, server) = both(&service);
    let mut calls: Vec<_> = (0..8).map(|n| client.try_start(&n).expect("a free call")).collect();
    let mut dropped = Box::pin(client.start_async(&8));
    assert!(poll(dropped.as_mut()).is_pending(), "all are in use");
    drop(dropped);
    std::thread::scope(|scope| {
        let late = scope.spawn(|| {
            let start = async { tokio::time::timeout(PATIENCE, client.start_async(&9)).await };
            let call = runtime().block_on(start).expect("no wake is lost").expect("it works");
            drop(call);
        });
        std::thread::sleep(ASLEEP);
        assert!(!late.is_finished(), "all are in use");
        drop(calls.pop());
        late.join().expect("it did not panic");
    });
    drop(calls);
    assert!(server.try_next().expect("it works").is_none());

    let mut stream = client.call_stream(&0).expect("a free call");
    let mut answer = server.next().expect("a call waits").stream();
    let mut ahead = 0;
    while poll(pin!(answer.send_async(&ahead))).is_ready() {
        ahead += 1;
    }
    assert_eq!(ahead, 4, "as many as there are frames, and the future that was dropped sent none");
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let send = async { tokio::time::timeout(PATIENCE, answer.send_async(&ahead)).await };
            runtime().block_on(send).expect("no wake is lost").expect("it works");
            answer.finish();
        });
        std::thread::sleep(ASLEEP);
        assert!(!sending.is_finished(), "the client is behind");
        for number in 0..=ahead {
            let part = async { tokio::time::timeout(PATIENCE, stream.next_part_async()).await };
            let part = runtime().block_on(part).expect("no wake is lost").expect("it works");
            assert_eq!(*part.expect("not the end"), number);
        }
        let end = async { tokio::time::timeout(PATIENCE, stream.next_part_async()).await };
        assert!(runtime().block_on(end).expect("no wake is lost").expect("it works").is_none());
        sending.join().expect("it did not panic");
    });
}

/// A participant leaves on whose events the thread that waits for tasks still sleeps.
pub(super) fn left() {
    for _ in 0..20 {
        let (first, second) = (make("left"), attach("left"));
        let server = first.server().expect("a place");
        assert!(poll(pin!(server.next_async())).is_pending());
        let begun = Instant::now();
        drop((server, first));
        drop(second);
        assert!(begun.elapsed() < LOST, "its locks stayed: {:?}", begun.elapsed());
        assert!(!directory().join("left").exists(), "the last one out removes it");
    }
}

#[test]
fn who_leaves_is_gone_at_once_even_if_tasks_have_waited() {
    alone("service_left");
}

#[test]
fn no_wake_is_lost_between_a_client_and_a_server_that_park() {
    alone("service_park");
}

#[test]
fn tasks_of_two_processes_call_each_other() {
    alone("service_ping_pong");
}

#[test]
fn tasks_of_many_clients_share_their_calls_and_one_thread() {
    alone("service_many");
}

#[test]
fn a_set_waits_for_the_calls_of_several_services() {
    alone("service_set_of_servers");
}

#[test]
fn a_set_waits_for_replies_parts_and_ends() {
    alone("service_set_of_a_client");
}

#[test]
fn a_set_learns_what_other_threads_do_to_its_client() {
    alone("service_set_beside_others");
}

#[test]
fn a_set_of_servers_passes_a_wake_on_to_one_who_takes() {
    alone("service_set_observes");
}

#[test]
fn a_cancelled_future_of_a_service_loses_neither_a_call_nor_a_wake() {
    alone("service_cancelled");
}

#[test]
fn a_future_for_a_free_call_or_for_room_is_woken() {
    alone("service_room");
}

const CALLS: usize = 3;

/// Takes calls, and stands still with them.
pub(crate) fn take_calls_and_stop() {
    let server = attach("killed").server().expect("a place");
    let calls: Vec<_> = (0..CALLS).map(|_| server.next().expect("it works")).collect();
    println!("\ntaken");
    std::thread::sleep(Duration::from_secs(60));
    drop(calls);
}

/// Calls for a stream, and receives nothing.
pub(crate) fn ask_and_stop() {
    let client = attach("killed").client().expect("a line");
    let stream = client.call_stream(&7).expect("a free call");
    println!("\nasked");
    std::thread::sleep(Duration::from_secs(60));
    drop(stream);
}

fn killable(scratch: &Scratch) -> Echo {
    let builder = Echo::builder("killed").directory(scratch.path());
    builder.wait(Wait::Park).create().expect("a new service")
}

/// Kills the process while `wait` waits; yields how long after that `wait` was over.
fn killed_while(process: Process, wait: impl FnOnce() + Send) -> Duration {
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            wait();
            Instant::now()
        });
        std::thread::sleep(Duration::from_millis(10));
        process.kill();
        let killed = Instant::now();
        waiting.join().expect("it did not panic").saturating_duration_since(killed)
    })
}

#[test]
fn a_killed_server_ends_the_calls_of_futures_and_of_a_set_at_once() {
    let scratch = Scratch::new("killed-server-of-tasks");
    let service = killable(&scratch);
    let client = service.client().expect("a line");
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    let mut waits = Vec::new();
    for round in 0..60 {
        let mut server = start("take_calls_and_stop", scratch.path(), &[]);
        let number = |n: usize| (round * CALLS + n) as u64;
        let calls: Vec<_> =
            (0..CALLS).map(|n| client.start(&number(n)).expect("a free call")).collect();
        server.line("taken");
        assert_eq!(service.servers(), 1);
        waits.push(killed_while(server, || {
            if round % 3 == 0 {
                let wait = async {
                    for call in calls {
                        let call = tokio::time::timeout(PATIENCE, call.wait_async()).await;
                        let error = call.expect("in time").expect_err("nobody has answered");
                        assert!(error.is_server_died(), "{error}");
                    }
                };
                runtime().block_on(wait);
                return;
            }
            let mut set = WaitSet::new();
            set.add(&client, 1).expect("there is room");
            if round % 3 == 1 {
                set.add_descriptor(&pipe, 2).expect("there is room");
            }
            assert_eq!(set.wait_timeout(PATIENCE).expect("it works"), [1]);
            for call in calls {
                assert!(settled(call).expect_err("nobody has answered").is_server_died());
            }
        }));
        assert_eq!(service.servers(), 0, "the dead do not serve");
    }
    at_once(waits);
}

#[test]
fn a_dead_server_counts_for_nobody_even_if_no_one_has_waited() {
    let scratch = Scratch::new("dead-server-counted");
    let service = killable(&scratch);
    for _ in 0..20 {
        let client = service.client().expect("a line");
        let mut server = start("take_calls_and_stop", scratch.path(), &[]);
        let calls: Vec<_> = (0..3).map(|n| client.start(&n).expect("a free call")).collect();
        server.line("taken");
        assert_eq!(service.servers(), 1);
        server.kill();
        assert_eq!(service.servers(), 0);
        let error = client.call(&9, Duration::ZERO).expect_err("nobody serves");
        assert!(error.to_string().contains("no server"), "{error}");
        drop(calls);
    }
}

#[test]
fn a_killed_client_ends_its_servers_wait_for_room_at_once() {
    let scratch = Scratch::new("killed-client-of-a-stream");
    let service = killable(&scratch);
    let server = service.server().expect("a place");
    let mut waits = Vec::new();
    for round in 0..30 {
        let mut client = start("ask_and_stop", scratch.path(), &[]);
        client.line("asked");
        let mut answer = server.next().expect("a call waits").stream();
        while answer.try_send(&1).is_ok() {}
        waits.push(killed_while(client, || {
            let sent = if round % 2 == 0 {
                let send = async { tokio::time::timeout(PATIENCE, answer.send_async(&1)).await };
                runtime().block_on(send).expect("in time")
            } else {
                answer.send_timeout(&1, PATIENCE)
            };
            assert_eq!(sent.expect_err("nobody receives").kind(), ErrorKind::Cancelled);
        }));
    }
    at_once(waits);
}
