//! Processes of a test: this program again, in a role, in a directory of the test's own.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

#[path = "../support/random.rs"]
mod random;
#[path = "../support/scratch.rs"]
mod scratch;
pub(crate) use random::Random;
pub(crate) use scratch::Scratch;

const ROLE: &str = "BAREWIRE_TEST_ROLE";

/// Starts this program in a role; what it prints can be read.
pub(crate) fn start(role: &str, directory: &Path, arguments: &[&str]) -> Process {
    start_with(role, directory, arguments, Stdio::inherit())
}

/// As [`start`]; the child inherits a descriptor as its input.
pub(crate) fn start_with(
    role: &str,
    directory: &Path,
    arguments: &[&str],
    input: impl Into<Stdio>,
) -> Process {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("BAREWIRE_DIR", directory);
    for (index, argument) in arguments.iter().enumerate() {
        command.env(format!("{ROLE}_{index}"), argument);
    }
    let child = command.stdin(input).stdout(Stdio::piped()).spawn().expect("this program starts");
    Process(child)
}

/// Argument number `index` of this child.
pub(crate) fn argument(index: usize) -> String {
    std::env::var(format!("{ROLE}_{index}")).expect("the parent gives it")
}

/// The directory of this child's segments.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os("BAREWIRE_DIR").expect("the parent gives it").into()
}

pub(crate) fn run_child(roles: &[(&str, fn())]) {
    let Ok(wanted) = std::env::var(ROLE) else {
        return;
    };
    let (_, run) = roles.iter().find(|(role, _)| *role == wanted).expect("a known role");
    run();
}

/// A child; ended by its id if the test ends first.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn id(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// Waits for the line that begins with `mark`, and yields the rest of it.
    pub(crate) fn line(&mut self, mark: &str) -> String {
        let output = self.0.stdout.as_mut().expect("piped");
        // Unbuffered, so that a later call goes on where this one stops.
        let mut reader = BufReader::with_capacity(1, output);
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line).expect("the child prints text");
            assert!(read > 0, "the child ended before it printed {mark}");
            if let Some(at) = line.find(mark) {
                return line[at + mark.len()..].trim().to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: i32) {
        // SAFETY: a plain system call on a child that was not waited for, so its id is its own.
        let result = unsafe { libc::kill(self.id(), signal) };
        assert_eq!(result, 0, "a child that was not waited for can be signalled");
    }

    pub(crate) fn kill(mut self) {
        self.signal(libc::SIGKILL);
        self.0.wait().expect("a child can be waited for");
    }

    /// Waits for the child to end, however long it takes, and yields all that it printed.
    pub(crate) fn output(mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        let output = self.0.stdout.as_mut().expect("piped");
        output.read_to_string(&mut text).expect("the child prints text");
        (self.0.wait().expect("a child can be waited for"), text)
    }

    /// Waits for the child to end well.
    pub(crate) fn finish(mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.0.try_wait().expect("a child can be waited for") {
                assert!(status.success(), "a child failed: {status}");
                return;
            }
            assert!(Instant::now() < deadline, "a child did not end in {patience:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
