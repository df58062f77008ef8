//! Actors: messages and questions of 64 bytes, in one process and between two.
//!
//! Every message carries its number, and the receiver adds them up; a row whose sum or count is
//! wrong is no figure.

mod barewire;
mod kameo;
mod ractor;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;
use crate::machine;
use crate::stats::{Samples, Spread, median_by};

pub(crate) use self::barewire::work;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Each row once, and for a shorter time.
    #[arg(long)]
    quick: bool,
    /// Writes the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose `name system` contains this.
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
}

/// How long a row is measured.
#[derive(Clone, Copy)]
pub(crate) struct Length {
    pub(crate) messages: u64,
    pub(crate) questions: usize,
}

/// What was found.
enum Found {
    Rate(f64),
    Trip(Spread),
}

/// 64 bytes: a number, what is wanted, and the rest.
#[derive(Clone, Copy, Debug, ::barewire::BareSchema)]
pub(crate) struct Load {
    number: u64,
    kind: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    f: u64,
}

pub(crate) const TELL: u64 = 0;
pub(crate) const ASK: u64 = 1;

impl Load {
    pub(crate) fn new(number: u64, kind: u64) -> Self {
        let n = number;
        Self { number, kind, a: n, b: n, c: n, d: n, e: n, f: !n }
    }
}

/// What a receiver has seen.
#[derive(Default)]
pub(crate) struct Seen {
    count: u64,
    sum: u64,
}

impl Seen {
    /// Adds a message up, all of it; what answers a question is the sum so far.
    #[inline]
    pub(crate) fn add(&mut self, load: &Load) -> u64 {
        let whole = load.a == load.number && load.e == load.number && load.f == !load.number;
        if load.kind == TELL && whole && load.b == load.c && load.c == load.d {
            self.count += 1;
            self.sum = self.sum.wrapping_add(load.number);
        }
        self.sum ^ self.count.rotate_left(48)
    }
}

/// What a receiver must have seen of so many messages.
fn expected(messages: u64) -> u64 {
    let sum = (0..messages).fold(0_u64, u64::wrapping_add);
    sum ^ messages.rotate_left(48)
}

/// The rate, if all messages have arrived.
pub(crate) fn rate(messages: u64, begun: Instant, seen: u64) -> Outcome<f64> {
    let took = begun.elapsed();
    if seen != expected(messages) {
        return Err("lost messages, or doubled or damaged ones".into());
    }
    Ok(messages as f64 / took.as_secs_f64())
}

/// Records questions one after the other.
pub(crate) struct Trips(Samples, u64);

impl Trips {
    pub(crate) fn new(questions: usize) -> Self {
        Self(Samples::with_room(questions), 0)
    }
    pub(crate) fn is_full(&self) -> bool {
        self.0.is_full()
    }
    pub(crate) fn begin(&mut self) {
        self.1 = machine::ticks();
    }
    pub(crate) fn end(&mut self) {
        self.0.record(machine::ticks() - self.1);
    }
    pub(crate) fn spread(self) -> Outcome<Spread> {
        self.0.spread(1.0).ok_or_else(|| "there are no samples".into())
    }
}

type Measure = fn(Length) -> Outcome<Found>;

