//! Processes of a test, in a directory of the test's own, and the tool that looks at them.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

const ROLE: &str = "BAREWIRE_TEST_ROLE";
/// The tool itself.
pub(crate) const TOOL: &str = env!("CARGO_BIN_EXE_barewire");
/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A directory on tmpfs that is removed with everything in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/barewire-tool-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).expect("a new directory in /dev/shm");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, private).expect("its owner may");
        std::fs::create_dir(path.join("files")).expect("a new directory");
        std::fs::create_dir(path.join("segments")).expect("a new directory");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(path.join("segments"), private).expect("its owner may");
        Self(path)
    }

    /// Where the segments are.
    pub(crate) fn segments(&self) -> PathBuf {
        self.0.join("segments")
    }

    /// Where other files of the test are.
    pub(crate) fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// A file of the test with that text.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.files().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    }

    /// The names of the segments' files, and their bytes as far as nobody alive may change them.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.segments()).expect("the directory is there");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("readable").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    /// The tool with these arguments, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(TOOL);
        command.args(arguments).env("BAREWIRE_DIR", self.segments()).current_dir(self.files());
        command.stdin(Stdio::null());
        command
    }

    /// What the tool says to these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Told {
        let output = self.command(arguments).output().expect("the tool starts");
        Told::new(arguments, &output)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the tool has said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) arguments: String,
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    pub(crate) fn new(arguments: &[&str], output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it prints text");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let arguments = arguments.join(" ");
        let code = output.status.code();
        let code = code.unwrap_or_else(|| panic!("`{arguments}` was ended: {}", output.status));
        assert!(!err.contains("panicked"), "`{arguments}`: {err}");
        Self { arguments, code, out, err }
    }

    /// What it has printed, if it has done what it was asked to.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "`{}`: {}{}", self.arguments, self.out, self.err);
        self.out
    }

    /// What it has said on ending with that code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "`{}`: {}{}", self.arguments, self.out, self.err);
        self.out + &self.err
    }

    /// The JSON that it has printed.
    #[track_caller]
    pub(crate) fn json(self) -> Json {
        parse(&self.ok())
    }

    /// The lines of JSON that it has printed.
    #[track_caller]
    pub(crate) fn lines(self) -> Vec<Json> {
        self.ok().lines().map(parse).collect()
    }
}

#[track_caller]
pub(crate) fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Starts this program in a role, and waits until it says that it is ready.
pub(crate) fn start(role: &str, scratch: &Scratch) -> Process {
    let mut process = start_unready(role, scratch, "");
    process.line("ready");
    process
}

/// Likewise, without waiting; the role can ask for the argument.
pub(crate) fn start_unready(role: &str, scratch: &Scratch, argument: &str) -> Process {
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env("BAREWIRE_DIR", scratch.segments());
    command.env(format!("{ROLE}_ARGUMENT"), argument);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Process(command.spawn().expect("this program starts"))
}

/// What the parent has given to this child.
pub(crate) fn argument() -> String {
    std::env::var(format!("{ROLE}_ARGUMENT")).expect("the parent gives it")
}

pub(crate) fn run_child(roles: &[(&str, fn())]) {
    let Ok(wanted) = std::env::var(ROLE) else {
        return;
    };
    let (_, run) = roles.iter().find(|(role, _)| *role == wanted).expect("a known role");
    std::fs::write("/proc/self/comm", &wanted).expect("a process may name itself");
    run();
}

/// Says that this child is ready, and waits until it is told something, or its parent has gone.
pub(crate) fn ready() -> Option<String> {
    println!("ready");
    std::io::stdout().flush().expect("the parent reads");
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).expect("the parent writes");
    (read > 0).then(|| line.trim().to_owned())
}

/// A child; ended by its id if the test ends first.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits for the line that begins with `mark`, and yields the rest of it.
    pub(crate) fn line(&mut self, mark: &str) -> String {
        let output = self.0.stdout.as_mut().expect("piped");
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

    /// Tells the child something, and waits until it is ready again.
    pub(crate) fn tell(&mut self, what: &str) {
        let input = self.0.stdin.as_mut().expect("piped");
        writeln!(input, "{what}").expect("the child reads");
        self.line("ready");
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it was ended");
    }

    /// Lets it end by itself.
    pub(crate) fn finish(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("it ends").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A tool that goes on until it is ended.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let mut command = scratch.command(arguments);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("the tool starts"))
    }

    /// Asks it to end, and what it has said by then.
    pub(crate) fn interrupt(mut self) -> Told {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is ours");
        let begun = Instant::now();
        while self.0.try_wait().expect("it is ours").is_none() {
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut output = Output {
            status: self.0.wait().expect("it has ended"),
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        let child = &mut self.0;
        child.stdout.take().expect("piped").read_to_end(&mut output.stdout).expect("readable");
        child.stderr.take().expect("piped").read_to_end(&mut output.stderr).expect("readable");
        Told::new(&["interrupted"], &output)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// All bytes of a file.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("it can be read")
}
