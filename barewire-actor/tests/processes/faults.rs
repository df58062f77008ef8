//! Workers are killed and stopped at random while work goes on.
//!
//! An ordinary run makes a few faults; `BAREWIRE_FAULTS=1000` makes so many of each kind:
//! `BAREWIRE_FAULTS=1000 cargo test --release -p barewire-actor --test processes faults`, with
//! `-- --nocapture` for its figures. The load is two tasks: each tells a worker twenty things, asks
//! it one, and waits for the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use barewire_actor::{ActorRef, ActorSystem, AskError, Cause, Event, LookupError};
use rustix::process::Signal;

use crate::floor::{Sleeper, Witness};
use crate::plain::{begin, end};
use crate::random::Random;
use crate::scratch::{Scratch, signal};
use crate::support::PATIENCE;
use crate::worker::Echo;

const WORKERS: [&str; 2] = ["one", "two"];
const DEADLINE: Duration = Duration::from_millis(100);

fn faults() -> u64 {
    let wanted = std::env::var("BAREWIRE_FAULTS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(25)
}

/// How late a question may end, and an end be told, beyond what the machine itself needs.
const TOLERANCE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Tally {
    told: AtomicU64,
    answered: AtomicU64,
    gone: AtomicU64,
    timed_out: AtomicU64,
    late: AtomicU64,
    latest_ns: AtomicU64,
}

/// Tells and asks a worker until it is over, whichever life it has.
async fn load(
    system: ActorSystem,
    name: &'static str,
    sender: u64,
    over: Arc<AtomicBool>,
    tally: Arc<Tally>,
) {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let found = system.lookup_within::<Echo>(name, Duration::from_millis(200)).await;
        let echo: ActorRef<Echo> = match found {
            Ok(echo) => echo,
            Err(LookupError::Unknown { .. } | LookupError::Gone(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        loop {
            for _ in 0..20 {
                number += 1;
                let note = Echo::Note { meant: echo.id(), sender, number };
                if echo.try_tell(note).is_ok() {
                    tally.told.fetch_add(1, Ordering::Relaxed);
                }
            }
            let begun = Instant::now();
            let answer = echo.ask(Echo::Ask { meant: echo.id(), number }, DEADLINE).await;
            let took = begun.elapsed();
            tally.latest_ns.fetch_max(took.as_nanos() as u64, Ordering::Relaxed);
            if took > DEADLINE + TOLERANCE {
                tally.late.fetch_add(1, Ordering::Relaxed);
            }
            match answer {
                Ok(answer) => {
                    assert_eq!(answer, number, "another question's answer");
                    tally.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(AskError::TimedOut) => {
                    tally.timed_out.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if error.is_gone() => {
                    tally.gone.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Err(AskError::Full) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(error) => panic!("{error}"),
            }
            // Whatever was meant for another life, or came out of order, makes it fail.
            if number % 400 == 0 {
                match echo.ask(Echo::Notes, PATIENCE).await {
                    Ok(_) => {}
                    Err(error) if error.is_gone() => {
                        let failed = error.to_string().contains("failed");
                        assert!(!failed, "{error}");
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            if over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

struct Work {
    over: Arc<AtomicBool>,
    tally: Arc<Tally>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    sleeper: Sleeper,
}

impl Work {
    fn begin(system: &ActorSystem) -> Self {
        let (over, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
        let start = |(sender, name): (usize, &&'static str)| {
            let (over, tally) = (Arc::clone(&over), Arc::clone(&tally));
            tokio::spawn(load(system.clone(), name, sender as u64, over, tally))
        };
        let tasks = WORKERS.iter().enumerate().map(start).collect();
        Self { over, tally, tasks, sleeper: Sleeper::begin() }
    }

    async fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("no claim is broken");
        }
        let floor = self.sleeper.latest();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let tally = &self.tally;
        let longest = Duration::from_nanos(load(&tally.latest_ns));
        println!(
            "{} told, {} answered, {} gone, {} timed out; the longest question {longest:?}, {} of \
             them later than {TOLERANCE:?}; a bare thread was {floor:?} late",
            load(&tally.told),
            load(&tally.answered),
            load(&tally.gone),
            load(&tally.timed_out),
            load(&tally.late),
        );
        assert!(load(&tally.answered) > 0, "the load does something");
        // Two threads are woken: the one that keeps the time, and the one that asks.
        assert!(longest < DEADLINE + TOLERANCE + 2 * floor, "every question ends by its deadline");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_lose_nothing_but_what_they_held() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "kills", &WORKERS).await;
    let work = Work::begin(&system);
    let (mut noticed, mut ended, mut behind) = (Vec::new(), Vec::new(), Vec::new());
    let seed = std::process::id();
    println!("seed {seed}");
    let mut random = Random(u64::from(seed));
    for number in 0..faults() {
        let name = WORKERS[number as usize % WORKERS.len()];
        let echo = system.lookup_within::<Echo>(name, PATIENCE).await.expect("it comes back");
        let Ok(pid) = echo.ask(Echo::Pid, PATIENCE).await else { continue };
        let watches = [system.watch(echo.id()), system.watch(echo.id())];
        let witness = Witness::of(pid);
        tokio::time::sleep(Duration::from_micros(random.below(4096))).await;
        let killed = Instant::now();
        signal(pid, Signal::KILL);
        for watch in watches {
            let told = tokio::time::timeout(PATIENCE, watch).await.expect("every watcher is told");
            assert_eq!(told.cause, Cause::Signalled { signal: 9 });
        }
        let told = Instant::now();
        let seen = witness.ended();
        noticed.push(told - killed);
        ended.push(seen.saturating_duration_since(killed));
        behind.push(told.saturating_duration_since(seen));
    }
    work.end().await;
    let (noticed, ended, behind) = (Spread::of(noticed), Spread::of(ended), Spread::of(behind));
    println!("watchers were told after: {noticed}");
    println!("a thread that only waits for that end heard of it after: {ended}");
    println!("watchers were told behind it: {behind}");
    // The rest is the kernel's work of taking a process down, while everything else wants to run.
    // One in a hundred may meet a moment in which the machine gives some thread no turn.
    assert!(behind.at(500) < TOLERANCE / 5 && behind.at(900) < TOLERANCE / 2);
    assert!(behind.late() <= 1 + behind.0.len() / 100);
    end(scratch, system, supervision).await;
}

/// Times, the shortest first.
struct Spread(Vec<Duration>);

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// What so many of a thousand do not exceed.
    fn at(&self, thousandths: usize) -> Duration {
        self.0[(self.0.len() - 1) * thousandths / 1000]
    }

    fn late(&self) -> usize {
        self.0.iter().filter(|time| **time > TOLERANCE).count()
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (thousandths, name) in [(500, "p50"), (900, "p90"), (990, "p99"), (999, "p99.9")] {
            write!(f, "{name} {:?}, ", self.at(thousandths))?;
        }
        let (most, late, all) = (self.at(1000), self.late(), self.0.len());
        write!(f, "at most {most:?}; {late} of {all} after {TOLERANCE:?}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_workers_go_on_as_themselves() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "stops", &WORKERS).await;
    let before = supervision.children();
    let mut events = system.events();
    let work = Work::begin(&system);
    for number in 0..faults() {
        let name = WORKERS[number as usize % WORKERS.len()];
        let echo = system.lookup::<Echo>(name).expect("it never ends");
        let pid = echo.ask(Echo::Pid, PATIENCE).await.expect("it answers");
        signal(pid, Signal::STOP);
        tokio::time::sleep(Duration::from_millis(number % 7 * 3)).await;
        signal(pid, Signal::CONT);
    }
    // One stands still for long enough to be reported.
    let echo = system.lookup::<Echo>("one").expect("it never ends");
    let pid = echo.ask(Echo::Pid, PATIENCE).await.expect("it answers");
    signal(pid, Signal::STOP);
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("it is reported");
        match event {
            Some(Event::Unresponsive(node)) if node == echo.id().node() => break,
            Some(Event::NodeEnded { .. }) => panic!("nobody has ended"),
            _ => {}
        }
    }
    signal(pid, Signal::CONT);
    work.end().await;
    assert_eq!(supervision.children(), before, "nobody was taken for dead");
    end(scratch, system, supervision).await;
}
