//! What holds of the pages as text: each is in the index, no link leads nowhere, and every block
//! says what it is, so that none is compiled, or left out, by mistake.

use std::fs;
use std::path::{Path, PathBuf};

const LANGUAGES: &[&str] = &[
    "rust",
    "rust,no_run",
    "rust,standalone_crate",
    // Compiled only with `cargo test -p barewire-guide --features zenoh`.
    "rust,zenoh",
    "sh",
    "text",
    "toml",
    "bare",
    "console",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

fn pages_in(folder: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder of pages");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let names = names.map(|name| name.expect("a name in UTF-8"));
    names.filter(|name| name.ends_with(".md")).map(move |name| format!("{folder}/{name}"))
}

/// All pages, from the root of the project.
fn pages() -> Vec<String> {
    let first = ["README.md".to_owned()].into_iter();
    first.chain(pages_in("docs")).chain(pages_in("docs/guide")).collect()
}

/// The targets of links that are files, outside of blocks.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("\n```").step_by(2).collect();
    let prose = prose.join("\n");
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://")).map(str::to_owned).collect()
}

#[test]
fn every_page_of_the_guide_is_in_its_index() {
    let index = read("docs/guide/README.md");
    for page in pages_in("docs/guide") {
        let name = page.trim_start_matches("docs/guide/");
        let found = name == "README.md" || index.contains(&format!("]({name})"));
        assert!(found, "{name} is not in the index");
    }
}

#[test]
fn no_link_leads_nowhere() {
    let mut count = 0;
    for page in pages().iter().filter(|page| *page != "docs/mistakes.md") {
        let folder = Path::new(page).parent().expect("a page is in a folder");
        for link in links(&read(page)) {
            let target = root().join(folder).join(&link);
            assert!(target.exists(), "{page}: the link to {link} leads nowhere");
            count += 1;
        }
    }
    assert!(count > 30, "the search for links found only {count}");
}

#[test]
fn every_block_says_what_it_is() {
    for page in pages() {
        let text = read(&page);
        let fences = text.lines().filter_map(|line| line.trim_start().strip_prefix("```"));
        let fences: Vec<&str> = fences.collect();
        assert!(fences.len().is_multiple_of(2), "{page}: a block does not end");
        for [language, end] in fences.as_chunks().0 {
            assert!(LANGUAGES.contains(language), "{page}: a block of {language:?}");
            assert!(end.is_empty(), "{page}: a block ends with {end:?}");
        }
    }
}
