//! The table of mistakes in the documentation is that of the cases, and each case is one error.
//!
//! `BLESS=1 cargo test --test mistakes` writes the table anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The least number of mistakes that the table shows.
const LEAST: usize = 100;

const HEAD: &str = "Mistakes that people make, and what the compiler says to each.\n\n\
    Every row is a test: the line is wrong, and this is the one error that it gives.\n\n\
    | what is written | what is said | what to do |\n|---|---|---|\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The expected outputs of all cases, in order.
fn cases() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["tests/ui", "tests/ui/built"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder of the cases") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "stderr") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What a case says: the source line, the message and the help.
struct Told {
    line: String,
    message: String,
    help: String,
}

fn told(case: &Path) -> Told {
    let output = fs::read_to_string(case).expect("the output of a case");
    let source = fs::read_to_string(case.with_extension("rs")).expect("the source of a case");
    let errors = output.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(errors, 1, "{}: one mistake is one error", case.display());
    let mut lines = output.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.split_once(": ").map_or(first, |(_, message)| message);
    let message = message.trim_start_matches("evaluation panicked: ").to_owned();
    let mut help = String::new();
    for line in lines.by_ref().take_while(|line| !line.trim_start().starts_with("--> ")) {
        let line = line.trim();
        help += line.strip_prefix("help: ").unwrap_or(line);
        help.push(' ');
    }
    // The errors of the compiler itself say what to do in notes.
    if help.is_empty() {
        let notes = output.lines().map(str::trim);
        let mut notes = notes.skip_while(|line| !line.starts_with("= note: "));
        let note = notes.next().unwrap_or_default();
        help = note.trim_start_matches("= note: ").to_owned();
        if help.ends_with(':') {
            help += " ";
            help += notes.next().unwrap_or_default();
        }
        if note.contains("the failure occurred here") {
            help.clear();
        }
    }
    let name = case.with_extension("rs");
    let name = name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let place = output.lines().find_map(|line| line.split_once(&format!("{name}:")));
    let number = place.and_then(|(_, place)| place.split(':').next()?.parse::<usize>().ok());
    // What depends on several types is told where the library needs it; a mark says who asks.
    let marked = || source.lines().position(|line| line.ends_with("// wrong")).map(|at| at + 1);
    let number = number.or_else(marked);
    let number = number.unwrap_or_else(|| panic!("{}: no place", case.display()));
    let mut line = source.lines().nth(number - 1).unwrap_or_default().trim().to_owned();
    line = line.trim_end_matches("// wrong").trim_end().to_owned();
    // A field is shown with its attribute, or the type with its own.
    let before = source.lines().nth(number.wrapping_sub(2)).unwrap_or_default().trim();
    if before.starts_with("#[bare") {
        line = format!("{before} {line}");
    }
    Told { line, message, help: help.trim().to_owned() }
}

/// A text in which `Vec<u8>` outside of code is no tag.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let mut shown = String::new();
    for letter in text.chars() {
        in_code ^= letter == '`';
        if letter == '<' && !in_code {
            shown.push('\\');
        }
        shown.push(letter);
    }
    shown
}

fn table() -> String {
    let mut table = HEAD.to_owned();
    for case in cases() {
        let Told { line, message, help } = told(&case);
        let cell = |text: &str| text.replace('|', "\\|");
        let code = format!("`` {line} ``");
        writeln!(
            table,
            "| {} | {} | {} |",
            cell(&code),
            cell(&prose(&message)),
            cell(&prose(&help))
        )
        .expect("a String takes everything");
    }
    table
}

#[test]
fn the_table_of_mistakes_is_that_of_the_cases() {
    assert!(cases().len() >= LEAST, "only {} cases", cases().len());
    let (file, table) = (root().join("docs/mistakes.md"), table());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &table).expect("the table can be written");
    }
    let written = fs::read_to_string(&file).expect("docs/mistakes.md");
    assert!(written == table, "stale: run `BLESS=1 cargo test --test mistakes`");
}
