//! The picture of `top` in the README: what a terminal shows of it, as SVG.
//!
//! ```text
//! cargo test --release -p barewire-cli --test tools -- --ignored picture
//! ```

use std::fmt::Write;
use std::path::Path;

use crate::harness::{Scratch, start};
use crate::nodes::cluster;
use crate::terminal::Terminal;

const PICTURE: &str = "../docs/top.svg";
/// The size of a cell, and the space around all of them.
const CELL: (f64, f64) = (7.8, 17.0);
const MARGIN: f64 = 12.0;
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d7dae0";

#[test]
#[ignore = "writes the picture"]
fn picture_of_top() {
    let scratch = Scratch::new("top-picture");
    let _world = (start("world", &scratch), start("flow", &scratch), start("office", &scratch));
    let _cluster = cluster(&scratch);
    let mut top = Terminal::start(&scratch, &["top", "--interval", "0.5"]);
    top.line("a rate of nodes", |line| {
        line.starts_with("mill") && line.contains("boss") && !line.contains(" - ")
    });
    top.line("a rate of actors", |line| line.starts_with("office ") && line.contains("printer"));
    std::thread::sleep(std::time::Duration::from_secs(2));
    // Where the segments of the example are is of no interest to anybody.
    let place = scratch.segments().display().to_string();
    let shown = top.with_screen(|screen| svg(screen, &place));
    top.press("q");
    assert!(top.ended());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PICTURE);
    std::fs::write(path, shown).expect("it can be written");
}

#[test]
fn the_readme_has_the_picture_of_todays_screen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let picture = std::fs::read_to_string(root.join(PICTURE)).expect("it is there");
    let readme = std::fs::read_to_string(root.join("../README.md")).expect("it is there");
    assert!(readme.contains("(docs/top.svg)"));
    let scratch = Scratch::new("top-heads");
    let _world = (start("world", &scratch), start("office", &scratch), cluster(&scratch));
    let mut top = Terminal::start(&scratch, &["top", "--interval", "0.3"]);
    for first in ["NAME", "PID", "ACTORS", "CLUSTER"] {
        let head =
            top.line("the head", |line| line.starts_with(first) || line.ends_with("SEGMENTS"));
        for column in head.split_whitespace() {
            let told = "the picture is old: see tests/tools/picture.rs for the command";
            assert!(picture.contains(column), "{column}: {told}");
        }
    }
    top.press("q");
    assert!(top.ended());
}

/// Cells that look alike and stand next to each other.
struct Run {
    column: u16,
    columns: u16,
    text: String,
    style: Style,
}

#[derive(Clone, Copy, PartialEq)]
struct Style {
    color: vt100::Color,
    bold: bool,
    inverse: bool,
}

fn runs(screen: &vt100::Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(row, column) else { continue };
        let style = Style { color: cell.fgcolor(), bold: cell.bold(), inverse: cell.inverse() };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        match runs.last_mut() {
            Some(run) if run.style == style => {
                run.columns += 1;
                run.text += text;
            }
            _ => runs.push(Run { column, columns: 1, text: text.to_owned(), style }),
        }
    }
    // Space that nobody sees.
    for run in runs.iter_mut().filter(|run| !run.style.inverse) {
        let shown = run.text.trim_end();
        run.columns -= (run.text.chars().count() - shown.chars().count()) as u16;
        run.text.truncate(shown.len());
    }
    runs.retain(|run| run.columns > 0);
    runs
}

fn color(color: vt100::Color) -> &'static str {
    match color {
        vt100::Color::Idx(1 | 9) => "#ff6b68",
        vt100::Color::Idx(8) => "#7f8694",
        _ => FOREGROUND,
    }
}

/// The screen, with another directory than `place`.
fn svg(screen: &vt100::Screen, place: &str) -> String {
    let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
    let mut lines: Vec<Vec<Run>> = (0..rows).map(|row| runs(screen, row)).collect();
    let is_place = |run: &&mut Run| run.text.len() > 12 && place.starts_with(run.text.as_str());
    for run in lines.iter_mut().flatten().filter(is_place) {
        run.text = "/dev/shm/barewire-1000".to_owned();
        run.columns = run.text.len() as u16;
    }
    let (wide, high) = (f64::from(columns) * CELL.0, lines.len() as f64 * CELL.1);
    let (wide, high) = (wide + 2.0 * MARGIN, high + 2.0 * MARGIN);
    let mut out = String::new();
    let mut put = |line: std::fmt::Arguments<'_>| {
        writeln!(out, "{line}").expect("a String takes everything");
    };
    let view = format!("viewBox=\"0 0 {wide:.0} {high:.0}\" width=\"{wide:.0}\"");
    put(format_args!("<svg xmlns=\"http://www.w3.org/2000/svg\" {view} role=\"img\">"));
    put(format_args!("<title>barewire top</title>"));
    let font = "font-family=\"ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace\"";
    put(format_args!("<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>"));
    put(format_args!("<g {font} font-size=\"13\" xml:space=\"preserve\">"));
    for (line, runs) in lines.iter().enumerate() {
        let top = MARGIN + line as f64 * CELL.1;
        for run in runs {
            let (x, width) =
                (MARGIN + f64::from(run.column) * CELL.0, f64::from(run.columns) * CELL.0);
            let mut ink = color(run.style.color);
            if run.style.inverse {
                let size = format!("width=\"{width:.1}\" height=\"{:.1}\"", CELL.1);
                put(format_args!("<rect x=\"{x:.1}\" y=\"{top:.1}\" {size} fill=\"{ink}\"/>"));
                ink = BACKGROUND;
            }
            let weight = if run.style.bold { " font-weight=\"bold\"" } else { "" };
            let place = format!("x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\"", top + 13.0);
            let text = run.text.replace('&', "&amp;").replace('<', "&lt;");
            put(format_args!("<text {place} fill=\"{ink}\"{weight}>{text}</text>"));
        }
    }
    put(format_args!("</g>\n</svg>"));
    out
}
