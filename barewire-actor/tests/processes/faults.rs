//! Workers are killed and stopped at random while work goes on.
//!
//! An ordinary run makes a few faults; `BAREWIRE_FAULTS=1000` makes so many of each kind, and wants
//! questions to end within 10 ms of their deadline, for which it needs a machine of its own:
//! `BAREWIRE_FAULTS=1000 cargo test --release -p barewire-actor --test processes faults`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use barewire_actor::{ActorRef, ActorSystem, AskError, Event, LookupError};

use crate::plain::{begin, end};
use crate::scratch::{Scratch, signal};
use crate::support::PATIENCE;
use crate::worker::Echo;

const WORKERS: [&str; 2] = ["one", "two"];
const DEADLINE: Duration = Duration::from_millis(100);

fn faults() -> u64 {
    let wanted = std::env::var("BAREWIRE_FAULTS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(25)
}

/// How long after its deadline a question may end; more where other work goes on beside the tests.
fn tolerance() -> Duration {
    let alone = std::env::var_os("BAREWIRE_FAULTS").is_some();
    Duration::from_millis(if alone { 10 } else { 60 })
}

#[derive(Default)]
struct Tally {
    told: AtomicU64,
    answered: AtomicU64,
    gone: AtomicU64,
    timed_out: AtomicU64,
    late: AtomicU64,
    latest_ns: AtomicU64,
    told_ends: AtomicU64,
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
            if took > DEADLINE + tolerance() {
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

fn begin_load(
    system: &ActorSystem,
) -> (Arc<AtomicBool>, Arc<Tally>, Vec<tokio::task::JoinHandle<()>>) {
    let (over, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
    let start = |(sender, name): (usize, &&'static str)| {
        let (over, tally) = (Arc::clone(&over), Arc::clone(&tally));
        tokio::spawn(load(system.clone(), name, sender as u64, over, tally))
    };
    let tasks = WORKERS.iter().enumerate().map(start).collect();
    (over, tally, tasks)
}

async fn end_load(over: &AtomicBool, tally: &Tally, tasks: Vec<tokio::task::JoinHandle<()>>) {
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no claim is broken");
    }
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    println!(
        "{} told, {} answered, {} gone, {} timed out, the longest question {:?}, {} too late",
        load(&tally.told),
        load(&tally.answered),
        load(&tally.gone),
        load(&tally.timed_out),
        Duration::from_nanos(load(&tally.latest_ns)),
        load(&tally.late),
    );
    assert!(load(&tally.answered) > 0, "the load does something");
    assert_eq!(load(&tally.late), 0, "every question ends by its deadline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_lose_nothing_but_what_they_held() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "kills", &WORKERS).await;
    let (over, tally, tasks) = begin_load(&system);
    let mut noticed = Vec::new();
    let mut seed = std::process::id();
    println!("seed {seed}");
    for number in 0..faults() {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let name = WORKERS[number as usize % WORKERS.len()];
        let echo = system.lookup_within::<Echo>(name, PATIENCE).await.expect("it comes back");
        let Ok(pid) = echo.ask(Echo::Pid, PATIENCE).await else { continue };
        let watches = [system.watch(echo.id()), system.watch(echo.id())];
        tokio::time::sleep(Duration::from_micros(u64::from(seed >> 20))).await;
        let killed = Instant::now();
        signal(pid, libc::SIGKILL);
        for watch in watches {
            let told = tokio::time::timeout(PATIENCE, watch).await.expect("every watcher is told");
            assert!(told.cause.is_process_end(), "{told:?}");
            tally.told_ends.fetch_add(1, Ordering::Relaxed);
        }
        noticed.push(killed.elapsed());
    }
    end_load(&over, &tally, tasks).await;
    noticed.sort();
    let slow = noticed.iter().filter(|time| **time > Duration::from_millis(10)).count();
    println!(
        "{} kills, noticed after {:?} in the middle, {:?} at most, {slow} after more than 10 ms",
        noticed.len(),
        noticed[noticed.len() / 2],
        noticed.last(),
    );
    // Most of it is the kernel's work of taking the process down; other tests run beside this one.
    assert!(noticed[noticed.len() / 2] < Duration::from_millis(40));
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_workers_go_on_as_themselves() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "stops", &WORKERS).await;
    let before = supervision.children();
    let mut events = system.events();
    let (over, tally, tasks) = begin_load(&system);
    for number in 0..faults() {
        let name = WORKERS[number as usize % WORKERS.len()];
        let echo = system.lookup::<Echo>(name).expect("it never ends");
        let pid = echo.ask(Echo::Pid, PATIENCE).await.expect("it answers");
        signal(pid, libc::SIGSTOP);
        tokio::time::sleep(Duration::from_millis(number % 7 * 3)).await;
        signal(pid, libc::SIGCONT);
    }
    // One stands still for long enough to be reported.
    let echo = system.lookup::<Echo>("one").expect("it never ends");
    let pid = echo.ask(Echo::Pid, PATIENCE).await.expect("it answers");
    signal(pid, libc::SIGSTOP);
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("it is reported");
        match event {
            Some(Event::Unresponsive(node)) if node == echo.id().node() => break,
            Some(Event::NodeEnded { .. }) => panic!("nobody has ended"),
            _ => {}
        }
    }
    signal(pid, libc::SIGCONT);
    end_load(&over, &tally, tasks).await;
    assert_eq!(supervision.children(), before, "nobody was taken for dead");
    end(scratch, system, supervision).await;
}
