//! Worker processes as children: what is started again with which, and what outlives nobody.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use barewire_actor::{
    ActorRef, ActorSystem, AskError, Cause, News, Strategy, Supervision, Supervisor, WorkerProcess,
};
use rustix::process::{PidfdFlags, Signal, pidfd_open};

use crate::plain::{begin, begin_as, end};
use crate::scratch::{Scratch, pid, signal, worker};
use crate::support::{PATIENCE, SECOND};
use crate::worker::Echo;

const THREE: [&str; 3] = ["one", "two", "three"];

/// Kills the second of three; what is told of the children until the last of them runs again.
async fn kill_the_second(name: &str, strategy: Strategy) -> (Vec<String>, [bool; 3]) {
    let scratch = Scratch::new();
    let (system, supervision) = begin_as(&scratch, name, strategy, &THREE).await;
    let lives = THREE.map(|child| supervision.child(child).expect("it runs"));
    let two: ActorRef<Echo> = system.lookup("two").expect("it is there");
    let process = two.ask(Echo::Pid, SECOND).await.expect("it answers");
    let mut news = supervision.news();
    signal(process, Signal::KILL);
    let last = if strategy == Strategy::OneForOne { "two" } else { "three" };
    let mut told = Vec::new();
    loop {
        let next = tokio::time::timeout(PATIENCE, news.recv()).await.expect("it is told");
        match next.expect("nothing is missed") {
            News::Ended { child, .. } => told.push(format!("{child} ended")),
            News::Started { child, .. } => {
                told.push(format!("{child} started"));
                if child == last {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    for child in THREE {
        let echo: ActorRef<Echo> = system.lookup(child).expect("it has its name");
        echo.ask(Echo::Pid, SECOND).await.expect("it answers");
    }
    let same = [0, 1, 2].map(|index| supervision.child(THREE[index]) == Some(lives[index]));
    end(scratch, system, supervision).await;
    (told, same)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_strategy_starts_its_own_processes_again_in_order() {
    let (told, same) = kill_the_second("one-for-one", Strategy::OneForOne).await;
    assert_eq!((told, same), (texts(&["two ended", "two started"]), [true, false, true]));

    let (told, same) = kill_the_second("rest-for-one", Strategy::RestForOne).await;
    let wanted = ["two ended", "three ended", "two started", "three started"];
    assert_eq!((told, same), (texts(&wanted), [true, false, false]));

    let (told, same) = kill_the_second("one-for-all", Strategy::OneForAll).await;
    let ends = ["two ended", "three ended", "one ended"];
    let wanted = texts(&[&ends[..], &["one started", "two started", "three started"]].concat());
    assert_eq!((told, same), (wanted, [false; 3]));
}

async fn supervise(scratch: &Scratch, child: WorkerProcess) -> (ActorSystem, Supervision) {
    let system = ActorSystem::builder("supervised")
        .directory(scratch.path())
        .heartbeat(Duration::from_millis(20))
        .liveness(Duration::from_millis(200))
        .start()
        .expect("shared memory can be made");
    let supervisor = Supervisor::new(Strategy::OneForOne).process("one", child);
    let supervision = supervisor.start(&system).await.expect("the worker starts");
    (system, supervision)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unresponsive_worker_is_started_again_if_that_is_wanted() {
    let scratch = Scratch::new();
    let (system, supervision) = supervise(&scratch, worker("one").kill_unresponsive()).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    let process = one.ask(Echo::Pid, SECOND).await.expect("it answers");
    let watch = system.watch(one.id());
    signal(process, Signal::STOP);
    assert_eq!(watch.await.cause, Cause::Signalled { signal: 9 });
    let again = system.lookup_within::<Echo>("one", PATIENCE).await.expect("it comes back");
    assert_ne!(again.ask(Echo::Pid, PATIENCE).await.expect("it answers"), process);
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_does_not_stop_is_killed() {
    let scratch = Scratch::new();
    let patience = Duration::from_millis(200);
    let (system, supervision) = supervise(&scratch, worker("one").stop_timeout(patience)).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    one.ask(Echo::Pid, SECOND).await.expect("it answers");
    one.tell(Echo::Block { millis: 60_000 }).await.expect("it lives");
    // What is asked after it is not answered any more: by then it blocks, and a stop, which passes
    // other messages, comes too late to pass it.
    assert_eq!(one.ask(Echo::Pid, SECOND).await, Err(AskError::TimedOut));
    let watch = system.watch(one.id());
    tokio::time::timeout(PATIENCE, supervision.stop()).await.expect("it is stopped");
    assert_eq!(watch.await.cause, Cause::Signalled { signal: 9 });
    end(scratch, system, supervision).await;
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

const PARENT: &str = "BAREWIRE_TEST_PARENT_IN";

/// This program as a parent of two workers, in the directory that it is told; false if it is not.
pub(crate) fn run_if_parent() -> bool {
    let Some(directory) = std::env::var_os(PARENT) else { return false };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let system = ActorSystem::builder("orphans").directory(directory).start();
        let system = system.expect("shared memory can be made");
        let supervisor = Supervisor::new(Strategy::OneForOne)
            .process("one", worker("one"))
            .process("two", worker("two"));
        let _supervision = supervisor.start(&system).await.expect("the workers start");
        for name in ["one", "two"] {
            let echo: ActorRef<Echo> = system.lookup(name).expect("it is there");
            println!("pid {}", echo.ask(Echo::Pid, SECOND).await.expect("it answers"));
        }
        std::future::pending::<()>().await;
    });
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_of_a_killed_parent_are_gone_and_so_is_what_they_had() {
    let scratch = Scratch::new();
    let program = std::env::current_exe().expect("this program has a path");
    let mut parent = Command::new(program)
        .args(["worker", "--exact", "--nocapture", "--test-threads=1"])
        .env(PARENT, scratch.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let lines = BufReader::new(parent.stdout.take().expect("it is piped")).lines();
    let pids = lines.map_while(Result::ok).filter_map(|line| {
        let (_, number) = line.split_once("pid ")?;
        number.trim().parse::<u64>().ok()
    });
    let children: Vec<_> = pids
        .take(2)
        .map(|child| pidfd_open(pid(child), PidfdFlags::empty()).expect("it lives"))
        .collect();
    assert_eq!(children.len(), 2);
    parent.kill().expect("a child can be killed");
    parent.wait().expect("a child can be waited for");
    for child in &children {
        let mut files = [rustix::event::PollFd::new(child, rustix::event::PollFlags::IN)];
        let patience = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
        let ended = rustix::event::poll(&mut files, Some(&patience)).expect("it can be waited for");
        assert_eq!(ended, 1, "a child outlives its parent");
    }
    assert!(!scratch.files().is_empty(), "nobody had the time to clean up");
    // The next one of that name does it, and finds nobody.
    let (system, supervision) = begin(&scratch, "orphans", &["one"]).await;
    assert_eq!(system.members::<Echo>("echoes").expect("readable").len(), 1);
    end(scratch, system, supervision).await;
}
