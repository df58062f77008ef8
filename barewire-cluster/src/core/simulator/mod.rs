//! A whole cluster from one seed, and a checker of its history.
//!
//! The network loses, doubles, delays and parts; nodes are killed, also in the middle of a write to
//! the log, stopped and started again; clocks are wrong. Then there is peace, and all tasks must
//! have their results: each one accepted once, the right one, and delivered once.
//!
//! `BAREWIRE_CLUSTER_SEED=7 cargo test -p barewire-cluster simulator` runs one seed alone.

mod drains;
mod history;
mod mail;
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

#[derive(Default)]
struct Totals {
    asked: usize,
    restarts: u64,
    stale: u64,
    parcels: u64,
    partings: u64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        self.restarts += other.restarts;
        self.stale += other.stale;
        self.parcels += other.parcels;
        self.partings += other.partings;
    }
}

/// Runs one seed; what is wrong with it.
fn run(seed: u64, rule: Option<Rule>) -> Result<Totals, String> {
    let mut world = World::new(seed, rule);
    world.run();
    let faults = &world.history.faults;
    if faults.is_empty() {
        let asked = world.history.asked.len();
        let (parcels, partings) = (world.mail.arrived, world.mail.partings);
        return Ok(Totals {
            asked,
            restarts: world.restarts,
            stale: world.stale,
            parcels,
            partings,
        });
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
                let (mut sum, mut faults) = (Totals::default(), vec![]);
                for seed in (part..seeds()).step_by(threads as usize) {
                    match run(seed, None) {
                        Ok(totals) => sum.add(&totals),
                        Err(fault) => faults.push(fault),
                    }
                }
                (sum, faults)
            })
        })
        .collect();
    let mut faults = Vec::new();
    let mut sum = Totals::default();
    for part in parts {
        let (totals, found) = part.join().expect("no seed panics");
        faults.extend(found);
        sum.add(&totals);
    }
    let Totals { asked, restarts, stale, parcels, partings } = sum;
    println!(
        "{} seeds: {asked} tasks, {restarts} restarts, {stale} stale results, {parcels} parcels \
         between actors, {partings} partings",
        seeds()
    );
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
