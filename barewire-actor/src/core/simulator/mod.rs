//! Many nodes, one seed: what happens, and a history that is checked.
//!
//! The seed decides everything: what the nodes do, what becomes of each packet, who is killed or
//! stands still and when. `BAREWIRE_SEED=n cargo test -p barewire-actor one_seed` runs one again.

mod history;
mod world;

use history::History;
use world::World;

/// How many seeds an ordinary test run takes.
const SEEDS: u64 = 10_000;

fn run(seed: u64) -> (History, Result<(), String>) {
    let mut world = World::new(seed);
    world.run();
    let verdict = world.history.check();
    (world.history, verdict)
}

fn check(seed: u64) {
    if let (_, Err(fault)) = run(seed) {
        panic!("seed {seed}: {fault} (BAREWIRE_SEED={seed} runs it again)");
    }
}

#[test]
fn no_seed_finds_a_lost_watch_a_double_or_a_stranger() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        for first in 0..threads {
            let work = move || (first..SEEDS).step_by(threads as usize).for_each(check);
            scope.spawn(work);
        }
    });
}

#[test]
fn one_seed() {
    let seed = std::env::var("BAREWIRE_SEED").ok().and_then(|seed| seed.parse().ok());
    check(seed.unwrap_or(42));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..50 {
        assert_eq!(run(seed).0.digest(), run(seed).0.digest(), "seed {seed}");
    }
    assert_ne!(run(1).0.digest(), run(2).0.digest());
}

#[test]
fn the_seeds_reach_every_kind_of_fault() {
    let mut total = history::Tally::default();
    for seed in 0..300 {
        total.add(&run(seed).0.tally);
    }
    let all = [
        total.told,
        total.dropped,
        total.doubled,
        total.killed,
        total.paused,
        total.answered,
        total.expired,
        total.overtaken,
        total.unresponsive,
        total.quarantined,
        total.signals,
    ];
    assert!(all.iter().all(|count| *count > 20), "something is hardly tried: {total:?}");
}

/// A checker that accepts everything would prove nothing.
#[test]
fn the_checker_sees_each_fault() {
    let faults: [fn(&mut History); 4] = [
        |history| history.forget_a_told_watch(),
        |history| history.tell_a_watch_twice(),
        |history| history.swap_two_messages(),
        |history| history.end_an_ask_late(),
    ];
    for (number, spoil) in faults.into_iter().enumerate() {
        let mut seen = false;
        for seed in 0..200 {
            let (mut history, verdict) = run(seed);
            verdict.expect("the run itself is whole");
            spoil(&mut history);
            seen |= history.check().is_err();
        }
        assert!(seen, "fault {number} was never noticed");
    }
}
