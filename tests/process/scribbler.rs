//! A process that writes random bytes over a whole segment while others use it in isolated mode.

mod service;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use barewire::codec::{Decode, Encode};
use barewire::layout::FixedLayout;
use barewire::{BareSchema, MessageQueue, Topic, Wait, WaitSet};

use crate::harness::{Process, Random, Scratch, argument, start};

/// How long the ordinary tests scribble; the environment variable gives another number of seconds.
const SECONDS: u64 = 10;
const SECONDS_VARIABLE: &str = "BAREWIRE_SCRIBBLE_SECONDS";

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Note {
    number: u64,
    #[bare(max = 40)]
    text: String,
    #[bare(max = 5)]
    list: Vec<Option<u32>>,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Letter {
    text: String,
}

/// Writes random words to random places of the file, header included, without end.
pub(crate) fn scribble() {
    let path = argument(0);
    let file = OpenOptions::new().write(true).open(&path).expect("the segment is there");
    let bytes = file.metadata().expect("it has a length").len();
    let mut random = Random(argument(1).parse().expect("a seed"));
    println!("\nrunning");
    loop {
        let at = random.below(bytes - 8);
        // Small numbers are the dangerous ones: they are counts, states and indices.
        let word = random.next() >> random.below(64);
        // Half of the time in the words that the protocol lives on, most of which come first.
        let at = if random.below(2) == 0 { at } else { at % 32_768.min(bytes - 8) };
        file.write_all_at(&word.to_le_bytes(), at & !7).expect("it can be written");
    }
}

/// Sends and receives, and takes every answer as it is: errors and wrong values are expected.
fn use_queue<T>(queue: &MessageQueue<T>, message: &T, end: Instant) -> (u64, u64)
where
    T: Clone + FixedLayout + Encode + for<'de> Decode<'de>,
{
    let (mut rounds, mut answers) = (0, 0);
    let short = Duration::from_millis(2);
    while Instant::now() < end {
        rounds += 1;
        let begun = Instant::now();
        let _ = queue.try_enqueue(message);
        let _ = queue.enqueue_timeout(message, short);
        let _ = queue.try_enqueue_batch(&[message.clone(), message.clone()]);
        let _ = queue.peek();
        if let Ok(Some(message)) = queue.try_dequeue() {
            answers += u64::from(message.read().is_ok());
            let _ = (message.header(), message.bytes().len());
        }
        if let Ok(Some(batch)) = queue.dequeue_batch_timeout(16, short) {
            answers += batch.iter().filter(|message| message.read().is_ok()).count() as u64;
        }
        let _ = (queue.len(), queue.counters());
        assert!(begun.elapsed() < Duration::from_secs(2), "a round took {:?}", begun.elapsed());
    }
    (rounds, answers)
}

/// Publishes and takes, and takes every answer as it is; sometimes anew, as a late one does.
fn use_topic<T>(topic: &Topic<T>, message: &T, end: Instant) -> (u64, u64)
where
    T: Clone + FixedLayout + Encode + for<'de> Decode<'de>,
{
    let (mut rounds, mut answers) = (0, 0);
    let short = Duration::from_millis(2);
    while Instant::now() < end {
        let begun = Instant::now();
        let (Ok(mut publisher), Ok(mut subscriber)) =
            (topic.publisher(), topic.subscriber_from_last(rounds as usize % 9))
        else {
            // The scribbler has given their places to somebody who lives.
            rounds += 1;
            continue;
        };
        for _ in 0..20 {
            rounds += 1;
            let begun = Instant::now();
            let _ = publisher.try_publish(message);
            let _ = publisher.publish_timeout(message, short);
            let _ = publisher.try_publish_batch(&[message.clone(), message.clone()]);
            if let Ok(Some(message)) = subscriber.take_timeout(short) {
                answers += u64::from(message.read().is_ok());
                let _ = (message.header(), message.bytes().len(), message.missed());
            }
            if let Ok(Some(batch)) = subscriber.try_take_batch(usize::MAX) {
                answers += batch.iter().filter(|message| message.read().is_ok()).count() as u64;
            }
            let arrivals = subscriber.arrivals();
            let mut set = WaitSet::new();
            set.add(&arrivals, ()).expect("there is room");
            let _ = set.wait_timeout(short);
            assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}", begun.elapsed());
        }
        drop((publisher, subscriber));
        assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
    }
    (rounds, answers)
}

fn scribbling_time() -> Duration {
    let seconds = std::env::var(SECONDS_VARIABLE).ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(SECONDS))
}

