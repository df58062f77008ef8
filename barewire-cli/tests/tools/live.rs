//! On live segments of another process.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Running, Scratch, start, until};

#[test]
fn ls_shows_every_kind() {
    let scratch = Scratch::new("ls");
    let world = start("world", &scratch);
    let found = scratch.run(&["ls", "--json"]).json();
    let kinds: Vec<(&str, &str)> = found
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["name"].as_str().expect("text"), one["kind"].as_str().expect("text")))
        .collect();
    let expected = [
        ("answers", "pipe"),
        ("judge", "service"),
        ("notes", "queue"),
        ("prices", "topic"),
        ("readings", "queue"),
        ("room", "region"),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(found[4]["type"], "Reading");
    assert_eq!(found[4]["figures"]["depth"], 3);
    assert_eq!((&found[4]["alive"], &found[4]["dead"]), (&json!(1), &json!(0)));
    // The subscriber has not taken any of the five.
    assert_eq!(found[3]["figures"]["depth"], 5);
    assert_eq!(found[1]["figures"]["depth"], 1);

    let text = scratch.run(&["ls"]).ok();
    let line = text.lines().find(|line| line.starts_with("readings")).expect("it is listed");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..3], ["queue", "Reading"]);
    assert!(words.contains(&"3/64"), "{line}");
    world.finish();
    assert_eq!(scratch.names(), Vec::<String>::new(), "the tool has kept nothing alive");
}

