//! What users see of nodes: types, deadlines, cancellation, draining, a second manager.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use barewire_cluster::{
    ClusterError, Context, Deadlines, Failure, Node, Notice, Retry, Role, Task, TaskError,
    TaskOptions,
};

use crate::process::{ABORT, DOUBLE, Place, Process, builder, double};

const SOON: Duration = Duration::from_secs(20);
const LENGTH: Task<String, u64> = Task::new("length");

fn manager(place: &Place) -> Node {
    builder(place.path(), "memory", Role::Manager, "boss")
        .log(place.log())
        .start()
        .expect("a manager")
}

fn client(place: &Place) -> Node {
    builder(place.path(), "memory", Role::Client, "desk").start().expect("a client")
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < SOON, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn another_type_under_the_same_name_is_an_error_that_says_how_it_differs() {
    const OTHER: Task<String, i32> = Task::new("length");
    let place = Place::new("types");
    let _manager = manager(&place);
    let worker = builder(place.path(), "memory", Role::Worker, "hand")
        .task(LENGTH, |text, _| Ok::<u64, Failure>(text.len() as u64))
        .start()
        .expect("a worker");
    worker.wait_ready(SOON).expect("it is the first");
    let client = client(&place);
    let error = client.tasks(OTHER, SOON).expect_err("another response");
    assert!(error.is_schema_mismatch(), "{error}");
    assert!(error.to_string().contains("u64 in the cluster, i32 here"), "{error}");
    let lengths = client.tasks(LENGTH, SOON).expect("the same types");
    assert_eq!(lengths.submit(&"four".to_owned()).wait(), Ok(4));
    let wrong = builder(place.path(), "memory", Role::Worker, "wrong")
        .task(OTHER, |_, _| Ok::<i32, Failure>(0))
        .start()
        .expect("it starts");
    let error = wrong.wait_ready(SOON).expect_err("another response");
    assert!(error.is_schema_mismatch(), "{error}");
}

#[test]
fn large_requests_and_responses_go_in_parts() {
    const TURN: Task<Vec<u8>, Vec<u8>> = Task::new("turn");
    let place = Place::new("large");
    let _manager = manager(&place);
    let _worker = builder(place.path(), "memory", Role::Worker, "hand")
        .task(TURN, |mut octets, _| {
            octets.reverse();
            Ok::<_, Failure>(octets)
        })
        .start()
        .expect("a worker");
    let client = client(&place);
    let turns = client.tasks(TURN, SOON).expect("a manager");
    let octets: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let turned = turns.submit(&octets).wait().expect("it is only large");
    assert!(turned.iter().eq(octets.iter().rev()));
}

#[test]
fn a_second_manager_is_refused_whether_it_has_the_log_or_another() {
    let place = Place::new("second");
    let first = manager(&place);
    let same = builder(place.path(), "memory", Role::Manager, "rival").log(place.log()).start();
    let error = same.expect_err("the log is taken");
    assert!(error.is_second_manager(), "{error}");
    let log = place.path().join("manager.other.log");
    let other = builder(place.path(), "memory", Role::Manager, "rival").log(log).start();
    let error = other.expect_err("the first one answers");
    assert!(error.is_second_manager() && error.to_string().contains("boss"), "{error}");
    assert!(first.ended().is_none());
}

#[test]
fn tasks_fail_are_tried_again_are_late_and_are_cancelled() {
    const TASK: Task<String, u64> = Task::new("trouble");
    let place = Place::new("trouble");
    let _manager = manager(&place);
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let run = move |what: String, context: &Context| match what.as_str() {
        "twice" if counted.fetch_add(1, Ordering::Relaxed) < 2 => Err(Failure::new("not yet")),
        "never" => Err(Failure::new("it cannot be done")),
        "at once" => Err(Failure::for_good("it is pointless")),
        "panic" => panic!("as it was asked to"),
        "sleep" => {
            context.progress(1, 2, "asleep");
            while !context.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(0)
        }
        _ => Ok(7),
    };
    let _worker = builder(place.path(), "memory", Role::Worker, "hand")
        .parallel(4)
        .task(TASK, run)
        .start()
        .expect("a worker");
    let client = client(&place);
    let tasks = client.tasks(TASK, SOON).expect("a manager");
    let options = TaskOptions {
        retry: Retry { first_ms: 1, longest_ms: 5, ..Retry::default() },
        ..TaskOptions::default()
    };
    let ask = |what: &str| tasks.submit_with(&what.to_owned(), options.clone());
    assert_eq!(ask("twice").wait(), Ok(7));
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    assert_eq!(ask("never").wait(), Err(TaskError::Failed("it cannot be done".to_owned())));
    let pointless = ask("at once");
    assert_eq!(pointless.wait(), Err(TaskError::Failed("it is pointless".to_owned())));
    assert_eq!(pointless.attempts(), 1);
    let panicked = ask("panic").wait().expect_err("it panics each time");
    assert!(panicked.to_string().contains("panicked: as it was asked to"), "{panicked}");

    let sleeps = ask("sleep");
    wait_for("progress", || sleeps.progress().is_some_and(|progress| progress.note == "asleep"));
    sleeps.cancel();
    assert_eq!(sleeps.wait(), Err(TaskError::Cancelled));

    let late = |deadlines| TaskOptions {
        deadlines,
        retry: Retry { attempts: 2, first_ms: 1, ..Retry::default() },
        ..TaskOptions::default()
    };
    let clocks = [
        Deadlines { start_to_close_ms: Some(50), ..Deadlines::default() },
        Deadlines { heartbeat_ms: Some(50), ..Deadlines::default() },
        Deadlines { schedule_to_close_ms: Some(50), ..Deadlines::default() },
    ];
    for clock in clocks {
        let error = tasks.submit_with(&"sleep".to_owned(), late(clock)).wait();
        assert!(matches!(error, Err(TaskError::Late(_))), "{clock:?}: {error:?}");
    }
    let start = Deadlines { schedule_to_start_ms: Some(50), ..Deadlines::default() };
    let nowhere = TaskOptions { labels: vec!["gpu".to_owned()], ..late(start) };
    let error = tasks.submit_with(&"sleep".to_owned(), nowhere).wait();
    assert_eq!(error, Err(TaskError::Late(barewire_cluster::Clock::ScheduleToStart)));
    assert_eq!(ask("well").wait(), Ok(7), "the threads are free again");
}

#[test]
fn a_key_is_done_once_and_a_label_finds_its_worker() {
    const WHO: Task<String, String> = Task::new("who");
    let place = Place::new("keys");
    let _manager = manager(&place);
    let runs = Arc::new(AtomicU32::new(0));
    let worker = |name: &'static str| {
        let runs = runs.clone();
        builder(place.path(), "memory", Role::Worker, name)
            .label(format!("is-{name}"))
            .task(WHO, move |_, _| {
                runs.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Failure>(name.to_owned())
            })
            .start()
            .expect("a worker")
    };
    let (_red, _blue) = (worker("red"), worker("blue"));
    let (one, other) = (client(&place), client(&place));
    let ones = one.tasks(WHO, SOON).expect("a manager");
    let others = other.tasks(WHO, SOON).expect("a manager");
    let first = ones.submit_once(42, &String::new(), None);
    let second = others.submit_once(42, &String::new(), None);
    let name = first.wait().expect("somebody");
    assert_eq!(second.wait(), Ok(name.clone()));
    assert_eq!(ones.submit_once(42, &String::new(), None).wait(), Ok(name));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    for name in ["red", "blue"] {
        let options = TaskOptions { labels: vec![format!("is-{name}")], ..TaskOptions::default() };
        let task = ones.submit_with(&String::new(), options);
        assert_eq!(task.wait(), Ok(name.to_owned()));
    }
}

