//! A whole cluster from one seed, and a checker of its history.
//!
//! The network loses, doubles, delays and parts; nodes are killed, also in the middle of a write to
//! the log, stopped and started again; clocks are wrong. Then there is peace, and all tasks must
//! have their results: each one accepted once, the right one, and delivered once.
//!
//! `BAREWIRE_CLUSTER_SEED=7 cargo test -p barewire-cluster simulator` runs one seed alone.

mod history;
mod node;
mod world;

use super::manager::Rule;
use world::World;

const SEEDS: u64 = 20_000;
const VARIABLE: &str = "BAREWIRE_CLUSTER_SEED";

/// How many seeds to run; another number by `BAREWIRE_CLUSTER_SEEDS`.
fn seeds() -> u64 {
    let given = std::env::var("BAREWIRE_CLUSTER_SEEDS").ok();
    given.and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

struct Totals {
    asked: usize,
    restarts: u64,
    stale: u64,
}

/// Runs one seed; what is wrong with it.
fn run(seed: u64, rule: Option<Rule>) -> Result<Totals, String> {
    let mut world = World::new(seed, rule);
    world.run();
    let faults = &world.history.faults;
    if faults.is_empty() {
        let asked = world.history.asked.len();
        return Ok(Totals { asked, restarts: world.restarts, stale: world.stale });
    }
    let at = world.now / 1000;
    Err(format!("{VARIABLE}={seed}: after {at} ms: {}", faults.join("; ")))
}

#[test]
fn no_accepted_task_is_lost_and_no_result_accepted_twice() {
    if let Some(seed) = std::env::var(VARIABLE).ok().and_then(|seed| seed.parse().ok()) {
        run(seed, None).unwrap_or_else(|fault| panic!("{fault}"));
        return;
    }
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let parts: Vec<_> = (0..threads)
        .map(|part| {
            std::thread::spawn(move || {
                let (mut sum, mut faults) = (Totals { asked: 0, restarts: 0, stale: 0 }, vec![]);
                for seed in (part..seeds()).step_by(threads as usize) {
                    match run(seed, None) {
                        Ok(totals) => {
                            sum.asked += totals.asked;
                            sum.restarts += totals.restarts;
                            sum.stale += totals.stale;
                        }
                        Err(fault) => faults.push(fault),
                    }
                }
                (sum, faults)
            })
        })
        .collect();
    let mut faults = Vec::new();
    let (mut asked, mut restarts, mut stale) = (0, 0, 0);
    for part in parts {
        let (sum, found) = part.join().expect("no seed panics");
        faults.extend(found);
        asked += sum.asked;
        restarts += sum.restarts;
        stale += sum.stale;
    }
    println!("{} seeds: {asked} tasks, {restarts} restarts, {stale} stale results", seeds());
    assert!(
        faults.is_empty(),
        "{} seeds:\n{}",
        faults.len(),
        faults[..faults.len().min(9)].join("\n")
    );
    assert!(stale > 0, "no seed has made a result stale: the simulator is too kind");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..20 {
        let history = || {
            let mut world = World::new(seed, None);
            world.run();
            format!("{} {:?}", world.now, world.history)
        };
        assert_eq!(history(), history(), "seed {seed}");
    }
}

#[test]
fn the_checker_sees_when_a_rule_is_left_out() {
    for rule in [Rule::Epoch, Rule::Attempt, Rule::Known] {
        let seen = (0..SEEDS).find_map(|seed| run(seed, Some(rule)).err());
        let seen = seen.unwrap_or_else(|| panic!("no seed shows that {rule:?} is left out"));
        println!("without {rule:?}: {seen}");
    }
}
