//! The `barewire` command: what its subcommands do, and the format of recorded messages.
//!
//! Because every segment carries its schema, these tools show fields by name of programs that they
//! have never seen. Reading never disturbs: nothing is attached, locked or written, and a tool that
//! is killed leaves nothing behind.

mod args;
mod commands;
mod failure;
mod figures;
mod find;
mod json;
mod pace;
mod path;
pub mod record;
mod runs;
mod source;
mod stop;
mod text;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::command;

/// Runs the command that the arguments of this process say.
#[must_use]
pub fn main() -> ExitCode {
    // Becomes the program that `barewire run` supervises, if this process was started for that.
    let _ = barewire::actor::Worker::here();
    let cli = args::Cli::parse();
    let as_json = cli.command.wants_json();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(as_json),
    }
}
