//! Codecs on the data sets of the public Rust serialization benchmark, in one process, one core.

mod contest;
mod data;
mod report;
mod sets;
mod systems;

use std::path::PathBuf;

use contest::{Contender, Effort, Operation, measure};
use report::Figure;

use crate::{Outcome, machine};

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// About half a minute instead of four.
    #[arg(long)]
    quick: bool,
    /// Writes the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose `name system` contains this.
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
}

const QUICK: Effort = Effort { turns: 5, turn_ns: 40_000_000 };
const LONG: Effort = Effort { turns: 15, turn_ns: 100_000_000 };

/// Measures, prints, and writes the file.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    keep_memory();
    if let Some(core) = machine::cores()?.last() {
        machine::pin(*core)?;
    }
    let effort = if options.quick { QUICK } else { LONG };
    report::print_head();
    let mut figures = Vec::new();
    for set in sets::NAMES {
        let wanted = |operation: Operation, system: &str| {
            let full = format!("{} {system}", row_name(set, operation));
            options.only.as_ref().is_none_or(|only| full.contains(only.as_str()))
        };
        if !Operation::ALL.iter().any(|it| report::systems().any(|system| wanted(*it, system))) {
            continue;
        }
        let mut rest = sets::make(set);
        for operation in Operation::ALL {
            let name = row_name(set, operation);
            let (mut row, others): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|contender| contender.operation == operation);
            rest = others;
            row.retain(|contender| wanted(operation, contender.system));
            let medians = measure(&mut row, effort);
            let figure = |(contender, p50_ns): (&Contender, f64)| Figure {
                name: name.clone(),
                system: contender.system,
                p50_ns,
                bytes: contender.bytes,
            };
            let row: Vec<Figure> = row.iter().zip(medians).map(figure).collect();
            report::print_row(&row);
            figures.extend(row);
        }
    }
    report::print_foot(&figures);
    if let Some(path) = &options.json {
        std::fs::write(path, report::document(&figures))?;
    }
    Ok(())
}

fn row_name(set: &str, operation: Operation) -> String {
    format!("codec/{set}/{}", operation.name())
}

/// Keeps glibc from giving memory back to the system between runs, and from mapping large pieces
/// one by one: for all codecs alike, since it would measure the kernel in place of them.
#[cfg(target_env = "gnu")]
fn keep_memory() {
    let settings = [
        (libc::M_MMAP_THRESHOLD, 1 << 30),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
        (libc::M_TOP_PAD, 64 << 20),
    ];
    for (setting, value) in settings {
        // SAFETY: it takes two numbers, and no other thread runs yet.
        unsafe { libc::mallopt(setting, value) };
    }
}

#[cfg(not(target_env = "gnu"))]
fn keep_memory() {}