/// Starts a process for each of the segments, which writes random bytes over it.
fn start_scribblers(scratch: &Scratch, names: &[&str], seed: u64) -> Vec<Process> {
    let start = |name: &&str| {
        let path = scratch.path().join(name);
        let path = path.to_str().expect("plain text");
        let mut scribbler = start("scribble", scratch.path(), &[path, &seed.to_string()]);
        scribbler.line("running");
        scribbler
    };
    names.iter().map(start).collect()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says so");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line for it");
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
}

fn note() -> Note {
    Note { number: 7, text: "é".repeat(20), list: vec![Some(1), None, Some(3)] }
}

/// Runs what others do while a scribbler scribbles, in a process of its own, one at a time.
fn alone(users: &str) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    let scratch = Scratch::new(users);
    let mut process = start("use_scribbled", scratch.path(), &[users]);
    process.line("done");
    process.finish(Duration::from_secs(30));
}

/// The child's side of [`alone`].
pub(crate) fn use_scribbled() {
    match argument(0).as_str() {
        "queues" => queues(),
        "topics" => topics(),
        _ => service::services(),
    }
    println!("\ndone");
}

#[test]
fn a_scribbler_cannot_harm_those_who_use_isolated_queues() {
    alone("queues");
}

#[test]
fn a_scribbler_cannot_harm_those_who_use_isolated_topics() {
    alone("topics");
}

#[test]
fn a_scribbler_cannot_harm_those_who_use_isolated_services() {
    alone("services");
}

fn queues() {
    let (time, seed) = (scribbling_time(), 41);
    println!("seed {seed}, {time:?}");
    let scratch = Scratch::new("scribbler");
    let notes = MessageQueue::<Note>::builder("notes")
        .directory(scratch.path())
        .capacity(64)
        .isolated()
        .wait(Wait::SpinThenPark)
        .create()
        .expect("a new queue");
    let letters = MessageQueue::<Letter>::builder("letters")
        .directory(scratch.path())
        .capacity(16)
        .slot_bytes(200)
        .isolated()
        .create()
        .expect("a new queue");
    let scribblers = start_scribblers(&scratch, &["notes", "letters"], seed);
    let before = resident_kib();
    let note = note();
    let letter = Letter { text: "x".repeat(100) };
    let end = Instant::now() + time;
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| use_queue(&notes, &note, end));
        let second = scope.spawn(|| use_queue(&letters, &letter, end));
        (first.join().expect("no panic"), second.join().expect("no panic"))
    });
    scribblers.into_iter().for_each(Process::kill);
    let after = resident_kib();
    println!("rounds and valid answers: {first:?} {second:?}; memory {before} to {after} KiB");
    assert!(first.0 > 5 && second.0 > 5, "both went on");
    assert!(after < before + 20_000, "memory stays bounded");
}

fn topics() {
    let (time, seed) = (scribbling_time(), 43);
    println!("seed {seed}, {time:?}");
    let scratch = Scratch::new("scribbler-topics");
    let notes = Topic::<Note>::builder("notes").depth(16).subscribers(4).isolated();
    let notes = notes.directory(scratch.path()).create().expect("a new topic");
    let numbers = Topic::<[u32; 3]>::builder("numbers").depth(16).publishers(2).isolated();
    let numbers = numbers.directory(scratch.path()).timestamps().create().expect("a new topic");
    let letters = Topic::<Letter>::builder("letters").depth(16).lossy().isolated();
    let letters = letters.directory(scratch.path()).slot_bytes(200).create().expect("a new topic");
    let scribblers = start_scribblers(&scratch, &["notes", "numbers", "letters"], seed);
    let before = resident_kib();
    let letter = Letter { text: "x".repeat(100) };
    let end = Instant::now() + time;
    let rounds = std::thread::scope(|scope| {
        let first = scope.spawn(|| use_topic(&notes, &note(), end));
        let second = scope.spawn(|| use_topic(&numbers, &[1, 2, 3], end));
        let third = scope.spawn(|| use_topic(&letters, &letter, end));
        [first, second, third].map(|thread| thread.join().expect("no panic"))
    });
    scribblers.into_iter().for_each(Process::kill);
    let after = resident_kib();
    println!("rounds and valid answers: {rounds:?}; memory {before} to {after} KiB");
    assert!(rounds.iter().all(|(rounds, _)| *rounds > 5), "all went on");
    assert!(after < before + 20_000, "memory stays bounded");
}