#[test]
fn a_drained_worker_ends_its_tasks_and_goes_and_a_cluster_is_shut_down() {
    let place = Place::new("drain");
    let manager = manager(&place);
    let worker = builder(place.path(), "memory", Role::Worker, "hand")
        .parallel(1)
        .task(DOUBLE, double)
        .start()
        .expect("a worker");
    let client = client(&place);
    let notices = client.notices();
    let doubles = client.tasks(DOUBLE, SOON).expect("a manager");
    let first: Vec<_> = (0..4).map(|number| doubles.submit(&number)).collect();
    assert_eq!(first[0].wait(), Ok(0));
    client.drain(worker.incarnation()).expect("a client may");
    assert_eq!(worker.wait_timeout(SOON), Ok(()));
    let incarnation = worker.incarnation();
    drop(worker);
    let left = |notice: Notice| match notice {
        Notice::Left(node) | Notice::Dead(node) => node.incarnation == incarnation,
        _ => false,
    };
    assert!(notices.iter().any(left));
    let other = builder(place.path(), "memory", Role::Worker, "other")
        .task(DOUBLE, double)
        .start()
        .expect("a worker");
    other.wait_ready(SOON).expect("a manager");
    for (number, one) in first.iter().enumerate() {
        assert_eq!(one.wait(), Ok(number as u64 * 2));
    }
    assert_eq!(other.drain(incarnation), Err(ClusterError::WrongRole(Role::Client)));
    client.shut_cluster_down().expect("a client may");
    assert_eq!((manager.wait_timeout(SOON), other.wait_timeout(SOON)), (Ok(()), Ok(())));
    assert_eq!(client.wait_timeout(SOON), Ok(()));
    drop((manager, other, client));
    assert_eq!(place.files(), Vec::<String>::new(), "nothing is left behind");
}

