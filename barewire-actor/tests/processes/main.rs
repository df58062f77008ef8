//! Actors of several processes: this program again as a worker.

mod faults;
mod floor;
mod gateway;
mod groups;
mod plain;
mod pressure;
#[path = "../../../tests/support/random.rs"]
mod random;
mod scratch;
mod supervised;
#[path = "../support/mod.rs"]
mod support;
mod traces;
mod worker;

/// Not a test of its own: what the workers run, and other processes that tests start.
#[test]
fn worker() {
    let _ = worker::run_if_worker() || supervised::run_if_parent() || gateway::run_if_far();
}