#[test]
fn show_tells_the_header_the_people_and_the_offsets() {
    let scratch = Scratch::new("show");
    let mut world = start("world", &scratch);
    world.tell("read");
    let found = scratch.run(&["show", "readings", "--json"]).json();
    assert_eq!(found["made_with"]["capacity"], 64);
    assert_eq!(found["participants"][0]["process"], world.id());
    assert_eq!(found["participants"][0]["role"], "reads 1, has produced");
    let layout = &found["layout"]["value"];
    assert_eq!(layout[0], json!({"path": "sensor", "offset": 0, "bytes": 4, "type": "u32"}));
    assert_eq!(layout[1], json!({"path": "label", "offset": 4, "bytes": 36, "type": "str[..32]"}));
    assert_eq!(layout[2]["offset"], 40);
    let text = scratch.run(&["show", "readings"]).ok();
    for part in ["a queue of Reading", "layout id", "sensor: u32", "has produced", "OFFSET"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let roles = |name: &str| {
        let found = scratch.run(&["show", name, "--json"]).json();
        found["participants"][0]["role"].as_str().expect("text").to_owned()
    };
    assert_eq!(roles("prices"), "publishes, subscribes, 5 behind");
    assert_eq!(roles("judge"), "serves, calls");
    let judge = scratch.run(&["show", "judge", "--json"]).json();
    assert_eq!(judge["layout"]["request"][0]["path"], "sensor");
    assert_eq!(judge["layout"]["reply"][0]["type"], "u64");
    assert!(scratch.run(&["show", "notes"]).ok().contains("BARE octets"));
    let misspelt = scratch.run(&["show", "redings"]).fails(3);
    assert!(misspelt.contains("did you mean `readings`?"), "{misspelt}");
}

#[test]
fn cat_shows_values_by_field() {
    let scratch = Scratch::new("cat");
    let mut world = start("world", &scratch);
    let room = scratch.run(&["cat", "room", "--json"]).json();
    assert_eq!(room["users"][0], json!({"name": "ann", "age": 30}));
    assert_eq!(scratch.run(&["cat", "room", "--path", "users[1].name"]).ok(), "\"bo\"\n");
    assert_eq!(scratch.run(&["cat", "room", "--path", "votes[\"tea\"]"]).ok(), "3\n");
    assert_eq!(scratch.run(&["cat", "room", "--path", "users[7]"]).ok(), "(not there)\n");
    let wrong = scratch.run(&["cat", "room", "--path", "user[0]"]).fails(2);
    assert!(wrong.contains("did you mean `users`?"), "{wrong}");

    let readings = scratch.run(&["cat", "readings", "--json"]).lines();
    assert_eq!(readings.len(), 3);
    assert_eq!(readings[2]["value"], json!({"sensor": 3, "label": "boiler 3", "celsius": 3.5}));
    assert_eq!(readings[2]["sequence"], 2);
    assert!(readings[2]["time_ns"].as_u64() > Some(0));
    let notes = scratch.run(&["cat", "notes"]).ok();
    assert!(notes.contains("\"hello\"") && notes.contains("7"), "{notes}");
    let prices = scratch.run(&["cat", "prices", "--last", "2", "--json"]).lines();
    let cents: Vec<_> = prices.iter().map(|one| one["value"]["cents"].clone()).collect();
    assert_eq!(cents, [103, 104]);
    let calls = scratch.run(&["cat", "judge", "--json"]).lines();
    assert_eq!(calls[0]["request"]["sensor"], 8);
    assert_eq!((&calls[0]["server"], &calls[1]["server"]), (&json!(0), &json!(null)));

    // What was taken and is not done is not waiting; nothing that the tool did has taken any.
    world.tell("read");
    assert_eq!(scratch.run(&["cat", "readings", "--json"]).lines().len(), 2);
    world.tell("done");
    world.tell("take");
    assert_eq!(scratch.run(&["cat", "readings"]).ok(), "");
}

#[test]
fn a_region_is_watched() {
    let scratch = Scratch::new("watch");
    let mut world = start("world", &scratch);
    let watch = Running::start(&scratch, &["cat", "room", "--watch", "--path", "title"]);
    // Whether it has shown the first value cannot be seen from here; the last one is sure.
    for number in 1..=3 {
        std::thread::sleep(Duration::from_millis(150));
        world.tell(&format!("rename {number}"));
    }
    std::thread::sleep(Duration::from_millis(300));
    let shown = watch.interrupt().ok();
    assert!(shown.starts_with("\"lobby\"\n") && shown.ends_with("\"room 3\"\n"), "{shown}");
}

#[test]
fn tap_shows_what_passes_and_takes_nothing() {
    let scratch = Scratch::new("tap");
    let mut world = start("world", &scratch);
    let tap = Running::start(&scratch, &["tap", "readings", "--json"]);
    let prices = Running::start(&scratch, &["tap", "prices", "--json", "--path", "cents"]);
    until_mapped(&tap, "readings");
    until_mapped(&prices, "prices");
    world.tell("enqueue 40");
    world.tell("enqueue 41");
    world.tell("publish 999");
    std::thread::sleep(Duration::from_millis(300));
    let lines = tap.interrupt().lines();
    let sensors: Vec<_> = lines.iter().map(|one| one["value"]["sensor"].clone()).collect();
    assert_eq!(sensors, [40, 41], "not those that waited before");
    let heard = prices.interrupt().lines();
    assert_eq!(heard.iter().map(|one| one["value"].clone()).collect::<Vec<_>>(), [999]);
    // All five are still there for the one who takes them.
    assert_eq!(scratch.run(&["cat", "readings", "--json"]).lines().len(), 5);
    let region = scratch.run(&["tap", "room"]).fails(4);
    assert!(region.contains("cat --watch"), "{region}");
}

/// Waits until the tool has mapped the segment, and then until its first look must be over.
fn until_mapped(tool: &Running, name: &str) {
    let maps = format!("/proc/{}/maps", tool.0.id());
    until("the tool looks", || {
        std::fs::read_to_string(&maps).is_ok_and(|text| text.contains(&format!("/{name}")))
    });
    std::thread::sleep(Duration::from_millis(300));
}

#[test]
fn tap_says_how_many_were_missed() {
    let scratch = Scratch::new("missed");
    let flow = start("flow", &scratch);
    let found = scratch.run(&["tap", "stream", "--json", "--messages", "200", "--eager"]).lines();
    let (mut next, mut missed) = (None, 0);
    for line in &found {
        if let Some(count) = line["missed"].as_u64() {
            missed += count;
            continue;
        }
        let sequence = line["sequence"].as_u64().expect("a number");
        if let Some(next) = next {
            // What is missing is exactly what was said to be.
            assert_eq!(sequence, next + missed);
        }
        (next, missed) = (Some(sequence + 1), 0);
    }
    assert!(found.iter().filter(|line| line["value"].is_object()).count() >= 200);
    flow.finish();
    assert!(scratch.names().is_empty());
}

#[test]
fn tap_ends_when_all_have_left() {
    let scratch = Scratch::new("tap-ends");
    let world = start("world", &scratch);
    let mut tap = Running::start(&scratch, &["tap", "readings"]);
    until_mapped(&tap, "readings");
    world.kill();
    until("the tap ends", || tap.0.try_wait().expect("it is ours").is_some());
    assert!(tap.0.wait().expect("it has ended").success());
}

#[test]
fn send_checks_against_the_schema() {
    let scratch = Scratch::new("send");
    let mut drain = start("drain", &scratch);
    let value = r#"{"sensor": 5, "label": "pump", "celsius": 20.5}"#;
    scratch.run(&["send", "target", "--json", value, "--kind", "9"]).ok();
    let price = r#"{"symbol": "0x41434d45", "cents": 12}"#;
    scratch.run(&["send", "market", "--json", price]).ok();
    drain.0.stdin.as_mut().map(|input| std::io::Write::write_all(input, b"\n"));
    assert_eq!(drain.line("took"), "5 20.5 9");
    assert_eq!(drain.line("heard"), "12");

    let fail = |json: &str, code| scratch.run(&["send", "target", "--json", json]).fails(code);
    let told = fail(r#"{"sensor": "x", "label": "pump", "celsius": 1}"#, 4);
    assert!(told.contains("sensor: expected u32"), "{told}");
    let long = format!(r#"{{"sensor": 1, "label": "{}", "celsius": 1}}"#, "x".repeat(33));
    let told = fail(&long, 4);
    assert!(told.contains("label") && told.contains("32"), "{told}");
    assert!(fail("{", 2).contains("no JSON"));
    let told = scratch.run(&["send", "nowhere", "--json", "1"]).fails(3);
    assert!(told.contains("nowhere"), "{told}");

    // From the input, one a line; a full queue is said to be full.
    let mut tool = scratch.command(&["send", "target", "--json", "-", "--timeout", "0.2"]);
    let mut child = tool
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the tool starts");
    let mut input = child.stdin.take().expect("piped");
    for number in 0..600 {
        let line = format!("{{\"sensor\": {number}, \"label\": \"\", \"celsius\": 0}}\n");
        if std::io::Write::write_all(&mut input, line.as_bytes()).is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stderr));
    let depth = scratch.run(&["ls", "--json"]).json()[1]["figures"]["depth"].clone();
    assert!(depth.as_u64() >= Some(256), "{depth}");
}

#[test]
fn ps_names_the_processes() {
    let scratch = Scratch::new("ps");
    let world = start("world", &scratch);
    let found = scratch.run(&["ps", "--json"]).json();
    assert_eq!(found[0]["process"], world.id());
    let names = ["judge", "notes", "prices", "readings", "room"];
    assert_eq!(found[0]["segments"], json!(names));
    assert!(scratch.run(&["ps"]).ok().contains("judge notes prices readings room"));
}

#[test]
fn rm_leaves_alone_what_is_in_use() {
    let scratch = Scratch::new("rm");
    let mut world = start("world", &scratch);
    let told = scratch.run(&["rm", "readings"]).fails(5);
    assert!(told.contains("in use"), "{told}");
    assert!(scratch.run(&["rm", "answers"]).fails(5).contains("its server lives"));
    assert_eq!(scratch.names().len(), 6);
    scratch.run(&["rm", "--force", "readings"]).ok();
    assert_eq!(scratch.names().len(), 5);
    // Those who are attached go on.
    world.tell("enqueue 1");
    let told = scratch.run(&["rm", "reading"]).fails(3);
    assert!(told.contains("`barewire ls` lists all") || told.contains("did you mean"), "{told}");
}

#[test]
fn nothing_is_wrong_with_the_living() {
    let scratch = Scratch::new("well");
    let _world = start("world", &scratch);
    assert!(scratch.run(&["doctor"]).ok().contains("nothing is wrong"));
    assert_eq!(scratch.run(&["doctor", "--json"]).json(), json!([]));
}

#[test]
fn a_killed_tool_leaves_nothing_and_disturbs_nobody() {
    let scratch = Scratch::new("killed");
    let flow = start("flow", &scratch);
    let before = scratch.run(&["show", "stream", "--json"]).json()["participants"].clone();
    let tools: [&[&str]; 5] = [
        &["tap", "stream", "--eager"],
        &["tap", "ticks", "--eager"],
        &["cat", "clock", "--watch"],
        &["top", "--json", "--interval", "0.05"],
        &["record", "ticks", "recorded"],
    ];
    for arguments in tools {
        for _ in 0..3 {
            let mut tool = scratch.command(arguments);
            let quiet = std::process::Stdio::null;
            let mut tool = tool.stdout(quiet()).stderr(quiet()).spawn().expect("the tool starts");
            std::thread::sleep(Duration::from_millis(60));
            tool.kill().expect("it is ours");
            tool.wait().expect("it was ended");
            let _ = std::fs::remove_file(scratch.files().join("recorded"));
        }
    }
    assert_eq!(scratch.names(), ["clock", "stream", "ticks"]);
    let after = scratch.run(&["show", "stream", "--json"]).json()["participants"].clone();
    assert_eq!(before, after);
    flow.finish();
    assert!(scratch.names().is_empty());
}
