//! Actors: messages and questions of 64 bytes, in one process and between two.
//!
//! Every message carries its number, and the receiver adds them up; a row whose sum or count is
//! wrong is no figure.

mod barewire;
mod futex;
mod kameo;
mod ractor;
#[cfg(feature = "actor-peers")]
mod remote;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;
use crate::machine;
use crate::stats::{Samples, Spread, median_by};

pub(crate) use self::barewire::work;

/// The process at the other end of a row, as the program starts it.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(crate) enum Far {
    /// Sleeps on a word, and wakes who has woken it.
    Futex {
        /// The process that has the memory, and its descriptor there.
        process: u32,
        descriptor: i32,
    },
    #[cfg(feature = "actor-peers")]
    Ractor,
    #[cfg(feature = "actor-peers")]
    Kameo,
    #[cfg(feature = "actor-peers")]
    Zenoh,
}

/// Runs the other end of a row, until the one who has started it ends.
pub(crate) fn be(far: Far) -> Outcome<()> {
    match far {
        Far::Futex { process, descriptor } => futex::echo(process, descriptor),
        #[cfg(feature = "actor-peers")]
        Far::Ractor => remote::ractor::serve(),
        #[cfg(feature = "actor-peers")]
        Far::Kameo => remote::kameo::serve(),
        #[cfg(feature = "actor-peers")]
        Far::Zenoh => remote::zenoh::serve(),
    }
}

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
#[cfg_attr(feature = "actor-peers", derive(serde::Serialize, serde::Deserialize))]
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

    /// The octets, for peers that take nothing else.
    #[cfg(feature = "actor-peers")]
    pub(crate) fn octets(&self) -> [u8; 64] {
        let Self { number, kind, a, b, c, d, e, f } = *self;
        let mut octets = [0; 64];
        for (place, word) in octets.chunks_exact_mut(8).zip([number, kind, a, b, c, d, e, f]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        octets
    }

    /// A load of no number at all if they are too few.
    #[cfg(feature = "actor-peers")]
    pub(crate) fn from_octets(octets: &[u8]) -> Self {
        let (words, _) = octets.as_chunks();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let [number, kind, a, b, c, d, e, f] = std::array::from_fn(|_| words.next().unwrap_or(0));
        Self { number, kind, a, b, c, d, e, f }
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

impl Seen {
    /// What answers a question; what was seen before it is not counted again.
    #[inline]
    pub(crate) fn answer(&mut self, load: &Load) -> u64 {
        let answer = self.add(load);
        *self = Self::default();
        answer
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

/// A peer between processes, if it was built.
#[cfg(feature = "actor-peers")]
macro_rules! remote {
    ($found:ident, $($measure:tt)+) => {
        Ok(|length| remote::$($measure)+(length).map(Found::$found))
    };
}
#[cfg(not(feature = "actor-peers"))]
macro_rules! remote {
    ($($measure:tt)+) => {
        Err("not built; `--features actor-peers` does that, in some minutes")
    };
}

/// Row, system, how it is measured; or why it is not.
const SYSTEMS: &[(&str, &str, Result<Measure, &str>)] = &[
    ("actor/tell/local", "barewire", Ok(|length| barewire::tell_local(length).map(Found::Rate))),
    ("actor/tell/local", "ractor", Ok(|length| ractor::tell(length).map(Found::Rate))),
    ("actor/tell/local", "kameo", Ok(|length| kameo::tell(length).map(Found::Rate))),
    ("actor/ask/local", "barewire", Ok(|length| barewire::ask_local(length).map(Found::Trip))),
    ("actor/ask/local", "ractor", Ok(|length| ractor::ask(length).map(Found::Trip))),
    ("actor/ask/local", "kameo", Ok(|length| kameo::ask(length).map(Found::Trip))),
    ("actor/tell/process", "barewire", Ok(|l| barewire::tell_process(l).map(Found::Rate))),
    ("actor/tell/process", "ractor_cluster", remote!(Rate, ractor::tell)),
    ("actor/tell/process", "kameo-remote", remote!(Rate, kameo::tell)),
    ("actor/tell/process", "zenoh", remote!(Rate, zenoh::tell)),
    ("actor/ask/process", "barewire", Ok(|l| barewire::ask_process(l).map(Found::Trip))),
    ("actor/ask/process", "ractor_cluster", remote!(Trip, ractor::ask)),
    ("actor/ask/process", "kameo-remote", remote!(Trip, kameo::ask)),
    ("actor/ask/process", "zenoh", remote!(Trip, zenoh::ask)),
    ("actor/ask/process/parked", "barewire", Ok(|l| barewire::ask_parked(l).map(Found::Trip))),
    ("actor/ask/process/parked", "futex", Ok(|length| futex::trips(length).map(Found::Trip))),
];

/// How long nothing happens before a question of a parked row, so that the other side sleeps by
/// then.
const PAUSE: Duration = Duration::from_millis(1);

/// Each process of a parked row on a core of its own. Otherwise the kernel lets one wait for the
/// other on the same core now and then, which takes a fifth of the time.
struct Pinned(Vec<usize>);

impl Pinned {
    /// This thread, until what is returned is dropped.
    fn near() -> Outcome<Self> {
        let cores = machine::cores()?;
        machine::pin(*cores.first().ok_or("there is a core")?)?;
        Ok(Self(cores))
    }

    /// The other process, before it has other threads.
    fn far() -> Outcome<()> {
        machine::pin(*machine::cores()?.last().ok_or("there is a core")?)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = machine::pin_to(&self.0);
    }
}

/// How many questions a parked row takes.
fn parked(length: Length) -> usize {
    length.questions / 50
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
