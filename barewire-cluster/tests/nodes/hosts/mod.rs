//! Three hosts in a bad network: a partition, a pulled cable, a killed worker.

pub(crate) mod network;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use barewire_cluster::transport::udp::UdpOptions;
use barewire_cluster::{Method, Notice, Pending, Role, Tasks, results_in_log};

use crate::process::{DOUBLE, Place, Process, builder};
use crate::support::udp;
use network::{Host, Network, Weather};

/// The way between hosts, for one of that address.
pub(crate) fn method(way: &str, address: &str, place: &Path, role: Role) -> Method {
    match way {
        "udp" => {
            let interface = address.parse().expect("an address");
            Method::Udp(UdpOptions { interface, ..udp(place) })
        }
        #[cfg(feature = "zenoh")]
        "zenoh" => {
            use barewire_cluster::transport::zenoh::ZenohOptions;
            // The manager's host is the first one.
            let boss = [format!("tcp/{}:{}", network::address(0), crate::process::port(place))];
            Method::Zenoh(match role {
                Role::Manager => ZenohOptions::router(boss),
                Role::Worker | Role::Client => ZenohOptions::client(boss),
            })
        }
        other => panic!("{other} is no way for a {role} that these tests know"),
    }
}

/// How long things are as they are.
struct Times {
    parted: Duration,
    unplugged: Duration,
    healed: Duration,
}

/// As `BAREWIRE_CLUSTER_HOSTS=full` says, or short.
fn times() -> Times {
    let full = std::env::var("BAREWIRE_CLUSTER_HOSTS").is_ok_and(|how| how == "full");
    let seconds = Duration::from_secs;
    if full {
        Times { parted: seconds(20), unplugged: seconds(12), healed: seconds(8) }
    } else {
        Times { parted: seconds(4), unplugged: seconds(5), healed: seconds(2) }
    }
}

/// By when a dead node must be noticed: the tests' nodes take 2 s of silence for death.
const NOTICED: Duration = Duration::from_secs(3);
/// By when work goes on: after a partition, and without those who are gone.
const GOES_ON: Duration = Duration::from_secs(8);
/// By when all is well again.
const SOON: Duration = Duration::from_secs(60);
const SEED: u64 = 0x5eed_4057;

/// What the client asks for, one after the other.
struct Work {
    doubles: Tasks<u64, u64>,
    pending: Vec<Pending<u64>>,
}

impl Work {
    fn submit(&mut self) {
        self.pending.push(self.doubles.submit(&(self.pending.len() as u64)));
        std::thread::sleep(Duration::from_millis(10));
    }

    fn ended(&self) -> usize {
        self.pending.iter().filter(|one| one.is_ended()).count()
    }

    fn submit_for(&mut self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time {
            self.submit();
        }
    }

    /// Asks for more until one more task has ended; how long that took.
    fn goes_on(&mut self, when: &str) -> Duration {
        let (begun, before) = (Instant::now(), self.ended());
        while self.ended() == before {
            assert!(begun.elapsed() < GOES_ON, "no task is done {when}");
            self.submit();
        }
        begun.elapsed()
    }
}

/// Each task has one result, whatever becomes of the network; over that transport.
fn hosts(way: &str) {
    let network = match Network::new(3, SEED) {
        Ok(network) => network,
        Err(why) => {
            println!("SKIPPED: three hosts over {way}: {why}");
            return;
        }
    };
    let (times, place) = (times(), Place::new(&format!("hosts-{way}")));
    let bad = Weather::bad();
    network.set_weather(bad.clone());
    let way = |host: &Host| format!("{way}@{}", host.address);
    let start = |host: usize, role| {
        let host = &network.hosts[host];
        host.within(|| Process::start(&place, &way(host), role))
    };
    let _manager = start(0, "manager");
    let _workers = [start(1, "worker"), start(2, "worker")];
    let victim = start(1, "worker");
    let desk = &network.hosts[2];
    let client = desk.within(|| builder(place.path(), &way(desk), Role::Client, "desk").start());
    let client = client.expect("a client");
    let notices = client.notices();
    let doubles = client.tasks(DOUBLE, SOON).expect("there is a manager");

    let begun = Instant::now();
    let mut work = Work { doubles, pending: Vec::new() };
    work.goes_on("over a bad network");
    work.submit_for(Duration::from_secs(2));
    network.set_weather(Weather { island: BTreeSet::from([0]), ..bad.clone() });
    work.submit_for(times.parted);
    network.set_weather(bad.clone());
    let together = work.goes_on("after a partition");
    work.submit_for(times.healed);
    network.plug(1, false);
    // Until it is known that its workers do nothing.
    work.submit_for(NOTICED);
    let without = work.goes_on("while a cable is out, by those whose cable is in");
    work.submit_for(times.unplugged.saturating_sub(NOTICED));
    network.plug(1, true);
    work.submit_for(times.healed);

    // A worker that is known is killed on another host.
    let name = format!("worker-{}", victim.id());
    let wait = Instant::now();
    while !client.known().iter().any(|node| node.name == name && node.reachable) {
        assert!(wait.elapsed() < SOON, "a worker is not heard again");
        std::thread::sleep(Duration::from_millis(10));
    }
    victim.kill();
    let killed = Instant::now();
    let noticed = loop {
        let left = NOTICED.saturating_sub(killed.elapsed());
        match notices.recv_timeout(left) {
            Ok(Notice::Dead(node)) if node.name == name => {
                // It may have had other lives before.
                if !client.known().iter().any(|node| node.name == name) {
                    break killed.elapsed();
                }
            }
            Ok(_) => {}
            Err(_) => panic!("a dead node is not noticed within {NOTICED:?}"),
        }
    };
    work.submit_for(Duration::from_millis(200));
    let ended = Instant::now();
    for (number, one) in work.pending.iter().enumerate() {
        let left = SOON.saturating_sub(ended.elapsed());
        assert_eq!(one.wait_timeout(left), Ok(number as u64 * 2), "task {number}");
    }
    let results = results_in_log(&place.log()).expect("the log is there");
    assert_eq!(results.len(), work.pending.len(), "each task has a result");
    assert!(results.values().all(|times| *times == 1), "and none has two");
    println!(
        "{}: {} tasks in {:.1} s, parted for {:?}, unplugged for {:?}; work went on {together:.1?} \
         after the partition, and {without:.1?} after {NOTICED:?} without a host; a dead worker \
         was noticed after {noticed:.1?}; 5 % lost and up to 50 ms late, by a switch of the \
         test's own",
        way(desk),
        work.pending.len(),
        begun.elapsed().as_secs_f32(),
        times.parted,
        times.unplugged,
    );
}

#[test]
fn three_hosts_keep_every_task_over_udp() {
    hosts("udp");
}

#[cfg(feature = "zenoh")]
#[test]
fn three_hosts_keep_every_task_over_zenoh() {
    hosts("zenoh");
}