#[test]
fn a_task_that_kills_its_workers_is_set_aside() {
    let place = Place::new("poison");
    let _manager = manager(&place);
    let client = client(&place);
    let mut worker = Process::start(&place, "memory", "worker");
    let aborts = client.tasks(ABORT, SOON).expect("a manager");
    let doubles = client.tasks(DOUBLE, SOON).expect("a manager");
    let poison = aborts.submit(&0);
    let harmless: Vec<_> = (0..20).map(|number| doubles.submit(&number)).collect();
    let mut ended = 0;
    wait_for("the verdict", || {
        if worker.has_ended() {
            ended += 1;
            worker = Process::start(&place, "memory", "worker");
        }
        poison.is_ended()
    });
    assert_eq!(poison.wait(), Err(TaskError::Poisoned { workers: 3 }));
    assert!((3..=4).contains(&ended), "{ended} workers have died");
    for (number, one) in harmless.iter().enumerate() {
        assert_eq!(one.wait(), Ok(number as u64 * 2));
    }
}

#[test]
fn a_killed_worker_is_known_to_be_dead_at_once_and_a_stopped_one_is_not() {
    let place = Place::new("verdicts");
    let _manager = manager(&place);
    let client = client(&place);
    let notices = client.notices();
    let worker = Process::start(&place, "memory", "worker");
    let named = |node: &barewire_cluster::KnownNode| node.role == Role::Worker;
    wait_for("the worker", || client.known().iter().any(named));
    worker.signal(libc::SIGSTOP);
    let silent = |notice: Notice| match notice {
        Notice::Unreachable(node) => named(&node),
        Notice::Dead(node) => panic!("{node:?} is only stopped"),
        _ => false,
    };
    assert!(notices.iter().any(silent));
    worker.signal(libc::SIGCONT);
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Reachable(node) if named(&node))));
    let killed = Instant::now();
    worker.kill();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Dead(node) if named(&node))));
    assert!(killed.elapsed() < Duration::from_secs(1), "after {:?}", killed.elapsed());
}
