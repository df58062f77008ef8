//! Actors of two processes whose actor systems share no memory, as on two machines.

pub(crate) mod far;

use std::time::{Duration, Instant};

use barewire_actor::{
    Actor, ActorRef, ActorSystem, AskError, Cause, Context, LookupError, Outcome, TellError,
};
use barewire_cluster::{Actors, Durability, Node, Role};
use barewire_runtime::codec::{decode, encode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::hosts::network::{Host, Network, Weather};
use crate::process::{Place, Process, builder};
use far::{ENDS, Echo, GREET, Report, Text};

const SOON: Duration = Duration::from_secs(20);
/// By when a dead node must be noticed: the tests' nodes take 1.5 s of silence for death, and 2 s
/// between hosts.
const NOTICED: Duration = Duration::from_secs(3);

struct Reporter(UnboundedSender<Report>);

impl Actor for Reporter {
    type Message = Report;

    async fn handle(&mut self, report: Report, _: &mut Context<Self>) -> Outcome {
        let _ = self.0.send(report);
        Ok(())
    }
}

fn reporter(system: &ActorSystem) -> (ActorRef<Report>, UnboundedReceiver<Report>) {
    let (sender, seen) = unbounded_channel();
    (system.spawn(Reporter(sender)), seen)
}

async fn next(seen: &mut UnboundedReceiver<Report>) -> Report {
    let next = tokio::time::timeout(SOON, seen.recv()).await;
    next.expect("it comes in time").expect("its actor lives")
}

/// This process, a client with actors; and the other one.
struct Machines {
    far: Process,
    actors: Actors,
    node: Node,
    place: Place,
}

impl Machines {
    fn start(way: &str) -> Self {
        let place = Place::new(&format!("actors-{way}"));
        let node = builder(place.path(), way, Role::Client, "near").start().expect("a client");
        let system = ActorSystem::builder("machines").directory(place.path().join("near"));
        let actors = node.actors(system).expect("shared memory can be made");
        let far = Process::start(&place, way, "far");
        Self { far, actors, node, place }
    }

    fn manager(&self, way: &str) -> Node {
        builder(self.place.path(), way, Role::Manager, "boss")
            .log(self.place.log())
            .durability(Durability::Process)
            .start()
            .expect("a manager")
    }

    async fn echo(&self, name: &str) -> ActorRef<Echo> {
        self.actors.lookup_within(name, SOON).await.expect("it was published")
    }

    async fn end(self) {
        let Self { actors, node, .. } = self;
        actors.system().shutdown().await;
        drop(actors);
        node.stop().expect("it goes on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_to_another_machine_are_in_order_and_of_every_size_and_references_travel() {
    let machines = Machines::start("udp");
    let echo = machines.echo("echo").await;
    assert_eq!(echo.ask(Echo::Pid, SOON).await, Ok(u64::from(machines.far.id())));

    // Whoever takes another schema is another one.
    assert!(decode::<ActorRef<Text>>(&encode(&echo)).is_err());
    let wrong = machines.actors.lookup::<Text>("echo");
    assert!(matches!(wrong, Err(LookupError::SchemaMismatch { .. })), "{wrong:?}");

    let sent = 5000;
    for number in 1..=sent {
        echo.tell(Echo::Note { number }).await.expect("it lives");
    }
    assert_eq!(echo.ask(Echo::Notes, SOON).await, Ok(sent));

    let mirror: ActorRef<Text> = machines.actors.lookup_within("mirror", SOON).await.expect("so");
    for octets in [0, 10, 1000, 10_000, 60_000] {
        let text = Text { text: "é".repeat(octets / 2) };
        assert_eq!(mirror.ask(text.clone(), SOON).await, Ok(text));
    }

    // A reference goes along with a task, and leads back.
    let manager = machines.manager("udp");
    let (report, mut seen) = reporter(machines.actors.system());
    let greetings = machines.node.tasks(GREET, SOON).expect("there is a manager");
    assert_eq!(greetings.submit(&report).wait_timeout(SOON), Ok(9));
    assert_eq!(next(&mut seen).await, Report::Number(9));

    let target = reporter(machines.actors.system()).0;
    echo.ask(Echo::Watch { actor: target.id(), report }, SOON).await.expect("it watches");
    target.kill();
    assert_eq!(next(&mut seen).await, Report::Ended { actor: target.id() });
    manager.stop().expect("it goes on");
    machines.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_holds_its_senders_back_and_nothing_else() {
    let machines = Machines::start("udp");
    let (slow, echo) = (machines.echo("slow").await, machines.echo("echo").await);
    slow.tell(Echo::Sleep { millis: 600_000 }).await.expect("it lives");
    let begun = Instant::now();
    let mut sent = 0;
    loop {
        match slow.try_tell(Echo::Note { number: sent + 1 }) {
            Ok(()) => sent += 1,
            Err(TellError::Full) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(begun.elapsed() < SOON, "{sent} messages fit into a mailbox of four");
    }
    let waits = tokio::time::timeout(Duration::from_millis(200), slow.tell(Echo::Pid)).await;
    assert!(waits.is_err(), "{waits:?}");
    // System messages and answers do not wait behind messages; those wait for each other.
    let end = machines.actors.system().watch(slow.id());
    let killed = Instant::now();
    slow.kill();
    let ended = tokio::time::timeout(SOON, end).await.expect("it is told");
    assert_eq!(ended.cause, Cause::Killed);
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    // Now there is room again.
    assert_eq!(echo.ask(Echo::Pid, SOON).await, Ok(u64::from(machines.far.id())));
    let unknown = loop {
        match machines.actors.lookup::<Echo>("slow") {
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => break error,
        }
        assert!(killed.elapsed() < SOON, "the name of an actor that has ended is left");
    };
    assert!(matches!(unknown, LookupError::Unknown { .. }), "{unknown}");
    machines.end().await;
}

async fn killed(way: &str, cause: Cause, noticed: Duration) {
    let machines = Machines::start(way);
    let echo = machines.echo("echo").await;
    assert_eq!(echo.ask(Echo::Pid, SOON).await, Ok(u64::from(machines.far.id())));
    let hanging = echo.ask(Echo::Hang, SOON);
    let watch = machines.actors.system().watch(echo.id());
    machines.far.signal(libc::SIGKILL);
    let begun = Instant::now();
    let ended = tokio::time::timeout(noticed, watch).await.expect("it is told in time");
    assert_eq!(ended.cause, cause, "{way}");
    assert_eq!(hanging.await, Err(AskError::Gone(cause.clone())), "{way}");
    assert_eq!(echo.try_tell(Echo::Pid), Err(TellError::Gone(cause.clone())), "{way}");
    println!("{way}: noticed after {:?}", begun.elapsed());
    let name = machines.actors.lookup::<Echo>("echo");
    assert!(matches!(name, Err(LookupError::Unknown { .. })), "{way}: {name:?}");
    // Whoever comes in its place is another one, and is found.
    let Machines { far, actors, node, place } = machines;
    drop(far);
    let far = Process::start(&place, way, "far");
    let again: ActorRef<Echo> = actors.lookup_within("echo", SOON).await.expect("it is there");
    assert_eq!(again.ask(Echo::Pid, SOON).await, Ok(u64::from(far.id())), "{way}");
    assert_eq!(echo.try_tell(Echo::Pid), Err(TellError::Gone(cause)), "{way}");
    Machines { far, actors, node, place }.end().await;
}

#[test]
fn over_a_bad_network_none_is_lost_and_a_pulled_cable_is_noticed() {
    let network = match Network::new(2, 0x5eed) {
        Ok(network) => network,
        Err(why) => {
            println!("SKIPPED: actors of two hosts: {why}");
            return;
        }
    };
    network.set_weather(Weather::bad());
    let place = Place::new("actors-hosts");
    let way = |host: &Host| format!("udp@{}", host.address);
    let (there, here) = (&network.hosts[0], &network.hosts[1]);
    let far = there.within(|| Process::start(&place, &way(there), "far"));
    let talk = async {
        let node = builder(place.path(), &way(here), Role::Client, "near").start();
        let node = node.expect("a client");
        let system = ActorSystem::builder("machines").directory(place.path().join("near"));
        let actors = node.actors(system).expect("shared memory can be made");
        let echo: ActorRef<Echo> = actors.lookup_within("echo", SOON).await.expect("it is there");
        let sent = 2000;
        for number in 1..=sent {
            echo.tell(Echo::Note { number }).await.expect("it lives");
        }
        assert_eq!(echo.ask(Echo::Notes, SOON).await, Ok(sent), "in order, and all of them");
        let (end, hanging) = (actors.system().watch(echo.id()), echo.ask(Echo::Hang, SOON));
        assert_eq!(echo.ask(Echo::Pid, SOON).await, Ok(u64::from(far.id())));
        network.plug(0, false);
        let ended = tokio::time::timeout(NOTICED, end).await.expect("it is told in time");
        assert_eq!(ended.cause, Cause::Unreachable);
        assert_eq!(hanging.await, Err(AskError::Gone(Cause::Unreachable)));
        actors.system().shutdown().await;
    };
    here.within(|| tokio::runtime::Runtime::new().expect("a runtime starts").block_on(talk));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_actors_of_a_silent_machine_are_gone_and_who_watches_them_is_told() {
    killed("udp", Cause::Unreachable, NOTICED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_kernel_tells_deaths_actors_are_gone_at_once() {
    killed("memory", Cause::ProcessEnded, Duration::from_secs(1)).await;
    killed("pipe", Cause::ProcessEnded, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_given_up_knows_it_and_tells_those_who_watch() {
    let machines = Machines::start("udp");
    let manager = machines.manager("udp");
    let ends = machines.node.tasks(ENDS, SOON).expect("there is a manager");
    let echo = machines.echo("echo").await;
    let (report, _seen) = reporter(machines.actors.system());
    let watch = Echo::Watch { actor: report.id(), report: report.clone() };
    echo.ask(watch, SOON).await.expect("it watches");
    let end = machines.actors.system().watch(echo.id());
    machines.far.signal(libc::SIGSTOP);
    let ended = tokio::time::timeout(NOTICED, end).await.expect("it is told in time");
    assert_eq!(ended.cause, Cause::Unreachable);
    machines.far.signal(libc::SIGCONT);
    // It does tasks again, as another incarnation; its actors have lost those of this one.
    let begun = Instant::now();
    while ends.submit(&0).wait_timeout(SOON) != Ok(1) {
        assert!(begun.elapsed() < SOON, "who was given up does not know it");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(echo.try_tell(Echo::Pid), Err(TellError::Gone(Cause::Unreachable)));
    manager.stop().expect("it goes on");
    machines.end().await;
}
