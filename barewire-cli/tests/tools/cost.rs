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

use crate::harness::{Scratch, argument, start_unready};

type Message = [u64; 8];
const NAME: &str = "fast";
/// How long each rate is taken, and how often.
const SPAN: Duration = Duration::from_millis(1200);
const ROUNDS: usize = 7;
/// How long a tool has to start before it is measured.
const START: Duration = Duration::from_millis(500);
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
    let tools: [&[&str]; 2] = [&["tap", NAME], &["top", "--json"]];
    let mut ratios = [Vec::new(), Vec::new()];
    let mut alone = Vec::new();
    for _ in 0..ROUNDS {
        for (arguments, ratios) in tools.iter().zip(&mut ratios) {
            // Before and after, so that what the machine does by itself cancels out.
            let before = rate(&segment);
            let mut tool = scratch.command(arguments);
            let mut tool = tool.stdout(Stdio::null()).spawn().expect("the tool starts");
            std::thread::sleep(START);
            let during = rate(&segment);
            tool.kill().expect("it is ours");
            tool.wait().expect("it was ended");
            let after = rate(&segment);
            ratios.push(during / ((before + after) / 2.0));
            alone.extend([before, after]);
        }
    }
    println!("alone: {:.2} M messages a second", median(alone) / 1e6);
    let shown = |ratios: &[f64]| {
        let shown: Vec<String> = ratios.iter().map(|one| format!("{one:.3}")).collect();
        shown.join(" ")
    };
    for (arguments, ratios) in tools.iter().zip(ratios) {
        println!("{}: {}", arguments[0], shown(&ratios));
        let middle = median(ratios);
        println!("{}: {:.1} % slower", arguments[0], 100.0 * (1.0 - middle));
        assert!(middle >= 1.0 - MOST, "{} costs too much", arguments[0]);
    }
}
