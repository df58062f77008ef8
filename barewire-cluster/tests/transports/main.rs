//! What every transport does: one set of claims, and a line for each transport.

mod claims;
mod end;
mod garbage;
mod processes;
#[cfg(feature = "zenoh")]
mod shapes;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "zenoh-tests")]
mod tls;

use end::Way;

/// All claims, of one way.
fn holds(way: Way) {
    claims::frames_arrive_whole_up_to_the_largest_and_larger_ones_are_refused(way);
    claims::a_broadcast_reaches_all_and_a_stranger_none(way);
    claims::nobody_waits_for_one_who_does_not_read(way);
    claims::a_wake_ends_a_wait_also_one_that_comes_before_it(way);
    claims::an_end_that_is_closed_leaves_nothing_behind(way);
    processes::a_stopped_process_is_not_lost_and_a_killed_one_is_where_the_kernel_tells(way);
    processes::sending_to_a_stopped_process_and_closing_take_a_bounded_time(way);
    processes::opening_and_closing_leaves_no_descriptor(way);
    garbage::passes_or_is_dropped_and_frames_still_arrive(way);
}

#[test]
fn shared_memory() {
    holds(Way::Memory);
}

#[test]
fn named_pipes() {
    holds(Way::Pipe);
}

#[test]
fn udp() {
    holds(Way::Udp);
}

#[cfg(feature = "zenoh")]
#[test]
fn zenoh_between_peers() {
    holds(Way::Zenoh);
}

#[cfg(feature = "zenoh")]
#[test]
fn zenoh_through_a_router() {
    holds(Way::Routed);
}

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    processes::run_if_child();
}
