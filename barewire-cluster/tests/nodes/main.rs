//! Nodes in processes of their own, killed, stopped and continued; and nodes in this one.
//!
//! `BAREWIRE_CLUSTER_TASKS=10000` has each transport do as many tasks as shared memory does.

mod chaos;
mod hostile;
mod plain;
mod process;
#[path = "../support/mod.rs"]
mod support;

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    process::run_if_child();
}