/// Row, system, how it is measured; or why it is not.
const SYSTEMS: &[(&str, &str, Result<Measure, &str>)] = &[
    ("actor/tell/local", "barewire", Ok(|length| barewire::tell_local(length).map(Found::Rate))),
    ("actor/tell/local", "ractor", Ok(|length| ractor::tell(length).map(Found::Rate))),
    ("actor/tell/local", "kameo", Ok(|length| kameo::tell(length).map(Found::Rate))),
    ("actor/ask/local", "barewire", Ok(|length| barewire::ask_local(length).map(Found::Trip))),
    ("actor/ask/local", "ractor", Ok(|length| ractor::ask(length).map(Found::Trip))),
    ("actor/ask/local", "kameo", Ok(|length| kameo::ask(length).map(Found::Trip))),
    ("actor/tell/process", "barewire", Ok(|l| barewire::tell_process(l).map(Found::Rate))),
    ("actor/tell/process", "ractor_cluster", Err("no harness yet")),
    ("actor/tell/process", "kameo-remote", Err("no harness yet")),
    ("actor/tell/process", "zenoh", Err("no harness yet")),
    ("actor/ask/process", "barewire", Ok(|l| barewire::ask_process(l, "spin").map(Found::Trip))),
    (
        "actor/ask/process/parked",
        "barewire",
        Ok(|length| barewire::ask_process(length, "park").map(Found::Trip)),
    ),
    ("actor/ask/process/parked", "futex", Ok(|length| parked_threads(length).map(Found::Trip))),
    ("actor/ask/process", "ractor_cluster", Err("no harness yet")),
    ("actor/ask/process", "kameo-remote", Err("no harness yet")),
    ("actor/ask/process", "zenoh", Err("no harness yet")),
];

/// The floor of a parked question: two threads that wake each other.
fn parked_threads(length: Length) -> Outcome<Spread> {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    static TURN: AtomicU32 = AtomicU32::new(0);
    static OVER: AtomicBool = AtomicBool::new(false);
    let me = std::thread::current();
    let other = std::thread::spawn(move || {
        let mut seen = 0;
        while !OVER.load(Ordering::Acquire) {
            if TURN.load(Ordering::Acquire) == seen + 1 {
                seen += 2;
                TURN.store(seen, Ordering::Release);
                me.unpark();
            } else {
                std::thread::park_timeout(Duration::from_millis(100));
            }
        }
    });
    let mut trips = Trips::new(length.questions / 10);
    let mut turn = 0;
    while !trips.is_full() {
        trips.begin();
        TURN.store(turn + 1, Ordering::Release);
        other.thread().unpark();
        turn += 2;
        while TURN.load(Ordering::Acquire) != turn {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        trips.end();
    }
    OVER.store(true, Ordering::Release);
    other.thread().unpark();
    other.join().map_err(|_| "the other thread has failed")?;
    trips.spread()
}

/// Measures all rows and prints them.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let (times, length) = if options.quick {
        (1, Length { messages: 1_000_000, questions: 50_000 })
    } else {
        (5, Length { messages: 5_000_000, questions: 200_000 })
    };
    let mut figures = Vec::new();
    println!("{}\n", machine::name());
    for (row, system, measure) in SYSTEMS {
        let name = format!("{row} {system}");
        if options.only.as_ref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let measure = match measure {
            Ok(measure) => measure,
            Err(why) => {
                println!("{row:26} {system:15} left out: {why}");
                continue;
            }
        };
        let all: Outcome<Vec<Found>> = (0..times).map(|_| measure(length)).collect();
        let key = |found: &Found| match found {
            Found::Rate(rate) => *rate,
            Found::Trip(spread) => spread.p50_ns,
        };
        match all.map(|all| median_by(all, key)) {
            Ok(Some(Found::Rate(rate))) => {
                println!("{row:26} {system:15} {:8.2} M messages/s", rate / 1e6);
                figures.push(json!({ "row": row, "system": system, "msgs_per_s": rate }));
            }
            Ok(Some(Found::Trip(spread))) => {
                let [p50, p99, p999] =
                    [spread.p50_ns, spread.p99_ns, spread.p999_ns].map(|ns| ns / 1e3);
                println!("{row:26} {system:15} {p50:8.2} µs, p99 {p99:.2}, p99.9 {p999:.2}");
                figures.push(json!({ "row": row, "system": system, "spread": spread }));
            }
            Ok(None) => {}
            Err(error) => println!("{row:26} {system:15} left out: {error}"),
        }
    }
    if let Some(path) = &options.json {
        let document = json!({ "machine": machine::name(), "figures": figures });
        std::fs::write(path, serde_json::to_string_pretty(&document)?)?;
    }
    Ok(())
}

/// A runtime as most programs have it.
pub(crate) fn runtime() -> Outcome<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
