//! Nodes of a test, in this process and in others.

use std::path::Path;
use std::time::Duration;

use barewire_cluster::{Context, Durability, Failure, Method, Node, NodeBuilder, Role, Task};

use crate::hosts;
use crate::support::{self, memory, part, pipe, udp};
pub(crate) use crate::support::{Place, Process, port};

/// Takes a moment, and doubles.
pub(crate) const DOUBLE: Task<u64, u64> = Task::new("double");
/// Ends its process.
pub(crate) const ABORT: Task<u64, u64> = Task::new("abort");

/// The way between nodes that a test is about.
pub(crate) fn method(name: &str, place: &Path, role: Role) -> Method {
    match name {
        "memory" => Method::Memory(memory(place)),
        "pipe" => Method::Pipe(pipe(place)),
        "udp" => Method::Udp(udp(place)),
        #[cfg(feature = "zenoh")]
        "zenoh" => Method::Zenoh(support::peer(place)),
        #[cfg(feature = "zenoh")]
        "zenoh-router" => Method::Zenoh(support::routed(place, role == Role::Manager)),
        other => match other.split_once('@') {
            Some((way, address)) => hosts::method(way, address, place, role),
            None => panic!("{other} is no way for a {role} that these tests know"),
        },
    }
}

pub(crate) fn builder(place: &Path, way: &str, role: Role, name: &str) -> NodeBuilder {
    // One cluster for each test.
    let cluster = place.file_name().expect("a name").to_string_lossy().into_owned();
    let builder = Node::builder(cluster, role, name).method(method(way, place, role));
    // A network between hosts is bad, and its nodes are more patient.
    let [heartbeat, unreachable, dead] =
        if way.contains('@') { [200, 800, 2000] } else { [100, 500, 1500] }
            .map(Duration::from_millis);
    builder.heartbeat(heartbeat).patience(unreachable, dead)
}

pub(crate) fn double(number: u64, _: &Context) -> Result<u64, Failure> {
    std::thread::sleep(Duration::from_micros(500 + number % 7 * 700));
    Ok(number * 2)
}

/// What a child runs.
pub(crate) fn run_if_child() {
    let Some(support::Part { role, way, place }) = part() else { return };
    #[cfg(feature = "actor")]
    if role == "far" {
        return crate::actors::far::run(&place, &way);
    }
    let name = format!("{role}-{}", std::process::id());
    let node = match role.as_str() {
        "manager" => builder(&place, &way, Role::Manager, &name)
            .log(place.join("manager.log"))
            .durability(Durability::Process)
            .start(),
        _ => builder(&place, &way, Role::Worker, &name)
            .parallel(2)
            .task(DOUBLE, double)
            .task(ABORT, |_, _: &Context| -> Result<u64, Failure> { std::process::abort() })
            .start(),
    };
    let node = node.unwrap_or_else(|error| panic!("{role}: {error}"));
    support::there();
    let how = node.wait();
    println!("{role}: {how:?}");
    std::process::exit(i32::from(how.is_err()));
}
