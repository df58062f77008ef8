//! Empty tasks in a cluster of processes: a manager, two workers, and this one as the client.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barewire::cluster::transport::udp::UdpOptions;
#[cfg(feature = "zenoh")]
use barewire::cluster::transport::zenoh::{ZenohOptions, ZenohScouting};
use barewire::cluster::{Context, Durability, Failure, Method, Node, Pending, Role, Task};
use serde_json::json;

use crate::actor::Trips;
use crate::stats::{Spread, median_by};
use crate::{Outcome, machine};

/// Tells a process of this bench which node it is: role, way, cluster, the manager's log.
const ROLE: &str = "BAREWIRE_BENCH_CLUSTER";
const EMPTY: Task<u8, u8> = Task::new("empty");
const WORKERS: usize = 2;
const SOON: Duration = Duration::from_secs(10);

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Each row once, and for a shorter time.
    #[arg(long)]
    quick: bool,
    /// Writes the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose name contains this.
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
}

/// How long a row is measured.
#[derive(Clone, Copy)]
struct Length {
    tasks: usize,
    trips: usize,
}

struct Found {
    tasks_per_s: f64,
    trip: Spread,
}

/// Row, way, what an accepted task survives.
const ROWS: &[(&str, &str, Durability)] = &[
    ("cluster/task/shm", "shm", Durability::Process),
    ("cluster/task/shm/synced", "shm", Durability::Machine),
    ("cluster/task/pipe", "pipe", Durability::Process),
    ("cluster/task/udp", "udp", Durability::Process),
    ("cluster/task/zenoh", "zenoh", Durability::Process),
];

fn method(way: &str) -> Outcome<Method> {
    match way {
        "shm" => Ok(Method::memory()),
        "pipe" => Ok(Method::pipe()),
        "udp" => Ok(Method::Udp(UdpOptions {
            // Nobody else is to hear it.
            interface: Ipv4Addr::LOCALHOST,
            ..UdpOptions::default()
        })),
        #[cfg(feature = "zenoh")]
        "zenoh" => Ok(Method::Zenoh(zenoh_options())),
        #[cfg(not(feature = "zenoh"))]
        "zenoh" => Err("not built; `--features zenoh` does that, in some minutes".into()),
        other => Err(format!("no way between nodes is called {other}").into()),
    }
}

/// Peers that nobody else hears.
#[cfg(feature = "zenoh")]
fn zenoh_options() -> ZenohOptions {
    let scouting = ZenohScouting {
        address: Ipv4Addr::new(239, 255, 66, 88),
        interface: Some("127.0.0.1".to_owned()),
        ..ZenohScouting::default()
    };
    let none: [&str; 0] = [];
    ZenohOptions { scouting: Some(scouting), ..ZenohOptions::peers(["tcp/127.0.0.1:0"], none) }
}

/// Becomes the node that this process was started to be.
pub(crate) fn become_node() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let done = run_node(&role);
    if let Err(error) = &done {
        eprintln!("{role}: {error}");
    }
    std::process::exit(i32::from(done.is_err()));
}

fn run_node(role: &str) -> Outcome<()> {
    let parts: Vec<&str> = role.split(' ').collect();
    let &[role, way, cluster, durability, log] = parts.as_slice() else {
        return Err("a node needs role, way, cluster, durability and log".into());
    };
    let builder = |role, name: &str| {
        Ok::<_, Box<dyn std::error::Error>>(Node::builder(cluster, role, name).method(method(way)?))
    };
    let node = if role == "manager" {
        let durability =
            if durability == "machine" { Durability::Machine } else { Durability::Process };
        builder(Role::Manager, "manager")?.log(log).durability(durability).start()?
    } else {
        builder(Role::Worker, role)?
            .parallel(1)
            .credits(2048)
            .task(EMPTY, |number, _: &Context| Ok::<u8, Failure>(number))
            .start()?
    };
    // The parent's end of the pipe closes when it ends, however it does.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    Ok(node.wait()?)
}

