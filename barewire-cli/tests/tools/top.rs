//! `top`: its screen in a terminal, and its lines for machines.

use crate::harness::{Scratch, start};
use crate::terminal::Terminal;

/// The columns of a row, under their names.
fn cells(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn the_screen_shows_rates_depth_and_people() {
    let scratch = Scratch::new("top");
    let flow = start("flow", &scratch);
    let world = start("world", &scratch);
    let mut top = Terminal::start(&scratch, &["top", "--interval", "0.3"]);
    let summary =
        top.line("the summary", |line| line.starts_with("barewire") && line.contains("/s"));
    assert!(summary.contains("8 segments, 2 processes"), "{summary}");
    assert!(top.is_alternate());
    let head = top.line("the head", |line| line.starts_with("NAME"));
    let names = "NAME KIND TYPE RATE/S DEPTH DROPS AGAIN WAIT ALIVE DEAD AGE";
    assert_eq!(cells(&head).join(" "), names);

    let readings = top.line("a queue at rest", |line| line.starts_with("readings"));
    let row = cells(&readings);
    assert_eq!((row[1], row[2], row[4]), ("queue", "Reading", "3/64"), "{readings}");
    // About a thousand a second; a busy machine may take longer, and never less than it says.
    let stream = top.line("a queue with a rate", |line| {
        line.starts_with("stream") && cells(line)[3].parse().is_ok_and(|rate: f64| rate > 50.0)
    });
    assert_eq!((cells(&stream)[8], cells(&stream)[9]), ("1", "0"), "{stream}");
    // By rate: what passes stands above what rests.
    let lines = top.lines();
    let at = |name: &str| lines.iter().position(|line| line.starts_with(name)).expect("shown");
    assert!(at("stream") < at("readings"));
    let process = world.id().to_string();
    let of = top.line("a process", |line| cells(line).first() == Some(&process.as_str()));
    assert!(of.contains("judge notes prices readings room"), "{of}");

    top.press("ss");
    top.line("sorted by name", |line| line.contains("(by name)"));
    let lines = top.lines();
    let at = |name: &str| lines.iter().position(|line| line.starts_with(name)).expect("shown");
    assert!(at("readings") < at("stream"));
    top.press("p");
    top.line("paused", |line| line.contains("PAUSED"));
    top.press("p");

    world.kill();
    let dead = top
        .line("the dead", |line| line.starts_with("readings") && cells(line)[8..10] == ["0", "1"]);
    assert!(dead.contains("3/64"), "{dead}");
    top.press("q");
    assert!(top.ended());
    assert!(!top.is_alternate(), "the terminal is as it was");
    flow.finish();
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_it_was() {
    let scratch = Scratch::new("top-signal");
    let _world = start("world", &scratch);
    let mut top = Terminal::start(&scratch, &["top"]);
    top.line("the screen", |line| line.starts_with("readings"));
    let pid = rustix::process::Pid::from_child(&top.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is ours");
    assert!(top.ended());
    assert!(!top.is_alternate());
    let mut top = Terminal::start(&scratch, &["top"]);
    top.line("the screen", |line| line.starts_with("readings"));
    top.press("\x03");
    assert!(top.ended());
}

#[test]
fn machines_get_a_line_for_each_look() {
    let scratch = Scratch::new("top-json");
    let flow = start("flow", &scratch);
    let lines = scratch.run(&["top", "--json", "--count", "3", "--interval", "0.3"]).lines();
    assert_eq!(lines.len(), 3);
    let stream = |line: &serde_json::Value| {
        let all = line["segments"].as_array().expect("a list").clone();
        all.into_iter().find(|one| one["name"] == "stream").expect("it is there")
    };
    assert!(stream(&lines[0])["rate"].is_null(), "nothing to compare with yet");
    for line in &lines[1..] {
        assert!(stream(line)["rate"].as_f64() > Some(10.0), "{line}");
    }
    let passed = |line| stream(line)["figures"]["passed"].as_u64().expect("a number");
    assert!(passed(&lines[2]) > passed(&lines[1]));
    assert_eq!(lines[0]["processes"][0]["process"], flow.id());
    flow.finish();
}

/// What the actors of a process write down is a region like any other, so it is made here by hand.
#[test]
fn actors_have_lines_of_their_own() {
    use barewire::{BareSchema, SharedRegion};

    #[derive(BareSchema, Debug, Clone)]
    struct ActorCounters {
        actor: u64,
        #[bare(max = 48)]
        name: String,
        depth: u64,
        handled: u64,
    }
    #[derive(BareSchema, Debug, Clone)]
    struct Counters {
        handled: u64,
        dead_letters: u64,
        restarts: u64,
        actors: u64,
        ended: u64,
        #[bare(max = 64)]
        deepest: Vec<ActorCounters>,
    }
    let deepest =
        vec![ActorCounters { actor: 3, name: "printer".to_owned(), depth: 17, handled: 90 }];
    let counters =
        Counters { handled: 90, dead_letters: 1, restarts: 2, actors: 5, ended: 4, deepest };
    let scratch = Scratch::new("top-actors");
    let name = "shop.0123456789abcdef.counters";
    let region = SharedRegion::builder(name).directory(scratch.segments()).create(&counters);
    let region = region.expect("a new region");
    let found = scratch.run(&["top", "--json", "--count", "1"]).lines();
    let actors = &found[0]["actors"][0];
    assert_eq!((&actors["system"], &actors["restarts"]), (&"shop".into(), &2.into()));
    assert_eq!(actors["deepest"]["actor"], "printer");
    let mut top = Terminal::start(&scratch, &["top", "--interval", "0.2"]);
    let line = top.line("the actors", |line| line.starts_with("shop ") && line.contains("printer"));
    assert!(line.contains("printer (17)"), "{line}");
    region.update(|counters| counters.restarts = 9).expect("it is ours");
    top.line("more restarts", |line| line.starts_with("shop ") && cells(line).contains(&"9"));
    top.press("q");
    assert!(top.ended());
}
