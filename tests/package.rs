//! What a package must keep: the compiler that is promised, few dependencies, and its licence.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The most crates that the facade's default build compiles, itself included.
const MOST_CRATES: usize = 25;

const PUBLISHED: &[&str] = &[
    "barewire",
    "barewire-actor",
    "barewire-cli",
    "barewire-cluster",
    "barewire-derive",
    "barewire-farscape",
    "barewire-runtime",
    "barewire-schema",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).arg("--offline").current_dir(root());
    let output = command.output().expect("cargo can be started");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The value of a key in a manifest.
fn value<'a>(manifest: &'a str, key: &str) -> &'a str {
    let lines = manifest.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
    let mut values = lines.filter_map(|rest| rest.split('"').next());
    values.next().unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn the_oldest_compiler_that_is_promised_is_the_one_that_is_used() {
    let (manifest, toolchain) = (read("Cargo.toml"), read("rust-toolchain.toml"));
    let (promised, used) = (value(&manifest, "rust-version"), value(&toolchain, "channel"));
    let same = used.strip_prefix(promised).is_some_and(|rest| rest == ".0" || rest.is_empty());
    assert!(same, "rust-version is {promised}, rust-toolchain.toml says {used}");
    for page in ["README.md", "docs/guide/first.md"] {
        let said = format!("({promised} or newer)");
        assert!(read(page).contains(&said), "{page} does not say {said:?}");
    }
}

#[test]
fn the_default_build_is_small() {
    let arguments = ["tree", "-p", "barewire", "-e", "normal,build", "--prefix", "none"];
    let tree = cargo(&[&arguments[..], &["--no-dedupe"]].concat());
    let crates: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    assert!(crates.len() <= MOST_CRATES, "{} crates: {crates:?}", crates.len());
    let said = format!("compiles {} crates", crates.len());
    assert!(read("README.md").contains(&said), "README.md does not say {said:?}");
}

#[test]
fn every_published_crate_carries_its_licence() {
    for package in PUBLISHED {
        let list = cargo(&["package", "--list", "--allow-dirty", "-p", package]);
        for file in ["LICENSE", "NOTICE", "README.md"] {
            assert!(list.lines().any(|line| line == file), "{package} lacks {file}");
        }
    }
}

#[test]
fn what_is_published_is_what_others_may_depend_on() {
    let manifest = read("Cargo.toml");
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let members = members.expect("members").split('"').skip(1).step_by(2);
    for member in members.chain(["."]) {
        let manifest = read(&format!("{member}/Cargo.toml"));
        let name = value(&manifest, "name");
        let published = !manifest.contains("publish = false");
        assert_eq!(published, PUBLISHED.contains(&name), "is {name} published?");
        assert!(value(&manifest, "description").len() > 20, "{name} does not say what it is");
    }
}

#[test]
fn every_published_crate_can_be_packaged() {
    let unpublished = ["barewire-bench", "barewire-guide", "barewire-shapes"];
    let excluded = unpublished.iter().flat_map(|name| ["--exclude", *name]);
    let arguments = ["package", "--workspace", "--no-verify", "--allow-dirty", "--quiet"];
    cargo(&arguments.into_iter().chain(excluded).collect::<Vec<_>>());
}

#[test]
fn every_feature_says_what_it_adds() {
    let front = read("src/lib.rs");
    let mut count = 0;
    for folder in
        [".", "barewire-derive", "barewire-farscape", "barewire-runtime", "barewire-schema"]
    {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let features = manifest.split("[features]\n").nth(1).expect("it has features");
        let mut said = false;
        for line in features.lines().take_while(|line| !line.starts_with('[')) {
            let Some((name, _)) = line.split_once(" = [") else {
                said = line.starts_with("# ");
                continue;
            };
            assert!(said, "nothing stands above the feature {name} of {folder}");
            let known = folder != "." || front.contains(&format!("//! | `{name}` |"));
            assert!(known, "the feature {name} is missing from the front page");
            count += 1;
            said = false;
        }
    }
    assert!(count >= 10, "the search for features found only {count}");
}
