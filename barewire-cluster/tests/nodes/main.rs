//! Nodes in processes of their own, killed, stopped and continued; and nodes in this one.
//!
//! `BAREWIRE_CLUSTER_TASKS=10000` has each transport do as many tasks as shared memory does.
//! `BAREWIRE_CLUSTER_HOSTS=full` parts the three hosts, which are network namespaces, for 20 s and
//! not only for 4. Where namespaces cannot be made, that test says that it was skipped.

#[cfg(feature = "actor")]
mod actors;
mod chaos;
mod hostile;
mod hosts;
mod plain;
mod process;
#[path = "../support/mod.rs"]
mod support;

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    process::run_if_child();
}
