//! Makes documentation tests of the pages: each block of Rust becomes a program of its own.
//!
//! A page shows what a reader would write. What a test needs besides, and a reader does not want to
//! see, is added here in lines that rustdoc hides: a directory of its own, so that no name is taken
//! by another block, and the end of a function that may fail, for blocks that are no whole program.
//!
//! A block of `rust,zenoh` is compiled, and not run, if this crate has the feature `zenoh`.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The pages, from the root of the project; `docs/mistakes.md` has a test of its own.
const FOLDERS: &[&str] = &["docs", "docs/guide"];
const ELSEWHERE: &str = "docs/mistakes.md";

const APART: &str = "# let _apart = barewire_guide::apart();\n";
/// What needs a feature, with it and without.
const COMPILED: &str = "```rust,no_run";
const LEFT_OUT: &str = "```rust,ignore";
const END: &str = "# Ok::<(), Box<dyn std::error::Error>>(())\n";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../..");
    let mut pages = vec!["README.md".to_owned()];
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed=../../{folder}");
        for entry in fs::read_dir(root.join(folder))? {
            let name = entry?.file_name().into_string().map_err(|_| "a name in UTF-8")?;
            pages.push(format!("{folder}/{name}"));
        }
    }
    pages.retain(|page| page.ends_with(".md") && page != ELSEWHERE);
    pages.sort();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut modules = String::new();
    for (number, page) in pages.iter().enumerate() {
        println!("cargo::rerun-if-changed=../../{page}");
        let text = tested(&fs::read_to_string(root.join(page))?);
        fs::write(out.join(format!("{number}.md")), text)?;
        let name = page.trim_end_matches(".md").replace(['/', '.', '-'], "_").to_lowercase();
        writeln!(modules, "#[doc = include_str!(concat!(env!(\"OUT_DIR\"), \"/{number}.md\"))]")?;
        writeln!(modules, "pub mod {name} {{}}")?;
    }
    fs::write(out.join("pages.rs"), modules)?;
    Ok(())
}

/// The page with the lines that its blocks need.
fn tested(page: &str) -> String {
    let mut result = String::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        let fence = line.trim_start().starts_with("```");
        match &mut block {
            Some(code) if fence => {
                result += &program(code);
                block = None;
            }
            Some(code) => {
                *code += line;
                code.push('\n');
                continue;
            }
            None if fence && line.trim_start().starts_with("```rust") => {
                block = Some(String::new());
            }
            None => {}
        }
        let zenoh = std::env::var_os("CARGO_FEATURE_ZENOH").is_some();
        result += &line.replace("```rust,zenoh", if zenoh { COMPILED } else { LEFT_OUT });
        result.push('\n');
    }
    result
}

/// The block as a program.
fn program(code: &str) -> String {
    let Some(main) = code.find("fn main()") else {
        return format!("{APART}{code}{END}");
    };
    let body = code[main..].find("{\n").map_or(code.len(), |brace| main + brace + 2);
    format!("{}{APART}{}", &code[..body], &code[body..])
}
