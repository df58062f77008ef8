//! What works between processes when nothing goes wrong, and what is told when something does.

use std::time::{Duration, Instant};

use barewire_actor::{
    Actor, ActorRef, ActorSystem, AskError, Cause, Context, Counters, Event, Identity, LookupError,
    Outcome, Strategy, Supervision, Supervisor, SystemError, TellError,
};
use rustix::process::Signal;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::scratch::{Scratch, signal, worker};
use crate::support::{PATIENCE, SECOND, Tally};
use crate::worker::{Echo, Report, Text};

pub(crate) async fn begin(
    scratch: &Scratch,
    name: &str,
    echoes: &[&str],
) -> (ActorSystem, Supervision) {
    begin_as(scratch, name, Strategy::OneForOne, echoes).await
}

pub(crate) async fn begin_as(
    scratch: &Scratch,
    name: &str,
    strategy: Strategy,
    echoes: &[&str],
) -> (ActorSystem, Supervision) {
    let system = ActorSystem::builder(name)
        .directory(scratch.path())
        .heartbeat(Duration::from_millis(20))
        .liveness(Duration::from_millis(300))
        .start()
        .expect("shared memory can be made");
    let mut supervisor = Supervisor::new(strategy).intensity(100_000, SECOND);
    for echo in echoes {
        supervisor = supervisor.process(*echo, worker(echo));
    }
    let supervision = supervisor.start(&system).await.expect("the workers start");
    (system, supervision)
}

