//! What a queue at full speed loses while a tool looks at it.
//!
//! ```text
//! cargo test --release -p barewire-cli --test tools -- --ignored --nocapture cost
//! ```
//!
//! The producer and the consumer are pinned to a processor each and never rest. So on a machine
//! with two, the tool takes its time from one of them, too.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use barewire::inspect::{Contents, Inspected};
use barewire::segment::Directory;
use barewire::{MessageQueue, Wait};
use rustix::process::{Pid, Signal};

use crate::harness::{Scratch, argument, start_unready};

type Message = [u64; 8];
const NAME: &str = "fast";
/// How long each rate is taken, and how often.
const SPAN: Duration = Duration::from_millis(400);
const PAIRS: usize = 30;
/// How long a tool has to start before it is measured.
const START: Duration = Duration::from_millis(600);
/// The most that looking may cost.
const MOST: f64 = 0.05;

fn pin() {
    let mut set = rustix::thread::CpuSet::new();
    set.set(argument().parse().expect("a number"));
    rustix::thread::sched_setaffinity(None, &set).expect("it may");
}

/// Puts messages in as fast as it can.
pub(crate) fn fill() {
    pin();
    let queue = MessageQueue::<Message>::builder(NAME).capacity(1024).wait(Wait::Spin).create();
    let queue = queue.expect("a new queue");
    println!("ready");
    for number in 0.. {
        queue.enqueue(&[number; 8]).expect("it is there");
    }
}

/// Takes messages out as fast as it can.
pub(crate) fn empty() {
    pin();
    let queue = MessageQueue::<Message>::builder(NAME).wait(Wait::Spin).open();
    let queue = queue.expect("it is there");
    println!("ready");
    static SUM: AtomicU64 = AtomicU64::new(0);
    loop {
        let message = queue.dequeue().expect("it is there");
        SUM.fetch_add(message[7], Ordering::Relaxed);
    }
}

/// Messages a second, while nothing but the two processes and what was started runs.
fn rate(segment: &Inspected) -> f64 {
    let published = || match segment.contents() {
        Some(Contents::Queue(look)) => look.figures().published,
        _ => panic!("it is a queue"),
    };
    let (begun, first) = (Instant::now(), published());
    std::thread::sleep(SPAN);
    (published() - first) as f64 / begun.elapsed().as_secs_f64()
}

/// How long a process has had a processor so far.
fn processor_time(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/schedstat")).expect("it runs");
    let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[test]
#[ignore = "a measurement: for a quiet machine and a release build"]
fn cost_of_tap_and_top_on_a_queue_at_full_speed() {
    let scratch = Scratch::new("cost");
    let mut producer = start_unready("fill", &scratch, "0");
    producer.line("ready");
    let mut consumer = start_unready("empty", &scratch, "1");
    consumer.line("ready");
    let directory = Directory::at(scratch.segments()).expect("it is there");
    let segment = Inspected::open(&directory, NAME).expect("it is there");
    std::thread::sleep(Duration::from_millis(300));
    // `top` looks five times as often as it does if nothing is said.
    let tools: [&[&str]; 2] = [&["tap", NAME], &["top", "--json", "--interval", "0.2"]];
    let slower = tools.map(|arguments| cost_of(&scratch, &segment, arguments));
    for (arguments, slower) in tools.iter().zip(slower) {
        assert!(slower <= MOST, "{} costs {:.1} %", arguments[0], 100.0 * slower);
    }
}

/// By how much slower the queue is while a tool runs than while it is stopped, in turns.
fn cost_of(scratch: &Scratch, segment: &Inspected, arguments: &[&str]) -> f64 {
    let mut tool = scratch.command(arguments);
    let mut tool = tool.stdout(Stdio::null()).spawn().expect("the tool starts");
    let pid = Pid::from_child(&tool);
    let signal = |signal| rustix::process::kill_process(pid, signal).expect("it is ours");
    std::thread::sleep(START);
    signal(Signal::STOP);
    let (mut alone, mut ratios) = (vec![rate(segment)], Vec::new());
    let (mut used, mut time) = (Duration::ZERO, Duration::ZERO);
    for pair in 0..PAIRS {
        signal(Signal::CONT);
        let (before, begun) = (processor_time(tool.id()), Instant::now());
        let during = rate(segment);
        used += processor_time(tool.id()) - before;
        time += begun.elapsed();
        signal(Signal::STOP);
        let after = rate(segment);
        // Between two rates of the queue alone, so that what the machine does cancels out.
        ratios.push(during / ((alone[pair] + after) / 2.0));
        alone.push(after);
    }
    tool.kill().expect("it is ours");
    tool.wait().expect("it was ended");
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[PAIRS - 1]);
    let slower = 1.0 - median(ratios);
    println!(
        "{}: {:.2} M messages a second alone; {:.1} % slower (ratios {least:.2} to {most:.2}); the \
         tool has had {:.2} % of a processor",
        arguments[0],
        median(alone) / 1e6,
        100.0 * slower,
        100.0 * used.as_secs_f64() / time.as_secs_f64(),
    );
    slower
}
