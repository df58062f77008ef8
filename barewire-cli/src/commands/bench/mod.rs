//! `barewire bench`: a quick measurement of this machine, between two processes.
//!
//! The two are pinned to two processors and spin, if there are two; messages have 64 bytes.

mod peer;

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use barewire::Wait;
use barewire::segment::Directory;
use serde_json::{Value as Json, json};

use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;
use crate::{json, text};
use peer::{Names, STOP};

pub(crate) use peer::run as peer;

/// What is sent.
pub(super) type Message = [u64; 8];

/// How long a reply may take before the other process is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// A figure, with what it is.
struct Figure {
    what: &'static str,
    /// Nanoseconds of the middle and of one in a thousand.
    ns: Option<(f64, f64)>,
    per_second: Option<f64>,
}

pub(crate) fn run(milliseconds: u64, as_json: bool) -> Outcome {
    let time = Duration::from_millis(milliseconds.max(1));
    // A directory of its own, so that nobody else's segments are touched or seen.
    let cpus = processors();
    let own = Own::make(cpus.get(1).copied())?;
    let wait = wait(&cpus);
    let pinned = cpus.first().is_some_and(|first| pin(*first));
    let figures = [
        line(&cpus, time),
        queue_trip(&own, wait, time)?,
        queue_stream(&own, wait, time)?,
        topic_trip(&own, wait, time)?,
        topic_stream(&own, wait, time)?,
        service_trip(&own, wait, time)?,
    ];
    if as_json {
        let list = figures.iter().map(|one| {
            json!({
                "what": one.what,
                "p50_ns": one.ns.map(|(middle, _)| middle),
                "p999_ns": one.ns.map(|(_, late)| late),
                "per_second": one.per_second,
            })
        });
        return json::pretty(&json!({
            "processors": cpus.len(),
            "pinned": pinned,
            "spinning": wait == Wait::Spin,
            "figures": list.collect::<Json>(),
        }));
    }
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|one| {
            let ns = |ns: f64| format!("{ns:.0} ns");
            vec![
                one.what.to_owned(),
                one.ns.map_or(String::new(), |(middle, _)| ns(middle)),
                one.ns.map_or(String::new(), |(_, late)| ns(late)),
                one.per_second.map_or(String::new(), text::count),
            ]
        })
        .collect();
    let mut out = std::io::stdout().lock();
    let table = text::table(&["64 BYTES", "P50", "P99.9", "A SECOND"], &[1, 2, 3], &rows);
    out.write_all(table.as_bytes())?;
    let how = if wait == Wait::Spin { "both spin" } else { "both sleep: there is one processor" };
    Ok(writeln!(out, "two processes, {how}; pinned: {pinned}")?)
}

/// A directory for the segments of a measurement, removed at the end.
struct Own {
    place: Place,
    /// The processor for the other process, if there are two.
    cpu: Option<usize>,
}

impl Own {
    fn make(cpu: Option<usize>) -> Outcome<Self> {
        let path = format!("/dev/shm/barewire-bench-{}", std::process::id());
        Directory::at(&path)?;
        Ok(Self { place: Place::new(Some(path.into())), cpu })
    }

    fn names(&self) -> Names {
        Names { directory: self.place.path().to_path_buf(), name: "bench".to_owned() }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.place.path());
    }
}

/// The other process: ended with this one, or when it is not needed any more.
struct Other(Child);

impl Other {
    fn start(own: &Own, role: &str) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench-peer", role, "bench", "--dir"]).arg(own.place.path());
        if let Some(cpu) = own.cpu {
            command.args(["--cpu", &cpu.to_string()]);
        }
        Ok(Self(command.stdin(Stdio::null()).spawn()?))
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processors that this process may use.
fn processors() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).ok();
    let may = |cpu: &usize| set.as_ref().is_some_and(|set| set.is_set(*cpu));
    (0..rustix::thread::CpuSet::MAX_CPU).filter(may).collect()
}

fn wait(cpus: &[usize]) -> Wait {
    if cpus.len() > 1 { Wait::Spin } else { Wait::Park }
}

/// Keeps this thread on a processor; whether that is so now.
pub(super) fn pin(cpu: usize) -> bool {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}

fn late() -> Failure {
    Failure::new(Code::Late, "the other process of the measurement does not answer")
}

/// Calls `trip` for so long, after a while of warming up; `ways` are the ways that a trip goes.
fn trips(
    what: &'static str,
    time: Duration,
    ways: f64,
    mut trip: impl FnMut(u64) -> Outcome,
) -> Outcome<Figure> {
    let mut samples = Vec::with_capacity(1 << 20);
    let (begun, mut number) = (Instant::now(), 0);
    while begun.elapsed() < time + time / 4 {
        let start = Instant::now();
        trip(number)?;
        if begun.elapsed() > time / 4 && samples.len() < samples.capacity() {
            samples.push(start.elapsed().as_nanos() as f64 / ways);
        }
        number += 1;
    }
    Ok(Figure { what, ns: spread(&mut samples), per_second: None })
}

