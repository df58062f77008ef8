//! Every command line of the README is run, in its order, on the segments that it speaks of.

use std::process::{Command, Stdio};

use crate::harness::{Running, Scratch, TOOL, start, until};
use crate::terminal::Terminal;

/// The lines that begin with a prompt, and the exit code that stands behind them.
fn lines() -> Vec<(&'static str, i32)> {
    let line = |text: &'static str| {
        let text = text.strip_prefix("$ ")?;
        match text.split_once("# exit code ") {
            Some((command, code)) => Some((command.trim(), code.trim().parse().expect("a code"))),
            None => Some((text.split("  #").next().unwrap_or(text).trim(), 0)),
        }
    };
    include_str!("../../README.md").lines().filter_map(line).collect()
}

#[test]
fn every_command_line_of_the_readme_runs() {
    let scratch = Scratch::new("readme");
    scratch.file("chat-v1.bare", "type Line struct { who: str text: str }\n");
    scratch.file("chat-v2.bare", "type Line struct { who: str text: str at: u64 }\n");
    scratch.file("meter.h", "struct reading { unsigned sensor; double celsius; };\n");
    let (_world, _flow) = (start("world", &scratch), start("flow", &scratch));
    let bin = std::path::Path::new(TOOL).parent().expect("it stands in a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let found = lines();
    let (mut used, mut kept): (Vec<&str>, Vec<Running>) = (Vec::new(), Vec::new());
    for (line, code) in &found {
        used.extend(line.split_whitespace().nth(1));
        if *line == "barewire top" {
            let mut top = Terminal::start(&scratch, &["top"]);
            top.line("the screen", |line| line.starts_with("readings"));
            top.press("q");
            assert!(top.ended());
            continue;
        }
        if let Some(line) = line.strip_suffix(" &") {
            let words: Vec<&str> = line.split_whitespace().skip(1).collect();
            kept.push(Running::start(&scratch, &words));
            until("it can be seen", || scratch.run(&["ps"]).ok().contains("pool.2"));
            continue;
        }
        let output = Command::new("sh")
            .args(["-c", line])
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("BAREWIRE_DIR", scratch.segments())
            .env("HOME", scratch.files())
            .current_dir(scratch.files())
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(*code), "{line}: {told}");
    }
    for command in barewire_cli::command().get_subcommands() {
        let name = command.get_name();
        let shown = command.is_hide_set() || used.contains(&name);
        assert!(shown, "`barewire {name}` is missing from the README");
    }
}
