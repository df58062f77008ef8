//! Measures barewire beside its peers: between pinned processes, floors beside each row; and as a
//! codec, in one process.
//!
//! The workspace's release profile has `lto = "fat"` and one codegen unit: calls into a library
//! are inlined whether or not it marks them so, for peers and for barewire alike. Other release
//! builds of the workspace do not become slower by it.

mod actor;
mod cluster;
mod codec;
mod control;
mod duel;
mod farscape;
mod floor;
mod json;
mod loops;
mod machine;
mod payload;
mod peer;
mod plan;
mod process;
mod rows;
mod run;
mod stats;
mod syscalls;
mod systems;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What may go wrong here: a row that cannot be measured says why.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Messages, calls and state between processes of one machine.
    Ipc(Options),
    /// Codecs on the data sets of the public Rust serialization benchmark.
    Codec(codec::Options),
    /// Actors in one process and between two.
    Actor(actor::Options),
    /// Empty tasks in a cluster of four processes.
    Cluster(cluster::Options),
    /// Calls of C libraries: direct, in this process, in another one, and over a socket.
    Farscape(farscape::Options),
    /// The other end of a row of actors, as the program starts it.
    #[command(hide = true, subcommand)]
    Far(actor::Far),
    /// A process of a row, as the program starts it.
    #[command(hide = true)]
    Peer {
        /// The plan, as JSON.
        plan: String,
    },
}

/// How to measure.
#[derive(clap::Args)]
struct Options {
    /// About two minutes instead of ten: shorter rows, and each of them once.
    #[arg(long)]
    quick: bool,
    /// Writes the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only rows whose `name system` contains this.
    #[arg(long, value_name = "SUBSTRING")]
    only: Option<String>,
}

fn main() -> ExitCode {
    if let Some(worker) = barewire::actor::Worker::here() {
        return exit(actor::work(worker));
    }
    farscape::become_worker();
    cluster::become_node();
    let done = match Arguments::parse().command {
        Command::Ipc(options) => run::run(&options),
        Command::Codec(options) => codec::run(&options),
        Command::Actor(options) => actor::run(&options),
        Command::Cluster(options) => cluster::run(&options),
        Command::Farscape(options) => farscape::run(&options),
        Command::Far(far) => actor::be(far),
        Command::Peer { plan } => peer::run(&plan),
    };
    exit(done)
}

fn exit(done: Outcome<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("barewire-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
