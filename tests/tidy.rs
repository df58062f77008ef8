//! The rules of the house that a machine can check: arrows, first lines, lengths.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_LINES: usize = 600;
const MAX_COLUMNS: usize = 100;

/// Each crate, where it stands, and those of the project that it may depend on.
const ARROWS: &[(&str, &str, &[&str])] = &[
    (
        "barewire",
        ".",
        &[
            "barewire-runtime",
            "barewire-derive",
            "barewire-actor",
            "barewire-cluster",
            "barewire-farscape",
        ],
    ),
    ("barewire-schema", "barewire-schema", &[]),
    ("barewire-derive", "barewire-derive", &["barewire-schema"]),
    ("barewire-runtime", "barewire-runtime", &["barewire-schema"]),
    ("barewire-actor", "barewire-actor", &["barewire-runtime", "barewire-derive"]),
    (
        "barewire-cluster",
        "barewire-cluster",
        &["barewire-runtime", "barewire-derive", "barewire-actor"],
    ),
    ("barewire-farscape", "barewire-farscape", &["barewire-runtime", "barewire-schema"]),
    ("barewire-cli", "barewire-cli", &["barewire"]),
    ("barewire-bench", "bench", &["barewire"]),
    ("barewire-guide", "tests/guide", &["barewire"]),
];

/// Crates that a crate must not depend on, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    (
        "barewire-schema",
        &["syn", "quote", "proc-macro2", "rustix", "memmap2", "libc", "zerocopy"],
        "the schema knows neither an operating system nor the compiler",
    ),
    ("barewire-runtime", &["syn", "quote", "proc-macro2"], "the runtime never links syn"),
    ("barewire-farscape", &["syn", "quote", "proc-macro2"], "what runs never links syn"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names under `[dependencies]` and its targets; what only tests use is free.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = matches!(line, "[dependencies]" | "[build-dependencies]")
                || (line.starts_with("[target.") && line.ends_with(".dependencies]"));
            // The long form, `[dependencies.name]`.
            let long = line.strip_prefix("[dependencies.").and_then(|l| l.strip_suffix(']'));
            names.extend(long.map(str::to_owned));
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            let end = line.find(['=', '.', ' ']).unwrap_or(line.len());
            names.push(line[..end].to_owned());
        }
    }
    names
}

/// All `.rs` files of the project, without what was built.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the project can be read");
        for entry in entries {
            let path = entry.expect("an entry can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the search for sources found only {}", found.len());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn none(faults: Vec<String>, rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn dependencies_follow_the_arrows() {
    let mut faults = Vec::new();
    for (name, folder, allowed) in ARROWS {
        let manifest = read(&root().join(folder).join("Cargo.toml"));
        let found = dependencies(&manifest);
        for dependency in found.iter().filter(|found| found.starts_with("barewire")) {
            if !allowed.contains(&dependency.as_str()) {
                faults.push(format!("{name} must not depend on {dependency}"));
            }
        }
        for (crate_name, forbidden, why) in FORBIDDEN.iter().filter(|rule| rule.0 == *name) {
            for dependency in found.iter().filter(|found| forbidden.contains(&found.as_str())) {
                faults.push(format!("{crate_name} must not depend on {dependency}: {why}"));
            }
        }
    }
    none(faults, "the arrows in ARCHITECTURE.md point one way");
}

#[test]
fn the_schema_forbids_unsafe_code() {
    let manifest = read(&root().join("barewire-schema/Cargo.toml"));
    let crate_root = read(&root().join("barewire-schema/src/lib.rs"));
    assert!(
        crate_root.contains("#![forbid(unsafe_code)]") || manifest.contains("unsafe_code"),
        "barewire-schema must say #![forbid(unsafe_code)]"
    );
}

#[test]
fn every_source_file_says_first_what_it_is_for() {
    let faults = sources()
        .into_iter()
        .filter(|path| !path.starts_with(root().join("tests/ui")))
        .filter(|path| !read(path).starts_with("//! "))
        .map(|path| shown(&path))
        .collect();
    none(faults, "a source file opens with a line `//! …`");
}

#[test]
fn no_source_file_is_too_long() {
    let faults = sources()
        .into_iter()
        .map(|path| (shown(&path), read(&path).lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    none(faults, &format!("a source file has at most {MAX_LINES} lines"));
}

#[test]
fn no_line_is_too_long() {
    let mut faults = Vec::new();
    for path in sources() {
        for (number, line) in read(&path).lines().enumerate() {
            let columns = line.chars().count();
            if columns > MAX_COLUMNS {
                faults.push(format!("{}:{}: {columns} columns", shown(&path), number + 1));
            }
        }
    }
    none(faults, &format!("a line has at most {MAX_COLUMNS} columns"));
}