/// Processes that end with this one, or with the row.
struct Nodes(Vec<Child>, PathBuf);

impl Nodes {
    /// Waits until all have ended of themselves, but not for ever.
    fn wait(&mut self) -> Outcome<()> {
        let begun = Instant::now();
        for child in &mut self.0 {
            while child.try_wait()?.is_none() && begun.elapsed() < SOON {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.1);
    }
}

fn measure(way: &str, durability: Durability, length: Length) -> Outcome<Found> {
    // If the way is not there, no process needs to find that out.
    let ours = method(way)?;
    let cluster = format!("bench-{way}-{}", std::process::id());
    // On a disk, as a log would be, and not on tmpfs.
    let folder = std::env::current_dir()?.join("target").join(&cluster);
    let log = folder.join("manager.log");
    let survives = if durability == Durability::Machine { "machine" } else { "process" };
    let start = |role: &str| {
        let program = std::env::current_exe()?;
        let role = format!("{role} {way} {cluster} {survives} {}", log.display());
        Command::new(program).env(ROLE, role).stdin(Stdio::piped()).spawn()
    };
    let mut nodes = Nodes(vec![start("manager")?], folder.clone());
    for number in 0..WORKERS {
        nodes.0.push(start(&format!("worker-{number}"))?);
    }
    let client = Node::builder(&cluster, Role::Client, "client").method(ours).start()?;
    let empty = client.tasks(EMPTY, SOON)?;
    let begun = Instant::now();
    let workers = || client.known().iter().filter(|node| node.role == Role::Worker).count();
    while workers() < WORKERS {
        if begun.elapsed() > SOON {
            return Err("the workers have not come".into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let submit = |tasks: usize| -> Outcome<()> {
        let pending: Vec<Pending<u8>> =
            (0..tasks).map(|number| empty.submit(&(number as u8))).collect();
        for (number, one) in pending.iter().enumerate() {
            if one.wait()? != number as u8 {
                return Err("a task has the response of another".into());
            }
        }
        Ok(())
    };
    submit(length.tasks / 10)?;
    let begun = Instant::now();
    submit(length.tasks)?;
    let tasks_per_s = length.tasks as f64 / begun.elapsed().as_secs_f64();
    let mut trips = Trips::new(length.trips);
    while !trips.is_full() {
        trips.begin();
        empty.submit(&1).wait()?;
        trips.end();
    }
    // Whoever ends of itself leaves nothing behind.
    client.shut_cluster_down()?;
    nodes.wait()?;
    Ok(Found { tasks_per_s, trip: trips.spread()? })
}

/// Measures all rows and prints them.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let (times, length) = if options.quick {
        (1, Length { tasks: 300_000, trips: 2_000 })
    } else {
        (5, Length { tasks: 1_000_000, trips: 10_000 })
    };
    println!("{}, {} cores\n", machine::name(), machine::cores()?.len());
    let mut figures = Vec::new();
    for (row, way, durability) in ROWS {
        if options.only.as_ref().is_some_and(|only| !row.contains(only)) {
            continue;
        }
        let all: Outcome<Vec<Found>> =
            (0..times).map(|_| measure(way, *durability, length)).collect();
        match all.map(|all| median_by(all, |found| found.tasks_per_s)) {
            Ok(Some(Found { tasks_per_s, trip })) => {
                let [p50, p99] = [trip.p50_ns, trip.p99_ns].map(|ns| ns / 1e3);
                println!("{row:26} {tasks_per_s:10.0} tasks/s, {p50:8.1} µs, p99 {p99:.1}");
                figures.push(json!({ "row": row, "tasks_per_s": tasks_per_s, "spread": trip }));
            }
            Ok(None) => {}
            Err(error) => println!("{row:26} left out: {error}"),
        }
    }
    if let Some(path) = &options.json {
        let document = json!({ "machine": machine::name(), "figures": figures });
        std::fs::write(path, serde_json::to_string_pretty(&document)?)?;
    }
    Ok(())
}
