//! Programs that `run` supervises: seen by `ps`, ended by `stop`, dead with their supervisor.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value as Json, json};

use crate::harness::{Running, Scratch, until};

/// The processes of a run that `ps` shows: its supervisor, and its instances in their order.
fn parts(scratch: &Scratch, run: &str) -> Vec<Json> {
    let Json::Array(all) = scratch.run(&["ps", "--json"]).json() else { panic!("a list") };
    let mut parts: Vec<Json> = all.into_iter().filter(|one| one["run"]["name"] == run).collect();
    parts.sort_by_key(|part| part["run"]["instance"].as_u64());
    parts
}

fn pid(part: &Json) -> u32 {
    part["process"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a number")
}

fn kill(process: u32, signal: Signal) {
    let pid = Pid::from_raw(process.cast_signed()).expect("a number");
    kill_process(pid, signal).expect("it is there");
}

/// Whether a process runs; one that is dead and not buried does not.
fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Starts a run, and waits until so many instances run.
fn start(scratch: &Scratch, name: &str, options: &str, program: &[&str]) -> (Running, Vec<Json>) {
    let mut arguments = vec!["run", "--name", name];
    arguments.extend(options.split_whitespace());
    arguments.push("--");
    arguments.extend(program);
    let instances = options.split_once("--instances ").map_or(1, |(_, rest)| {
        rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    });
    let running = Running::start(scratch, &arguments);
    let mut found = Vec::new();
    until("all instances run", || {
        found = parts(scratch, name);
        found.len() == instances + 1
    });
    (running, found)
}

const SLEEP: &[&str] = &["sleep", "1000"];

#[test]
fn instances_are_listed_started_again_and_stopped() {
    let scratch = Scratch::new("run-live");
    let (mut running, before) = start(&scratch, "web", "--instances 2 --backoff 0.01", SLEEP);
    assert_eq!(pid(&before[0]), running.0.id());
    assert_eq!(before[0]["run"], json!({ "name": "web", "instance": null, "restarts": 0 }));
    assert_eq!(before[2]["run"], json!({ "name": "web", "instance": 2, "restarts": 0 }));
    // For a moment it is this tool, which becomes the program.
    until("it is the program", || parts(&scratch, "web")[1]["command"] == "sleep");
    let table = scratch.run(&["ps"]).ok();
    assert!(table.contains("web.1") && table.contains("RESTARTS"), "{table}");

    let first = pid(&before[1]);
    kill(first, Signal::KILL);
    let mut after = Vec::new();
    until("the first runs again", || {
        after = parts(&scratch, "web");
        after.len() == 3 && pid(&after[1]) != first
    });
    assert_eq!(after[1]["run"]["restarts"], 1);
    assert_eq!(pid(&after[2]), pid(&before[2]), "one for one");

    assert!(scratch.run(&["stop", "wbe"]).fails(3).contains("did you mean `web`?"));
    assert!(scratch.run(&["run", "--name", "web", "--", "true"]).fails(5).contains("--name"));
    let told = scratch.run(&["stop", "web", "--json"]).json();
    assert_eq!(told, json!({ "run": "web", "supervisor_killed": false, "killed": 0 }));
    assert!(running.0.wait().expect("it is ours").success());
    assert!(after.iter().all(|part| !runs(pid(part))));
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
    scratch.run(&["stop", "web"]).fails(3);
}

#[test]
fn all_are_started_again_with_one_if_that_is_wanted() {
    let scratch = Scratch::new("run-all");
    let options = "--instances 3 --restart one-for-all --backoff 0.01";
    let (_running, before) = start(&scratch, "all", options, SLEEP);
    kill(pid(&before[2]), Signal::TERM);
    until("all run again", || {
        let after = parts(&scratch, "all");
        let other = |(one, other): (&Json, &Json)| pid(one) != pid(other);
        after.len() == 4 && before[1..].iter().zip(&after[1..]).all(other)
    });
    scratch.run(&["stop", "all"]).ok();
}

#[test]
fn a_killed_supervisor_takes_all_with_it() {
    let scratch = Scratch::new("run-dead");
    let (running, before) = start(&scratch, "web", "--instances 2", SLEEP);
    kill(running.0.id(), Signal::KILL);
    until("nobody is left", || before.iter().all(|part| !runs(pid(part))));
    assert!(parts(&scratch, "web").is_empty());
    assert!(scratch.run(&["stop", "web"]).fails(3).contains("nothing runs as web"));
    // What it has left behind is in nobody's way.
    let (_running, _) = start(&scratch, "web", "", SLEEP);
    scratch.run(&["stop", "web"]).ok();
}

#[test]
fn who_does_not_stop_is_killed_and_that_is_said() {
    let scratch = Scratch::new("run-deaf");
    let deaf = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"];
    let (mut running, before) = start(&scratch, "deaf", "--stop-timeout 0.2", &deaf);
    let mut begun = [0; 5];
    std::io::Read::read_exact(running.0.stdout.as_mut().expect("piped"), &mut begun)
        .expect("its output is the program's");
    let told = scratch.run(&["stop", "deaf"]).fails(6);
    assert!(told.contains("1 did not stop in time"), "{told}");
    assert_eq!(running.0.wait().expect("it is ours").code(), Some(6));
    assert!(!runs(pid(&before[1])));

    // A supervisor that is stopped itself can be ended all the same.
    let (running, before) = start(&scratch, "stuck", "", SLEEP);
    kill(running.0.id(), Signal::STOP);
    let told = scratch.run(&["stop", "stuck", "--timeout", "0.2"]).fails(6);
    assert!(told.contains("was killed"), "{told}");
    until("nobody is left", || before.iter().all(|part| !runs(pid(part))));
}

#[test]
fn what_a_program_has_started_ends_with_it() {
    let scratch = Scratch::new("run-group");
    let parent = ["sh", "-c", "sleep 1000 & echo $!; exec sleep 1000"];
    let (mut running, _) = start(&scratch, "parent", "--when never", &parent);
    let mut line = String::new();
    let output = running.0.stdout.as_mut().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("text");
    let child: u32 = line.trim().parse().expect("a number");
    assert!(runs(child));
    scratch.run(&["stop", "parent"]).ok();
    until("the child has ended", || !runs(child));
}

#[test]
fn the_exit_code_says_how_it_ended() {
    let scratch = Scratch::new("run-codes");
    let run = |options: &str, program: &[&str]| {
        let options: Vec<&str> = options.split_whitespace().collect();
        scratch.run(&[&["run"], &options[..], &["--"], program].concat())
    };
    run("--instances 3", &["true"]).ok();
    let told = run("--json --backoff 0.01 --intensity 2", &["sh", "-c", "exit 4"]).fails(8);
    let ends = told.lines().filter(|line| line.contains("\"exit_code\":4")).count();
    assert_eq!(ends, 3, "two restarts are allowed: {told}");
    assert!(told.contains("too often"), "{told}");
    run("--when never", &["false"]).ok();
    let told = run("", &["sh", "-c", "exit $((BAREWIRE_INSTANCE - 1))"]);
    told.ok();
    run("", &["no-such-program"]).fails(3);
    run("", &["/etc/passwd"]).fails(7);
    run("--name ../x", &["true"]).fails(2);
    run("--instances 0", &["true"]).fails(2);
    assert!(scratch.names().is_empty(), "{:?}", scratch.names());
}

#[test]
fn a_signal_stops_it() {
    let scratch = Scratch::new("run-signal");
    let (running, before) = start(&scratch, "web", "--instances 2 --backoff 5", SLEEP);
    // Also while it waits before a restart.
    kill(pid(&before[1]), Signal::KILL);
    until("it waits", || parts(&scratch, "web").len() == 2);
    let begun = std::time::Instant::now();
    running.interrupt().ok();
    assert!(begun.elapsed() < std::time::Duration::from_secs(4));
    assert!(before.iter().all(|part| !runs(pid(part))));
}
