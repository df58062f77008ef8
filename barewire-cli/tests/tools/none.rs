//! Where there is nothing at all.

use serde_json::json;

use crate::harness::Scratch;

#[test]
fn without_segments_there_is_nothing_to_see() {
    let scratch = Scratch::new("none");
    assert_eq!(scratch.run(&["ls", "--json"]).json(), json!([]));
    assert_eq!(scratch.run(&["ps", "--json"]).json(), json!([]));
    assert!(scratch.run(&["ls"]).ok().contains("no segments"));
    scratch.run(&["doctor"]).ok();
    let sample = scratch.run(&["top", "--json", "--count", "2", "--interval", "0.05"]).lines();
    assert_eq!(sample.len(), 2);
    for arguments in every_command() {
        let told = scratch.run(&arguments);
        assert!(told.err.contains("nothing"), "`{}` says: {}", told.arguments, told.err);
        told.fails(3);
    }
}

/// Every command that is about one segment, on one that is not there.
fn every_command() -> Vec<Vec<&'static str>> {
    [
        "show nothing",
        "cat nothing",
        "tap nothing",
        "send nothing --json 1",
        "record nothing file",
        "replay nothing",
        "rm nothing",
        "stop nothing",
        "schema check nothing",
        "schema print nothing",
        "schema diff nothing nothing",
        "schema fingerprint nothing",
        "emit nothing --lang c",
        "import nothing.h",
    ]
    .iter()
    .map(|line| line.split(' ').collect())
    .collect()
}

#[test]
fn no_directory_is_no_error_and_none_is_made() {
    let scratch = Scratch::new("nowhere");
    let path = scratch.files().join("segments");
    let run = |arguments: &[&str]| {
        let dir = path.display().to_string();
        scratch.run(&[arguments, &["--dir", &dir]].concat())
    };
    assert_eq!(run(&["ls", "--json"]).json(), json!([]));
    run(&["doctor"]).ok();
    run(&["top", "--json", "--count", "1"]).ok();
    run(&["doctor", "--fix"]).ok();
    let told = run(&["cat", "x"]).fails(3);
    assert!(told.contains("no segments at all"), "{told}");
    assert!(!path.exists(), "looking has made a directory");
}

#[test]
fn errors_are_json_as_well() {
    let scratch = Scratch::new("json-errors");
    let told = scratch.run(&["show", "nothing", "--json"]);
    assert_eq!((told.code, told.out.as_str()), (3, ""));
    assert_eq!(crate::harness::parse(&told.err)["code"], 3);
}

#[test]
fn the_command_line_is_checked() {
    let scratch = Scratch::new("usage");
    let told = scratch.run(&["shwo", "x"]).fails(2);
    assert!(told.contains("show"), "{told}");
    scratch.run(&["show", "../etc"]).fails(2);
    scratch.run(&["show", ".hidden"]).fails(2);
    assert!(scratch.run(&["top"]).fails(2).contains("needs a terminal"));
    assert!(scratch.run(&["--help"]).ok().contains("Exit codes:"));
    for shell in ["bash", "zsh", "fish"] {
        let script = scratch.run(&["completions", shell]).ok();
        assert!(script.contains("barewire") && script.contains("tap"), "{shell}");
    }
    let page = scratch.run(&["man"]).ok();
    for part in [".TH", "BAREWIRE SCHEMA CHECK", "Exit codes", "skip\\-unknown"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("BENCH PEER"));
    // Whoever reads has had enough: no failure, and no panic.
    let tool = scratch.command(&["man"]).stdout(std::process::Stdio::piped()).spawn();
    let mut tool = tool.expect("the tool starts");
    drop(tool.stdout.take());
    assert!(tool.wait().expect("it ends").success());
}
