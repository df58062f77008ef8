//! A process that writes random bytes over services that others use in isolated mode.

use std::future::Future;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use barewire::codec::{Decode, Encode};
use barewire::ipc::ServiceBuilder;
use barewire::layout::FixedLayout;
use barewire::{Call, Client, Server, Service, WaitSet};

use super::{Letter, Note, resident_kib, scribbling_time};
use crate::harness::{Process, Scratch, start};

/// How long one call of the library may take that has a deadline of [`SHORT`] or none to wait for.
const ROUND: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(2);

/// Rounds of one side, and how many of them got something that is a value.
type Rounds = (u64, u64);

trait Value: Clone + FixedLayout + Encode + for<'de> Decode<'de> + Send + Sync {}
impl<T: Clone + FixedLayout + Encode + for<'de> Decode<'de> + Send + Sync> Value for T {}

fn poll_once(future: impl Future<Output = barewire::Result<()>>) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending | Poll::Ready(_)));
}

/// Calls in every way, and takes every answer as it is.
fn ask<A: Value, B: Value>(client: &Client<A, B>, question: &A) -> u64 {
    let mut answers = 0;
    if let Ok(reply) = client.call(question, SHORT) {
        answers += u64::from(reply.read().is_ok());
        let _ = reply.bytes().len();
    }
    if let Ok(pending) = client.try_start(question) {
        let mut set = WaitSet::new();
        set.add(client, ()).expect("there is room");
        let _ = set.wait_timeout(SHORT);
        match pending.try_wait() {
            Ok(Ok(reply)) => answers += u64::from(reply.read().is_ok()),
            Ok(Err(pending)) => drop(pending.wait_timeout(SHORT)),
            Err(_) => {}
        }
    }
    if let Ok(mut stream) = client.call_stream_timeout(question, SHORT) {
        for _ in 0..20 {
            match stream.next_part_timeout(SHORT) {
                Ok(Some(part)) => answers += u64::from(part.read().is_ok()),
                _ => break,
            }
        }
        poll_once(async { stream.next_part_async().await.map(|_| ()) });
    }
    poll_once(async { client.call_async(question).await.map(|_| ()) });
    answers
}

/// Answers in one of the ways there are.
fn answer<A: Value, B: Value>(call: Call<'_, A, B>, reply: &B, way: u64) -> u64 {
    let valid = u64::from(call.read().is_ok());
    let _ = (call.bytes().len(), call.is_cancelled());
    match way % 4 {
        0 => drop(call),
        1 => {
            let mut stream = call.stream();
            for _ in 0..6 {
                let _ = stream.try_send(reply);
                let _ = stream.send_timeout(reply, SHORT);
            }
            poll_once(stream.send_async(reply));
            if way % 8 == 1 {
                stream.finish();
            }
        }
        _ => drop(call.reply(reply)),
    }
    valid
}

fn serve<A: Value, B: Value>(server: &Server<A, B>, reply: &B, way: u64) -> u64 {
    let mut valid = 0;
    let mut set = WaitSet::new();
    set.add(server, ()).expect("there is room");
    let _ = set.wait_timeout(SHORT);
    if let Ok(Some(call)) = server.try_next() {
        valid += answer(call, reply, way);
    }
    if let Ok(Some(call)) = server.next_timeout(SHORT) {
        valid += answer(call, reply, way / 2);
    }
    poll_once(async { server.next_async().await.map(|_| ()) });
    valid
}

/// Runs `round` until `end`; none may take long, whatever stands in the segment.
fn rounds(end: Instant, mut round: impl FnMut(u64) -> u64) -> Rounds {
    let (mut rounds, mut answers) = (0, 0);
    while Instant::now() < end {
        let begun = Instant::now();
        answers += round(rounds);
        rounds += 1;
        assert!(begun.elapsed() < ROUND, "a round took {:?}", begun.elapsed());
    }
    (rounds, answers)
}

/// One thread asks and one answers; both make and give up their handles again and again.
fn use_service<A: Value, B: Value>(
    service: &Service<A, B>,
    again: Option<&ServiceBuilder<A, B>>,
    (question, reply): (&A, &B),
    end: Instant,
) -> [Rounds; 2] {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut client = service.client().ok();
            rounds(end, |round| {
                if round % 16 == 15 {
                    client = None;
                    // The header may say anything by now.
                    drop(again.map(|builder| builder.clone().open()));
                }
                if client.is_none() {
                    client = service.client().ok();
                }
                let _ = service.servers();
                client.as_ref().map_or(0, |client| ask(client, question))
            })
        });
        let answering = scope.spawn(|| {
            let mut server = service.server().ok();
            rounds(end, |round| {
                if round % 64 == 63 {
                    server = None;
                    server = service.server().ok();
                }
                server.as_ref().map_or(0, |server| serve(server, reply, round))
            })
        });
        [asking, answering].map(|side| side.join().expect("no panic"))
    })
}

fn scribbler(scratch: &Scratch, path: &str, seed: u64) -> Process {
    let mut scribbler = start("scribble", scratch.path(), &[path, &seed.to_string()]);
    scribbler.line("running");
    scribbler
}

pub(super) fn services() {
    let (time, seed) = (scribbling_time(), 43);
    println!("seed {seed}, {time:?}");
    let scratch = Scratch::new("scribbler-of-services");
    let builder = Service::<Note, Note>::builder("notes").directory(scratch.path()).isolated();
    let notes = builder.clone().clients(4).create().expect("a new service");
    let letters = Service::<Letter, Letter>::builder("letters");
    let letters = letters.request_bytes(200).reply_bytes(300).isolated();
    let letters = letters.create_anonymous().expect("a new service");
    let behind = letters.share_descriptor().expect("it has no name");
    let paths = [
        scratch.path().join("notes").to_str().expect("plain text").to_owned(),
        format!("/proc/{}/fd/{}", std::process::id(), behind.as_raw_fd()),
    ];
    let scribblers = paths.map(|path| scribbler(&scratch, &path, seed));
    let before = resident_kib();
    let note = Note { number: 7, text: "é".repeat(20), list: vec![Some(1), None, Some(3)] };
    let letter = Letter { text: "x".repeat(100) };
    let end = Instant::now() + time;
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| use_service(&notes, Some(&builder), (&note, &note), end));
        let second = scope.spawn(|| use_service(&letters, None, (&letter, &letter), end));
        (first.join().expect("no panic"), second.join().expect("no panic"))
    });
    scribblers.into_iter().for_each(Process::kill);
    let after = resident_kib();
    println!("rounds and valid answers: {first:?} {second:?}; memory {before} to {after} KiB");
    assert!(first.iter().chain(&second).all(|(rounds, _)| *rounds > 5), "all went on");
    assert!(after < before + 20_000, "memory stays bounded");
}
