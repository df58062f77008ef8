//! Every command line of the README and the pages is run.
//!
//! An example is run as it stands there, but for `--release`: that would build everything a second
//! time. `BAREWIRE_AS_WRITTEN=1` runs that as well. Commands that take minutes, or that would begin
//! these very tests anew, are not run: they are in [`HEAVY`], which says what is checked instead.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Commands that are not run, by how they begin; of the packages and subcommands that they name, it
/// is checked that they exist.
const HEAVY: &[&str] = &[
    "cargo test",                             // these tests
    "cargo run --release -p barewire-bench ", // builds the peers, and measures for minutes
    "cargo run --release --features zenoh ",  // builds zenoh
];

/// What an example prints at some point, as the pages say.
const PRINTS: &[(&str, &[&str])] = &[
    ("hello", &["display: sensor 7 (boiler) is at 82 °C", "sensor: everything was read"]),
    (
        "killed",
        &[
            "worker 1 was killed: signal: 9 (SIGKILL)",
            "worker 2 took job 1, which somebody had begun",
            "all jobs are done",
        ],
    ),
    ("pipe", &["u64 sent here", "client: Longest { id: 1, word: \"messages\" }"]),
    ("chat", &["chat: users=3 ", " lost=0 duplicated=0"]),
    ("worker_pool", &[" jobs done in ", " workers killed, "]),
    ("chat_actors", &["room: alice has left: it stopped", "15 lines were said"]),
    ("cluster", &["tasks=", " lost=0"]),
    ("machines", &["the tally on the other machine: 500500", "it cannot be reached"]),
    ("farscape_zlib", &["Cargo.lock: restored, byte for byte"]),
    ("farscape_crash", &["900 good calls, 100 crashes, and this process is still here"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of all blocks of commands, without what is said about them.
fn commands() -> BTreeSet<String> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["docs", "docs/guide"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder of pages");
        pages.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    let mut commands = BTreeSet::new();
    for page in pages {
        let text = read(&page);
        for block in text.split("```sh\n").skip(1) {
            let lines = block.lines().take_while(|line| !line.starts_with("```"));
            let lines = lines.map(|line| line.split(" #").next().unwrap_or_default().trim());
            commands.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        }
    }
    commands
}

/// The word after another one.
fn after<'a>(words: &[&'a str], word: &str) -> Option<&'a str> {
    let at = words.iter().position(|one| *one == word)?;
    words.get(at + 1).copied()
}

/// Runs a command of cargo and yields what it prints.
fn run(words: &[&str]) -> String {
    let as_written = std::env::var_os("BAREWIRE_AS_WRITTEN").is_some();
    let words = words.iter().skip(1).filter(|word| as_written || **word != "--release");
    let mut command = Command::new(env!("CARGO"));
    command.args(words).current_dir(root()).stdin(Stdio::null());
    let output = command.output().expect("cargo can be started");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    out
}

#[test]
fn every_command_is_run_and_prints_what_is_said() {
    let commands = commands();
    assert!(commands.len() > 10, "the search for commands found only {}", commands.len());
    let mut run_examples = BTreeSet::new();
    for line in &commands {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "cargo", "what can be run here is cargo: {line}");
        if HEAVY.iter().any(|heavy| line.starts_with(heavy.trim_end())) {
            continue;
        }
        // The plot is checked by tests/figures.rs, which does not write over it.
        if after(&words, "--example") == Some("plot") {
            continue;
        }
        let printed = run(&words);
        let Some(example) = after(&words, "--example") else { continue };
        let expected = PRINTS.iter().find(|(name, _)| *name == example);
        let (name, expected) = expected.unwrap_or_else(|| panic!("what does {example} print?"));
        for text in *expected {
            assert!(printed.contains(text), "{line}: no {text:?} in\n{printed}");
        }
        run_examples.insert(*name);
    }
    let shown: BTreeSet<&str> = PRINTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(run_examples, shown, "every example is run by some page");
}

#[test]
fn what_heavy_commands_name_is_there() {
    let manifests = ["Cargo.toml", "bench/Cargo.toml", "barewire-actor/Cargo.toml"];
    let manifests: String = manifests.iter().map(|path| read(&root().join(path))).collect();
    let bench = read(&root().join("bench/src/main.rs"));
    let mut count = 0;
    for line in commands() {
        if !HEAVY.iter().any(|heavy| line.starts_with(heavy.trim_end())) {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(package) = after(&words, "-p") {
            let name = format!("name = \"{package}\"");
            assert!(manifests.contains(&name), "{line}: no package {package}");
        }
        if let Some(example) = after(&words, "--example") {
            assert!(
                root().join(format!("examples/{example}.rs")).exists(),
                "{line}: no such example"
            );
        } else if let Some(subcommand) = after(&words, "--") {
            let (first, rest) = subcommand.split_at(1);
            let variant = format!("    {}{rest}(", first.to_uppercase());
            assert!(bench.contains(&variant), "{line}: no subcommand {subcommand}");
        }
        count += 1;
    }
    assert!(count >= 5, "the search for heavy commands found only {count}");
}

#[test]
fn every_example_is_in_the_readme() {
    let readme = read(&root().join("README.md"));
    let entries = fs::read_dir(root().join("examples")).expect("the examples");
    let mut count = 0;
    for entry in entries {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if name.ends_with(".rs") {
            assert!(readme.contains(&format!("(examples/{name})")), "{name} is not in the README");
            count += 1;
        }
    }
    assert_eq!(count, PRINTS.len(), "each example has a line in PRINTS");
}
