//! Why a command has not done what it was asked to, and the exit code that says so.

use std::fmt;
use std::io;
use std::process::ExitCode;

use barewire::{Error, ErrorKind};
use serde_json::json;

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// The exit codes; they stand in the help, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The answer is no: schemas do not fit, or something is wrong.
    No = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// There is no such segment or file.
    NotFound = 3,
    /// It is not one of ours, is damaged, or holds something else; or the value is none of the
    /// type.
    Unfit = 4,
    /// It is in use, or cannot be trusted.
    Refused = 5,
    /// The queue stayed full, or the deadline passed.
    Late = 6,
    /// The operating system refused.
    System = 7,
    /// What was supervised failed too often.
    Failed = 8,
}

/// What the help says of exit codes.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the answer is no: schemas do not fit, or `doctor` has found something
  2  the command line makes no sense
  3  there is no such segment, file, program or run
  4  it is damaged or not what is needed, or the value is none of the type
  5  it is in use, or cannot be trusted
  6  the queue stayed full, or the deadline passed; what did not stop in time was killed
  7  the operating system refused
  8  what `run` supervised failed too often";

/// Why a command has not done what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    /// Whoever reads the output has had enough; that is no failure.
    silent: bool,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), silent: false }
    }

    /// The answer is no, and was printed.
    pub(crate) fn no() -> Self {
        Self::new(Code::No, "")
    }

    /// With another sentence at the end.
    pub(crate) fn help(mut self, help: impl fmt::Display) -> Self {
        self.message = format!("{}\n  {help}", self.message);
        self
    }

    pub(crate) fn report(&self, as_json: bool) -> ExitCode {
        if self.silent {
            return ExitCode::SUCCESS;
        }
        if as_json && !self.message.is_empty() {
            let told = json!({ "error": self.message, "code": self.code as u8 });
            eprintln!("{told}");
        } else if !self.message.is_empty() {
            eprintln!("barewire: {}", self.message);
        }
        ExitCode::from(self.code as u8)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error.kind() {
            ErrorKind::NotFound => Code::NotFound,
            ErrorKind::InvalidName | ErrorKind::InvalidArgument => Code::Usage,
            ErrorKind::SchemaMismatch
            | ErrorKind::Malformed
            | ErrorKind::InvalidValue
            | ErrorKind::TooLarge
            | ErrorKind::Truncated => Code::Unfit,
            ErrorKind::Untrusted
            | ErrorKind::AlreadyExists
            | ErrorKind::Refused
            | ErrorKind::TooManyParticipants => Code::Refused,
            ErrorKind::Full | ErrorKind::TimedOut => Code::Late,
            _ => Code::System,
        };
        Self::new(code, error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self { silent, ..Self::new(Code::System, error.to_string()) }
    }
}

/// What went wrong with a file.
pub(crate) fn of_file(path: &std::path::Path, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::NotFound,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Code::Unfit,
        _ => Code::System,
    };
    Failure::new(code, format!("{}: {error}", path.display()))
}