pub(crate) async fn end(scratch: Scratch, system: ActorSystem, supervision: Supervision) {
    supervision.stop().await;
    system.shutdown().await;
    drop(system);
    let deadline = Instant::now() + PATIENCE;
    while !scratch.files().is_empty() {
        assert!(Instant::now() < deadline, "left behind: {:?}", scratch.files());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Reporter(UnboundedSender<Report>);

impl Actor for Reporter {
    type Message = Report;

    async fn handle(&mut self, report: Report, _: &mut Context<Self>) -> Outcome {
        let _ = self.0.send(report);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actors_of_other_processes_are_found_told_and_asked() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "found", &["one", "two"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    assert!(!one.is_local());
    let pid = one.ask(Echo::Pid, SECOND).await.expect("it answers");
    assert_ne!(pid, u64::from(std::process::id()));
    for number in 1..=20_000 {
        let note = Echo::Note { meant: one.id(), sender: 1, number };
        one.tell(note).await.expect("it lives");
    }
    assert_eq!(one.ask(Echo::Notes, PATIENCE).await, Ok(20_000));
    assert_eq!(one.ask(Echo::Hang, Duration::from_millis(50)).await, Err(AskError::TimedOut));
    let unanswered = one.ask(Echo::Watch { actor: one.id(), report: reporter(&system).0 }, SECOND);
    assert_eq!(unanswered.await, Ok(0));
    assert_eq!(system.members::<Echo>("echoes").expect("readable").len(), 2);
    let mismatch = system.lookup::<Tally>("one").unwrap_err();
    assert!(matches!(mismatch, LookupError::SchemaMismatch { .. }), "{mismatch}");
    let unknown = system.lookup::<Echo>("nobody").unwrap_err();
    assert!(matches!(unknown, LookupError::Unknown { .. }), "{unknown}");
    end(scratch, system, supervision).await;
}

pub(crate) fn reporter(
    system: &ActorSystem,
) -> (ActorRef<Report>, tokio::sync::mpsc::UnboundedReceiver<Report>) {
    let (sender, seen) = unbounded_channel();
    (system.spawn(Reporter(sender)), seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_travel_between_processes_and_messages_of_every_size() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "travel", &["one"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    let (report, mut seen) = reporter(&system);
    one.tell(Echo::Forward { to: report.clone(), number: 7 }).await.expect("it lives");
    assert_eq!(seen.recv().await, Some(Report::Number(7)));

    let measurer: ActorRef<Text> = system.lookup("measurer").expect("it is there");
    for octets in [0, 10, 1000, 60_000] {
        let text = "é".repeat(octets / 2);
        let length = measurer.ask(Text { text: text.clone() }, PATIENCE).await.expect("it fits");
        assert_eq!(length.octets, text.len() as u64);
        assert!(text.starts_with(&length.start));
    }
    let text = "x".repeat(70_000);
    let error = measurer.tell(Text { text }).await.unwrap_err();
    assert!(matches!(error, TellError::TooLarge(_)), "{error}");

    // One that watches from another process is told as well.
    let target = system.spawn(Reporter(unbounded_channel().0));
    one.ask(Echo::Watch { actor: target.id(), report }, SECOND).await.expect("it watches");
    target.kill();
    assert_eq!(seen.recv().await, Some(Report::Ended { actor: target.id() }));
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_gone_with_its_signal_and_started_again() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "killed", &["one"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    let pid = one.ask(Echo::Pid, SECOND).await.expect("it answers");
    let hanging = one.ask(Echo::Hang, PATIENCE);
    let watch = system.watch(one.id());
    let before = supervision.child("one");
    let killed = Instant::now();
    signal(pid, Signal::KILL);
    let cause = watch.await.cause;
    let noticed = killed.elapsed();
    assert_eq!(cause, Cause::Signalled { signal: 9 });
    assert!(noticed < Duration::from_millis(100), "noticed after {noticed:?}");
    assert_eq!(hanging.await, Err(AskError::Gone(cause.clone())));
    assert_eq!(one.try_tell(Echo::Pid), Err(TellError::Gone(cause)));
    let again = system.lookup_within::<Echo>("one", PATIENCE).await.expect("started again");
    assert_ne!(again.id(), one.id());
    assert_ne!(again.ask(Echo::Pid, PATIENCE).await.expect("it answers"), pid);
    assert_eq!(one.try_tell(Echo::Pid).map_err(|error| error.is_gone()), Err(true));
    assert_ne!(supervision.child("one"), before);
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_is_unresponsive_and_not_dead() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "stopped", &["one"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    let pid = one.ask(Echo::Pid, SECOND).await.expect("it answers");
    let mut events = system.events();
    let stopped = Instant::now();
    signal(pid, Signal::STOP);
    let unresponsive = Event::Unresponsive(one.id().node());
    assert_eq!(events.next().await, Some(unresponsive));
    assert!(stopped.elapsed() < Duration::from_millis(400), "{:?}", stopped.elapsed());
    let late = one.ask(Echo::Pid, Duration::from_millis(50)).await;
    assert_eq!(late, Err(AskError::TimedOut));
    signal(pid, Signal::CONT);
    assert_eq!(events.next().await, Some(Event::Responsive(one.id().node())));
    assert_eq!(one.ask(Echo::Pid, PATIENCE).await, Ok(pid));
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_whose_tasks_get_no_turn_is_unresponsive_as_well() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "blocked", &["one"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    let mut events = system.events();
    one.tell(Echo::Block { millis: 1500 }).await.expect("it lives");
    let event = tokio::time::timeout(PATIENCE, events.next()).await;
    assert_eq!(event, Ok(Some(Event::Unresponsive(one.id().node()))));
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_not_ready_in_time_is_killed() {
    let scratch = Scratch::new();
    let system = ActorSystem::builder("late").directory(scratch.path()).start();
    let system = system.expect("shared memory can be made");
    let late = worker("never ready").startup_timeout(Duration::from_millis(300));
    let supervisor = Supervisor::new(Strategy::OneForOne).process("late", late);
    let error = supervisor.start(&system).await.unwrap_err();
    assert!(matches!(&error, SystemError::Start(why) if why.contains("not ready")), "{error}");
    system.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_read_from_outside() {
    let scratch = Scratch::new();
    let (system, supervision) = begin(&scratch, "counted", &["one"]).await;
    let one: ActorRef<Echo> = system.lookup("one").expect("it is there");
    let pid = one.ask(Echo::Pid, SECOND).await.expect("it answers");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = Counters::read("counted", Some(scratch.path())).expect("the system is there");
        assert_eq!(all.len(), 2);
        let (_, of_worker) = all.iter().find(|(of, _)| *of as u64 == pid).expect("it is listed");
        if of_worker.handled == 1 && of_worker.actors == 2 {
            assert!(of_worker.deepest.iter().any(|actor| actor.name == "one"));
            break;
        }
        assert!(Instant::now() < deadline, "never shown: {of_worker:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Some(Identity::Process(node)) = supervision.child("one") else { panic!("a process") };
    assert_eq!(node, one.id().node());
    end(scratch, system, supervision).await;
}
