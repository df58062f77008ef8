//! What holds between processes, some of which are stopped or killed.

use std::time::{Duration, Instant};

use crate::end::{End, SOON, Turn, Way, ends, wait_until};
use crate::support::{self, Part, Place, Process, part};

/// Longer than any lease of the tests.
const STOPPED: Duration = Duration::from_millis(1500);
/// How long closing may take, whoever does not answer.
const CLOSED: Duration = Duration::from_secs(3);

pub(crate) fn a_stopped_process_is_not_lost_and_a_killed_one_is_where_the_kernel_tells(way: Way) {
    let place = Place::new("killed");
    let mut ends = ends(way, &place, 1);
    let one = &mut ends[0];
    let process = Process::start(&place, &way.name(), "greets");
    let other = *one.meet(1).first().expect("it was heard");

    process.signal(libc::SIGSTOP);
    let begun = Instant::now();
    while begun.elapsed() < STOPPED {
        one.receive(Duration::from_millis(10));
        one.heard();
    }
    assert!(one.lost.is_empty(), "{way:?}: a stopped process is not dead");
    process.signal(libc::SIGCONT);
    wait_until("the one that continues", || {
        one.receive(Duration::from_millis(10));
        one.heard().contains(&other)
    });

    process.kill();
    let begun = Instant::now();
    let tells = one.transport.tells_deaths();
    while !one.lost.contains(&other) && begun.elapsed() < if tells { SOON } else { STOPPED } {
        one.receive(Duration::from_millis(10));
    }
    assert_eq!(one.lost.contains(&other), tells, "{way:?}: only a fact is said");
    drop(ends);
    assert_eq!(place.files(), Vec::<String>::new(), "{way:?}");
}

pub(crate) fn sending_to_a_stopped_process_and_closing_take_a_bounded_time(way: Way) {
    let place = Place::new("stopped");
    let mut ends = ends(way, &place, 1);
    let one = &mut ends[0];
    let process = Process::start(&place, &way.name(), "greets");
    let other = *one.meet(1).first().expect("it was heard");
    process.signal(libc::SIGSTOP);
    let frame = one.frame(other, one.transport.largest_frame() - 20, 7);
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for _ in 0..5000 {
        let sent = Instant::now();
        one.transport.send(other, &frame).expect("it lives");
        longest = longest.max(sent.elapsed());
    }
    // Others may have the processor meanwhile; what waits for the network waits for the lease.
    assert!(longest < Duration::from_millis(400), "{way:?}: {longest:?}");
    assert!(begun.elapsed() < SOON, "{way:?}");
    let begun = Instant::now();
    drop(ends);
    assert!(begun.elapsed() < CLOSED, "{way:?}: {:?}", begun.elapsed());
    process.signal(libc::SIGCONT);
}

pub(crate) fn opening_and_closing_leaves_no_descriptor(way: Way) {
    let place = Place::new("descriptors");
    // A process of its own: others of this one open and close descriptors as well.
    let process = Process::start(&place, &way.name(), "counts");
    drop(process);
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("descriptors are listed").count()
}

/// Opens and closes, until the number of descriptors is what it was.
fn count(way: Way, place: &std::path::Path) {
    let turn = || drop(End::open(way, place, Turn::First));
    // What is made once and for all in a process.
    turn();
    let before = descriptors();
    for _ in 0..5 {
        turn();
    }
    wait_until("all descriptors are closed", || {
        std::thread::sleep(Duration::from_millis(10));
        descriptors() <= before
    });
}

/// What a child runs.
pub(crate) fn run_if_child() {
    let Some(Part { role, way, place }) = part() else { return };
    let way = Way::called(&way);
    if role == "counts" {
        count(way, &place);
        support::there();
        return;
    }
    let mut end = End::open(way, &place, Turn::Later);
    support::there();
    loop {
        end.greet();
        end.receive(Duration::from_millis(20));
        end.frames.clear();
    }
}
