//! Actors of several processes: this program again as a worker.

mod faults;
mod plain;
mod scratch;
#[path = "../support/mod.rs"]
mod support;
mod worker;

/// Not a test of its own: what the workers run.
#[test]
fn worker() {
    worker::run_if_worker();
}
