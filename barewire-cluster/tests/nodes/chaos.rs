//! Many tasks, while workers are killed, stopped and continued, and the manager is killed thrice.

use std::time::{Duration, Instant};

use barewire_cluster::{Pending, Role, results_in_log};

use crate::process::{DOUBLE, Place, Process, builder};

/// Numbers that follow from a seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

const WORKERS: usize = 3;
/// How often the manager is killed.
const MANAGERS: usize = 3;

struct Worker {
    process: Process,
    continues: Option<Instant>,
}

/// As many tasks as the variable says, or so many.
fn tasks_or(usual: u64) -> u64 {
    let given = std::env::var("BAREWIRE_CLUSTER_TASKS").ok();
    given.and_then(|tasks| tasks.parse().ok()).unwrap_or(usual)
}

fn chaos(way: &str, tasks: u64) {
    let place = Place::new(way);
    let mut random = Random(0x5eed_1234_5678);
    let mut manager = Process::start(&place, way, "manager");
    let start = || Worker { process: Process::start(&place, way, "worker"), continues: None };
    let mut workers: Vec<Worker> = (0..WORKERS).map(|_| start()).collect();
    let client = builder(place.path(), way, Role::Client, "client").start().expect("a client");
    let doubles = client.tasks(DOUBLE, Duration::from_secs(20)).expect("there is a manager");
    let begun = Instant::now();
    let pending: Vec<Pending<u64>> = (0..tasks).map(|number| doubles.submit(&number)).collect();
    let (mut kills, mut stops, mut managers) = (0, 0, 0);
    loop {
        let ended = pending.iter().filter(|one| one.is_ended()).count();
        if ended == pending.len() && managers == MANAGERS {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(240), "{ended} of {tasks} ended in time");
        std::thread::sleep(Duration::from_millis(40 + random.below(80)));
        if managers < MANAGERS && ended * (MANAGERS + 1) >= (managers + 1) * pending.len() {
            manager.kill();
            std::thread::sleep(Duration::from_millis(random.below(200)));
            manager = Process::start(&place, way, "manager");
            managers += 1;
        }
        let worker = &mut workers[random.below(WORKERS as u64) as usize];
        match random.below(3) {
            0 => {
                *worker = start();
                kills += 1;
            }
            1 if worker.continues.is_none() => {
                worker.process.signal(libc::SIGSTOP);
                let pause = Duration::from_millis(100 + random.below(1200));
                worker.continues = Some(Instant::now() + pause);
                stops += 1;
            }
            _ => {}
        }
        for worker in &mut workers {
            if worker.continues.is_some_and(|time| time <= Instant::now()) {
                worker.process.signal(libc::SIGCONT);
                worker.continues = None;
            }
        }
    }
    for (number, one) in pending.iter().enumerate() {
        assert_eq!(one.wait(), Ok(number as u64 * 2), "task {number}");
    }
    let results = results_in_log(&place.log()).expect("the log is there");
    assert_eq!(results.len(), pending.len(), "each task has a result");
    assert!(results.values().all(|times| *times == 1), "and none has two");
    println!(
        "{way}: {tasks} tasks in {:.1} s, {kills} workers and {managers} managers killed, {stops} \
         stops",
        begun.elapsed().as_secs_f32()
    );
    assert!(kills > 0 && stops > 0, "something has gone wrong");
}

#[test]
fn every_task_has_one_result_over_shared_memory() {
    chaos("memory", tasks_or(10_000));
}

#[test]
fn every_task_has_one_result_over_pipes() {
    chaos("pipe", tasks_or(3000));
}

#[test]
fn every_task_has_one_result_over_udp() {
    chaos("udp", tasks_or(3000));
}

#[cfg(feature = "zenoh")]
#[test]
fn every_task_has_one_result_over_zenoh() {
    chaos("zenoh", tasks_or(3000));
}

#[cfg(feature = "zenoh")]
#[test]
fn every_task_has_one_result_over_zenoh_through_the_manager() {
    chaos("zenoh-router", tasks_or(3000));
}
