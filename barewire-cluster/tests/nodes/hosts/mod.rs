//! Three hosts in a bad network: a partition, a pulled cable, a killed worker.

pub(crate) mod network;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use barewire_cluster::transport::udp::UdpOptions;
use barewire_cluster::{Method, Notice, Pending, Role, results_in_log};

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
        Times { parted: seconds(4), unplugged: seconds(4), healed: seconds(2) }
    }
}

/// By when a dead node must be noticed: the tests' nodes take 2 s of silence for death.
const NOTICED: Duration = Duration::from_secs(3);
/// By when all is well again.
const SOON: Duration = Duration::from_secs(60);
const SEED: u64 = 0x5eed_4057;

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
    let mut pending: Vec<Pending<u64>> = Vec::new();
    let mut submit_for = |time: Duration| {
        let until = Instant::now() + time;
        while Instant::now() < until {
            pending.push(doubles.submit(&(pending.len() as u64)));
            std::thread::sleep(Duration::from_millis(10));
        }
        pending.iter().filter(|one| one.is_ended()).count()
    };
    let before = submit_for(Duration::from_secs(2));
    assert!(before > 0, "tasks are done over a bad network");
    network.set_weather(Weather { island: BTreeSet::from([0]), ..bad.clone() });
    let parted = submit_for(times.parted);
    network.set_weather(bad.clone());
    let healed = submit_for(times.healed);
    network.plug(1, false);
    submit_for(times.unplugged);
    network.plug(1, true);
    submit_for(times.healed);

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
    let last = submit_for(Duration::from_millis(200));
    let ended = Instant::now();
    for (number, one) in pending.iter().enumerate() {
        let left = SOON.saturating_sub(ended.elapsed());
        assert_eq!(one.wait_timeout(left), Ok(number as u64 * 2), "task {number}");
    }
    let results = results_in_log(&place.log()).expect("the log is there");
    assert_eq!(results.len(), pending.len(), "each task has a result");
    assert!(results.values().all(|times| *times == 1), "and none has two");
    assert!(parted < healed && healed < last, "work goes on after a partition");
    println!(
        "{}: {} tasks in {:.1} s, parted for {:?}, unplugged for {:?}; a dead worker was noticed \
         after {noticed:.1?}; 5 % lost and up to 50 ms late, by a switch of the test's own",
        way(desk),
        pending.len(),
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
