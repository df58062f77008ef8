//! Recording and replaying, between versions of a schema too.

use std::time::{Duration, Instant};

use barewire::{BareSchema, MessageQueue};
use serde_json::json;

use crate::harness::{Running, Scratch, start, until};
use crate::world::Note;

/// What `Note` may become: it has one more member.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(rename = "Note")]
enum NewerNote {
    Text(String),
    Number(u64),
    Flag(bool),
}

/// What nobody who knows `Note` can read.
#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Other {
    text: String,
}

fn queue<T: barewire::layout::FixedLayout>(scratch: &Scratch, name: &str) -> MessageQueue<T> {
    let builder = MessageQueue::builder(name).directory(scratch.segments());
    builder.capacity(64).slot_bytes(64).create().expect("a new queue")
}

/// Records what `send` sends, until so many have come.
fn record(scratch: &Scratch, name: &str, file: &str, messages: u64, send: impl FnOnce()) {
    let count = messages.to_string();
    let mut tool = Running::start(scratch, &["record", name, file, "--messages", &count]);
    let path = scratch.files().join(file);
    // The file is made after the recorder has begun to watch.
    until("it records", || path.exists());
    std::thread::sleep(Duration::from_millis(100));
    send();
    until("it has recorded all", || tool.0.try_wait().expect("it is ours").is_some());
}

#[test]
fn what_passes_is_recorded_and_comes_again() {
    let scratch = Scratch::new("record");
    let flow = start("flow", &scratch);
    let mut drain = start("drain", &scratch);
    let told = scratch.run(&["record", "stream", "s.rec", "--messages", "100", "--json"]).json();
    assert_eq!(told["messages"], 100);
    let lines = scratch.run(&["replay", "s.rec", "--json"]).lines();
    assert_eq!(lines.len(), 100);
    let sensors: Vec<u64> =
        lines.iter().map(|line| line["value"]["sensor"].as_u64().expect("a number")).collect();
    assert!(sensors.is_sorted());

    let told = scratch.run(&["replay", "s.rec", "target", "--fast", "--json"]).json();
    assert_eq!((&told["sent"], &told["left_out"]), (&json!(100), &json!(0)));
    std::io::Write::write_all(drain.0.stdin.as_mut().expect("piped"), b"\n").expect("it reads");
    for sensor in &sensors {
        assert_eq!(drain.line("took"), format!("{sensor} {}.5 0", sensor));
    }
    drain.line("that was all");
    drain.line("ready");

    // The same for a topic; and a queue of another type is refused with the reasons.
    let arguments = ["record", "ticks", "t.rec", "--seconds", "9", "--messages", "90", "--json"];
    assert_eq!(scratch.run(&arguments).json()["messages"], 90);
    scratch.run(&["replay", "t.rec", "market", "--speed", "50"]).ok();
    let told = scratch.run(&["replay", "t.rec", "target"]).fails(4);
    assert!(told.contains("target cannot read all that is in it"), "{told}");
    // A recorded file is a source of a schema, too.
    let file = scratch.run(&["schema", "fingerprint", "t.rec"]).ok();
    assert_eq!(file, scratch.run(&["schema", "fingerprint", "market"]).ok());
    flow.finish();
}

#[test]
fn the_original_timing_is_kept_unless_it_is_not_wanted() {
    let scratch = Scratch::new("timing");
    let notes = queue::<Note>(&scratch, "notes");
    record(&scratch, "notes", "n.rec", 3, || {
        for number in 0..3 {
            notes.enqueue(&Note::Number(number)).expect("there is room");
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    let timed = |more: &[&str]| {
        let begun = Instant::now();
        scratch.run(&[&["replay", "n.rec", "notes"], more].concat()).ok();
        begun.elapsed()
    };
    assert!(timed(&[]) >= Duration::from_millis(550));
    assert!(timed(&["--speed", "100"]) < Duration::from_millis(500));
    assert!(timed(&["--fast"]) < Duration::from_millis(500));
    let mut numbers = Vec::new();
    while let Some(message) = notes.try_dequeue().expect("it works") {
        numbers.push(message.read().expect("a note"));
    }
    let three = [0, 1, 2].map(Note::Number);
    assert_eq!(numbers, [three.clone(), three.clone(), three.clone(), three].concat());
}

#[test]
fn a_file_of_an_older_schema_is_converted() {
    let scratch = Scratch::new("older");
    let notes = queue::<Note>(&scratch, "notes");
    record(&scratch, "notes", "old.rec", 2, || {
        notes.enqueue(&Note::Text("old".to_owned())).expect("there is room");
        notes.enqueue(&Note::Number(4)).expect("there is room");
    });
    let newer = queue::<NewerNote>(&scratch, "newer");
    scratch.run(&["replay", "old.rec", "newer", "--fast"]).ok();
    let first = newer.dequeue().expect("it works").read().expect("a note");
    assert_eq!(first, NewerNote::Text("old".to_owned()));
    assert_eq!(newer.dequeue().expect("it works").read().expect("a note"), NewerNote::Number(4));
}

#[test]
fn a_file_of_a_newer_schema_is_refused_or_sifted() {
    let scratch = Scratch::new("newer");
    let newer = queue::<NewerNote>(&scratch, "newer");
    record(&scratch, "newer", "new.rec", 3, || {
        newer.enqueue(&NewerNote::Number(1)).expect("there is room");
        newer.enqueue(&NewerNote::Flag(true)).expect("there is room");
        newer.enqueue(&NewerNote::Text("x".to_owned())).expect("there is room");
    });
    let notes = queue::<Note>(&scratch, "notes");
    let told = scratch.run(&["replay", "new.rec", "notes", "--fast"]).fails(4);
    assert!(told.contains("tag 2") && told.contains("--skip-unknown"), "{told}");
    assert!(notes.is_empty(), "nothing was sent");
    let arguments = ["replay", "new.rec", "notes", "--fast", "--skip-unknown", "--json"];
    let told = scratch.run(&arguments).json();
    assert_eq!((&told["sent"], &told["left_out"]), (&json!(2), &json!(1)));
    assert_eq!(notes.dequeue().expect("it works").read().expect("a note"), Note::Number(1));
    assert_eq!(notes.len(), 1);
    // What is another thing altogether is refused in any case.
    let _other = queue::<Other>(&scratch, "other");
    scratch.run(&["replay", "new.rec", "other", "--skip-unknown"]).fails(4);
}
