//! Any program as a child, which knows nothing of actors.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::worker::ROLE;

/// The program that a process is to become.
const PROGRAM: &str = "BAREWIRE_PROGRAM";
const PARENT_PID: &str = "BAREWIRE_PROGRAM_PARENT_PID";

/// The code with which a process ends that could not become the program, as shells have it.
const NOT_EXECUTED: i32 = 126;

/// Any program as a child of a [`Supervisor`](crate::Supervisor).
///
/// It counts as ready when it was started, and lives for as long as it runs: there are no actors in
/// it, and no heartbeats. To stop it, the supervisor sends `SIGTERM`, and `SIGKILL` when its time
/// is over, to the program's process group: so what it has started goes with it, unless that has
/// left the group. The kernel kills the program when the supervisor's process ends, however that
/// ends.
///
/// For that, the process is this program again for a moment: its `main` must call
/// [`Worker::here`](crate::Worker::here) first of all, as for worker processes.
///
/// ```no_run
/// # use barewire_actor::{ActorSystem, Program, Strategy, Supervisor, Worker};
/// # use std::time::Duration;
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let _ = Worker::here(); // becomes the other program, if this process is to be one
///
///     let system = ActorSystem::builder("camera").local().start()?;
///     let encoder = Program::new("ffmpeg").argument("-version");
///     let supervision = Supervisor::new(Strategy::OneForOne)
///         .backoff(Duration::from_millis(100), Duration::from_secs(5))
///         .program("encoder", encoder.stop_timeout(Duration::from_secs(2)))
///         .start(&system)
///         .await?;
///     supervision.ended().await; // until it has failed too often
///     Ok(())
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a program is started by a supervisor"]
pub struct Program {
    path: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    pub(crate) stop: Duration,
}

impl Program {
    /// The program at that path, or of that name in one of the directories of `PATH`.
    pub fn new(path: impl Into<OsString>) -> Self {
        let (arguments, variables) = (Vec::new(), Vec::new());
        Self { path: path.into(), arguments, variables, stop: Duration::from_secs(5) }
    }

    /// One more argument.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of its environment, beside those of this process.
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// How long it may take to stop when it is asked to, before it is killed; 5 s.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop = timeout;
        self
    }

    /// Where the program is.
    ///
    /// # Errors
    ///
    /// `NotFound`, and `PermissionDenied` if it is there and cannot be run.
    pub fn find(&self) -> io::Result<PathBuf> {
        let name = Path::new(&self.path);
        if name.components().count() != 1 || self.path.as_encoded_bytes().contains(&b'/') {
            return executable(name.to_path_buf());
        }
        let directories = std::env::var_os("PATH").unwrap_or_default();
        let mut fault = io::Error::from(io::ErrorKind::NotFound);
        for directory in std::env::split_paths(&directories) {
            match executable(directory.join(name)) {
                Ok(path) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    pub(crate) fn name(&self) -> std::path::Display<'_> {
        Path::new(&self.path).display()
    }

    /// The command that starts it, by way of this program.
    pub(crate) fn command(&self) -> io::Result<Command> {
        // Unlike a path, this leads to what runs, also after it was replaced.
        let mut command = Command::new("/proc/self/exe");
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env(PROGRAM, self.find()?)
            .env(PARENT_PID, std::process::id().to_string())
            .stdin(std::process::Stdio::null())
            .process_group(0);
        Ok(command)
    }
}

fn executable(path: PathBuf) -> io::Result<PathBuf> {
    let data = path.metadata()?;
    let runs = data.is_file() && data.permissions().mode() & 0o111 != 0;
    if runs { Ok(path) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// Becomes the program that this process was started to be, if it was; from then on the kernel
/// kills it when its parent ends.
pub(crate) fn become_program() {
    let Some(path) = std::env::var_os(PROGRAM) else { return };
    if !dies_with(&std::env::var(PARENT_PID).unwrap_or_default()) {
        std::process::exit(NOT_EXECUTED);
    }
    let arguments = std::env::args_os().skip(1);
    let mut command = Command::new(&path);
    // It is no worker either, if its supervisor is one.
    command.args(arguments).env_remove(PROGRAM).env_remove(PARENT_PID).env_remove(ROLE);
    let error = command.exec();
    eprintln!("{}: {error}", Path::new::<OsStr>(&path).display());
    std::process::exit(NOT_EXECUTED);
}

/// Has the kernel kill this process when its parent ends; false if that has ended already.
pub(crate) fn dies_with(parent: &str) -> bool {
    let asked = set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    // It may have ended before the kernel was asked.
    let lives = getppid().is_some_and(|pid| pid.as_raw_nonzero().get().to_string() == parent);
    asked && lives
}
