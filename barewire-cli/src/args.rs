//! What can stand on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use barewire::actor::{Restart, Strategy};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::failure::EXIT_CODES;
use crate::runs::MOST_INSTANCES;

/// Looks into segments of running programs: queues, topics, services and regions, field by field.
///
/// Segments are found in the directory that BAREWIRE_DIR names, or in this user's private one in
/// /dev/shm. Reading never disturbs: nothing is attached, locked or written.
#[derive(Debug, Parser)]
#[command(name = "barewire", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// The directory of the segments, instead of BAREWIRE_DIR or the private one.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) dir: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command line as clap knows it: for completions, the man page and tests.
///
/// ```
/// let command = barewire_cli::command();
/// assert!(command.find_subcommand("ls").is_some() && command.find_subcommand("top").is_some());
/// ```
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Format {
    /// For machines: JSON, one object or list, or one object a line where things come one by one.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists all segments: kind, type, size, who is attached, what waits, age.
    Ls(Format),
    /// Shows a segment: header, participants, figures, schema and layout with offsets.
    Show {
        /// The segment.
        name: String,
        #[command(flatten)]
        format: Format,
    },
    /// Shows values: a region's value, the messages that wait in a queue, the last ones of a topic,
    /// the calls under way of a service.
    Cat(Cat),
    /// Shows the messages of a queue or a topic as they pass, without taking them.
    Tap(Tap),
    /// Puts a value into a queue, or publishes it to a topic, checked against the schema.
    Send(Send),
    /// A live screen: rates, depth, drops, redeliveries, waiters, processes, actors, nodes of
    /// clusters. `q` ends it.
    Top(Top),
    /// Lists the processes that are attached to segments, and those that `run` supervises.
    Ps(Format),
    /// Supervises a program: starts it, starts it again when it fails, and ends it with itself.
    Run(Run),
    /// Stops what `run` supervises: SIGTERM, and SIGKILL if it does not end in time.
    Stop {
        /// The name of the run.
        name: String,
        /// How many seconds until the supervisor itself is killed, and with it all that it has
        /// started; if nothing is said, as many as its instances may take, and 5.
        #[arg(long, value_name = "S")]
        timeout: Option<f64>,
        #[command(flatten)]
        format: Format,
    },
    /// Writes the messages of a queue or a topic to a file as they pass.
    Record(Record),
    /// Sends recorded messages again, or prints them if no segment is named.
    Replay(Replay),
    /// Looks for what is wrong: dead owners, orphans, foreign files, permissions.
    Doctor {
        /// Mends what can be mended without losing anything that somebody alive uses.
        #[arg(long)]
        fix: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Removes segments that nobody alive is attached to.
    Rm {
        /// The segments.
        #[arg(required = true)]
        names: Vec<String>,
        /// Also what is in use, or foreign. Those who are attached keep what they have.
        #[arg(long)]
        force: bool,
    },
    /// Checks, prints and compares schemas: of `.bare` files, segments and recorded files.
    #[command(subcommand)]
    Schema(Schema),
    /// Writes a schema as declarations of another language.
    Emit {
        /// A `.bare` file, a segment or a recorded file.
        source: String,
        /// The language.
        #[arg(long, value_enum)]
        lang: Language,
    },
    /// Reads a C header: its structs as BARE, its functions, and what is left out.
    Import {
        /// The header: a file, or a name as in `#include <name>`.
        header: String,
        /// One more argument for the C compiler, such as `-I/opt/include`.
        #[arg(long = "cc", value_name = "ARGUMENT", allow_hyphen_values = true)]
        arguments: Vec<String>,
        #[command(flatten)]
        format: Format,
    },
    /// Measures this machine: its floor, and a queue, a topic and a service between two processes.
    Bench {
        /// How long each measurement lasts.
        #[arg(long, default_value_t = 300, value_name = "N")]
        milliseconds: u64,
        #[command(flatten)]
        format: Format,
    },
    /// The other process of a measurement.
    #[command(hide = true)]
    BenchPeer {
        /// What it does.
        role: String,
        /// The segment.
        name: String,
        /// The processor to stay on; then it may spin.
        #[arg(long)]
        cpu: Option<usize>,
    },
    /// Writes completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Writes the man page.
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct Cat {
    /// The segment.
    pub(crate) name: String,
    /// The part of each value that is shown, such as `users[0].name`.
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Goes on: shows a region again whenever it changes, and what passes of the others.
    #[arg(long)]
    pub(crate) watch: bool,
    /// How many messages of each publisher of a topic.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) last: u64,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Tap {
    /// The queue or the topic.
    pub(crate) name: String,
    /// The part of each value that is shown, such as `users[0].name`.
    #[arg(long)]
    pub(crate) path: Option<String>,
    /// Ends after so many messages.
    #[arg(long, value_name = "N")]
    pub(crate) messages: Option<u64>,
    /// Ends after so many seconds.
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    /// Looks as often as it can: misses less, and slows a queue at full speed down.
    #[arg(long)]
    pub(crate) eager: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The queue or the topic.
    pub(crate) name: String,
    /// The value as JSON; `-` takes one from each line of the input.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub(crate) json: String,
    /// The number that stands in the message's header.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) kind: u32,
    /// How many seconds to wait for room.
    #[arg(long, default_value_t = 5.0, value_name = "S")]
    pub(crate) timeout: f64,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Seconds from one look to the next.
    #[arg(long, default_value_t = 1.0, value_name = "S")]
    pub(crate) interval: f64,
    /// Ends after so many looks.
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// What it is called; as the program, if nothing is said.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How many processes; each finds its number in BAREWIRE_INSTANCE.
    #[arg(long, default_value_t = 1, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_INSTANCES)))]
    pub(crate) instances: u32,
    /// Which of them are started again when one has ended.
    #[arg(long, value_enum, default_value_t = Restarted::OneForOne)]
    pub(crate) restart: Restarted,
    /// After which ends.
    #[arg(long, value_enum, default_value_t = When::Failure)]
    pub(crate) when: When,
    /// More restarts than so many in a while are too many: all are stopped, exit code 8.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) intensity: usize,
    /// How many seconds that while lasts.
    #[arg(long, default_value_t = 5.0, value_name = "S")]
    pub(crate) within: f64,
    /// Seconds before the first restart; twice as many before each of the next ones.
    #[arg(long, default_value_t = 0.1, value_name = "S")]
    pub(crate) backoff: f64,
    /// The most seconds before a restart.
    #[arg(long, default_value_t = 10.0, value_name = "S")]
    pub(crate) longest_backoff: f64,
    /// Seconds that each may take to stop after SIGTERM, before it is killed.
    #[arg(long, default_value_t = 5.0, value_name = "S")]
    pub(crate) stop_timeout: f64,
    #[command(flatten)]
    pub(crate) format: Format,
    /// The program and its arguments.
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// Which instances are started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Restarted {
    /// The one that has ended.
    OneForOne,
    /// All.
    OneForAll,
    /// That one, and those with higher numbers.
    RestForOne,
}

impl From<Restarted> for Strategy {
    fn from(restarted: Restarted) -> Self {
        match restarted {
            Restarted::OneForOne => Self::OneForOne,
            Restarted::OneForAll => Self::OneForAll,
            Restarted::RestForOne => Self::RestForOne,
        }
    }
}

/// After which ends an instance is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// All.
    Always,
    /// All but exit code 0.
    Failure,
    /// None.
    Never,
}

impl From<When> for Restart {
    fn from(when: When) -> Self {
        match when {
            When::Always => Self::Permanent,
            When::Failure => Self::Transient,
            When::Never => Self::Temporary,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The queue or the topic.
    pub(crate) name: String,
    /// The file; an existing one is refused.
    pub(crate) file: PathBuf,
    /// Ends after so many messages.
    #[arg(long, value_name = "N")]
    pub(crate) messages: Option<u64>,
    /// Ends after so many seconds.
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recorded file.
    pub(crate) file: PathBuf,
    /// The queue or the topic; without it, the messages are printed.
    pub(crate) name: Option<String>,
    /// As fast as possible, instead of in the original timing.
    #[arg(long)]
    pub(crate) fast: bool,
    /// So many times as fast as it was.
    #[arg(long, default_value_t = 1.0, value_name = "X", conflicts_with = "fast")]
    pub(crate) speed: f64,
    /// Leaves out messages that the segment's schema does not know, if the file's is newer.
    #[arg(long)]
    pub(crate) skip_unknown: bool,
    /// How many seconds to wait for room for a message.
    #[arg(long, default_value_t = 30.0, value_name = "S")]
    pub(crate) timeout: f64,
    #[command(flatten)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Checks one schema, or whether a new one goes with an old one; exit code 1 if not.
    Check {
        /// A `.bare` file, a segment or a recorded file: the old one, if there are two.
        source: String,
        /// The new one.
        new: Option<String>,
        /// What is asked for.
        #[arg(long, value_enum, default_value_t = Need::Backward)]
        need: Need,
        #[command(flatten)]
        format: Format,
    },
    /// Prints a schema in its canonical form.
    Print {
        /// A `.bare` file, a segment or a recorded file.
        source: String,
        #[command(flatten)]
        format: Format,
    },
    /// Says where two schemas differ; exit code 1 if they do.
    Diff {
        /// A `.bare` file, a segment or a recorded file.
        old: String,
        /// The other one.
        new: String,
        #[command(flatten)]
        format: Format,
    },
    /// Prints the wire id and the layout id of the last type.
    Fingerprint {
        /// A `.bare` file, a segment or a recorded file.
        source: String,
        #[command(flatten)]
        format: Format,
    },
}

/// What a new schema must be to an old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Need {
    /// The new one reads what the old one wrote.
    Backward,
    /// The old one reads what the new one writes.
    Forward,
    /// Each reads the other.
    Both,
    /// They share memory: the fixed layout is the same.
    Layout,
}

/// A language that schemas are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Structs with an assertion for every size and offset.
    C,
    /// Types that derive `BareSchema`.
    Rust,
    /// BARE text.
    Bare,
}

impl Command {
    /// Whether errors are to be JSON as well.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Ls(format) | Self::Ps(format) => format.json,
            Self::Show { format, .. }
            | Self::Doctor { format, .. }
            | Self::Import { format, .. }
            | Self::Bench { format, .. }
            | Self::Stop { format, .. }
            | Self::Schema(
                Schema::Check { format, .. }
                | Schema::Print { format, .. }
                | Schema::Diff { format, .. }
                | Schema::Fingerprint { format, .. },
            ) => format.json,
            Self::Cat(cat) => cat.format.json,
            Self::Tap(tap) => tap.format.json,
            Self::Top(top) => top.format.json,
            Self::Run(run) => run.format.json,
            Self::Record(record) => record.format.json,
            Self::Replay(replay) => replay.format.json,
            Self::Send(_)
            | Self::Rm { .. }
            | Self::Emit { .. }
            | Self::BenchPeer { .. }
            | Self::Completions { .. }
            | Self::Man => false,
        }
    }
}