/// The middle, and what one in a thousand exceeds.
fn spread(samples: &mut [f64]) -> Option<(f64, f64)> {
    samples.sort_by(f64::total_cmp);
    let at = |part: f64| samples.get((samples.len() as f64 * part) as usize).copied();
    Some((at(0.5)?, at(0.999)?))
}

/// A line that goes from one processor to the other and back: nothing can be faster.
fn line(cpus: &[usize], time: Duration) -> Figure {
    let what = "one cache line, one way";
    let [_, second, ..] = *cpus else { return Figure { what, ns: None, per_second: None } };
    let word = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let (other, end) = (Arc::clone(&word), Arc::clone(&over));
    let echo = std::thread::spawn(move || {
        pin(second);
        while !end.load(Ordering::Relaxed) {
            let seen = other.load(Ordering::Acquire);
            if seen & 1 != 0 {
                other.store(seen + 1, Ordering::Release);
            }
        }
    });
    // Several trips for a look at the clock, which takes as long as one.
    const TRIPS: u64 = 64;
    let mut next = 0;
    let found = trips(what, time, 2.0 * TRIPS as f64, |_| {
        for _ in 0..TRIPS {
            word.store(next + 1, Ordering::Release);
            next += 2;
            while word.load(Ordering::Acquire) != next {
                std::hint::spin_loop();
            }
        }
        Ok(())
    });
    over.store(true, Ordering::Relaxed);
    let _ = echo.join();
    found.unwrap_or(Figure { what, ns: None, per_second: None })
}

fn queue_trip(own: &Own, wait: Wait, time: Duration) -> Outcome<Figure> {
    let (there, back) = own.names().queues(wait, true)?;
    let _other = Other::start(own, "queue-echo")?;
    let figure = trips("queue, one way", time, 2.0, |number| {
        there.enqueue(&[number; 8])?;
        back.dequeue_timeout(PATIENCE)?.map(drop).ok_or_else(late)
    });
    there.enqueue(&STOP)?;
    figure
}

/// How many messages go between two looks at the clock.
const BURST: u64 = 512;

fn queue_stream(own: &Own, wait: Wait, time: Duration) -> Outcome<Figure> {
    let (there, back) = own.names().queues(wait, true)?;
    let _other = Other::start(own, "queue-drain")?;
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        for number in sent..sent + BURST {
            there.enqueue_timeout(&[number; 8], PATIENCE)?;
        }
        sent += BURST;
    }
    there.enqueue(&STOP)?;
    back.dequeue_timeout(PATIENCE)?.map(drop).ok_or_else(late)?;
    let rate = sent as f64 / begun.elapsed().as_secs_f64();
    Ok(Figure { what: "queue, messages", ns: None, per_second: Some(rate) })
}

fn topic_trip(own: &Own, wait: Wait, time: Duration) -> Outcome<Figure> {
    let (there, back) = own.names().topics(wait, true)?;
    let (mut publisher, mut subscriber) = (there.publisher()?, back.subscriber()?);
    let _other = Other::start(own, "topic-echo")?;
    // It says when it has subscribed.
    subscriber.take_timeout(PATIENCE)?.map(drop).ok_or_else(late)?;
    let figure = trips("topic, one way", time, 2.0, |number| {
        publisher.publish(&[number; 8])?;
        subscriber.take_timeout(PATIENCE)?.map(drop).ok_or_else(late)
    });
    publisher.publish(&STOP)?;
    figure
}

fn topic_stream(own: &Own, wait: Wait, time: Duration) -> Outcome<Figure> {
    let (there, back) = own.names().topics(wait, true)?;
    let (mut publisher, mut subscriber) = (there.publisher()?, back.subscriber()?);
    let _other = Other::start(own, "topic-drain")?;
    subscriber.take_timeout(PATIENCE)?.map(drop).ok_or_else(late)?;
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        for number in sent..sent + BURST {
            publisher.publish_timeout(&[number; 8], PATIENCE)?;
        }
        sent += BURST;
    }
    publisher.publish(&STOP)?;
    subscriber.take_timeout(PATIENCE)?.map(drop).ok_or_else(late)?;
    let rate = sent as f64 / begun.elapsed().as_secs_f64();
    Ok(Figure { what: "topic, messages", ns: None, per_second: Some(rate) })
}

fn service_trip(own: &Own, wait: Wait, time: Duration) -> Outcome<Figure> {
    let service = own.names().service(wait, true)?;
    let client = service.client()?;
    let _other = Other::start(own, "service")?;
    trips("service, call and reply", time, 1.0, |number| {
        client.call(&[number; 8], PATIENCE)?;
        Ok(())
    })
}
