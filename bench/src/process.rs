//! The processes of a row: this program again, each told its part, all ended when time is over.

use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::peer::CONTROL;
use crate::plan::{Kind, Plan, Report, Row};
use crate::{Outcome, syscalls, systems};

/// What a row may take beyond the time that it measures.
const GRACE: Duration = Duration::from_secs(8);
/// Where shared memory is kept.
const MEMORY: &str = "/dev/shm";

/// A directory of this run's, removed with everything in it.
pub(crate) struct Scratch {
    path: PathBuf,
    rows: std::cell::Cell<u32>,
}

impl Scratch {
    /// Makes it.
    pub(crate) fn new() -> Outcome<Self> {
        let path = Path::new(MEMORY).join(format!("barewire-bench-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, rows: std::cell::Cell::new(0) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn row(&self) -> Outcome<PathBuf> {
        let number = self.rows.replace(self.rows.get() + 1);
        let path = self.path.join(format!("bwbench-{}-{number}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes a row's directory, and what a peer that was ended has left beside it.
fn clean(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
    let prefix = systems::iceoryx2_prefix(directory);
    for entry in fs::read_dir(MEMORY).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A row that is to be measured once.
pub(crate) struct Order<'a> {
    pub(crate) scratch: &'a Scratch,
    pub(crate) cores: &'a [usize],
    pub(crate) system: &'a str,
    pub(crate) row: Row,
    pub(crate) millis: u64,
}

impl Order<'_> {
    /// Measures the row; the reports of all its processes, producers first.
    pub(crate) fn measure(&self) -> Outcome<Vec<Report>> {
        self.in_directory(|directory| {
            let mut crew = self.start(directory, None)?;
            crew.reports(Instant::now() + GRACE + 2 * Duration::from_millis(self.millis))
        })
    }

    /// Counts the system calls that one message of a sleeping round trip takes.
    pub(crate) fn count_syscalls(&self, trips: u64) -> Outcome<f64> {
        self.in_directory(|directory| {
            let crew = self.start(directory, Some(trips))?;
            let control = Control::open(&directory.join(CONTROL), 1, true)?;
            let ids: Vec<i32> = crew.0.iter().map(|child| child.id().cast_signed()).collect();
            let calls = syscalls::count(&ids, &control, GRACE)?;
            Ok(calls as f64 / (2 * trips) as f64)
        })
    }

    fn in_directory<R>(&self, work: impl FnOnce(&Path) -> Outcome<R>) -> Outcome<R> {
        let directory = self.scratch.row()?;
        Control::create(&directory.join(CONTROL))?;
        let done = work(&directory);
        clean(&directory);
        done
    }

    /// Producers on the first core, consumers on the second, or each alone if there are enough.
    fn core(&self, role: usize) -> usize {
        let (producers, _) = self.row.mesh();
        let one_core = matches!(self.row.kind, Kind::Wake { one_core: true });
        if one_core {
            self.cores[0]
        } else if self.is_crowded() {
            self.cores[usize::from(role >= producers)]
        } else {
            self.cores[role]
        }
    }

    fn is_crowded(&self) -> bool {
        self.row.participants() > self.cores.len()
    }

    fn start(&self, directory: &Path, trips: Option<u64>) -> Outcome<Crew> {
        let mut crew = Crew(Vec::new(), directory.to_owned());
        for role in 0..self.row.participants() {
            let plan = Plan {
                row: self.row,
                system: self.system.to_owned(),
                directory: directory.to_owned(),
                role,
                core: self.core(role),
                crowded: self.is_crowded(),
                millis: self.millis,
                trips,
            };
            let said = File::create(directory.join(format!("said{role}")))?;
            let child = Command::new(std::env::current_exe()?)
                .arg("peer")
                .arg(serde_json::to_string(&plan)?)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(said)
                .spawn()?;
            crew.0.push(child);
        }
        Ok(crew)
    }
}

/// The processes of a row; ended by their ids when this is dropped.
struct Crew(Vec<Child>, PathBuf);

impl Drop for Crew {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Crew {
    /// What all have found; an error as soon as one fails, or at the deadline.
    fn reports(&mut self, deadline: Instant) -> Outcome<Vec<Report>> {
        let mut texts = vec![String::new(); self.0.len()];
        let mut open = self.0.len();
        let mut polled: Vec<libc::pollfd> = Vec::new();
        for child in &self.0 {
            let output = child.stdout.as_ref().ok_or("a process without output")?;
            polled.push(libc::pollfd { fd: output.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        }
        while open > 0 {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            let left = i32::try_from(left).unwrap_or(i32::MAX);
            // SAFETY: as many entries as said, each of an open descriptor or of none.
            let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as u64, left) };
            if ready == 0 {
                return Err("did not end in time".into());
            }
            for role in 0..polled.len() {
                if polled[role].revents == 0 {
                    continue;
                }
                // One line and the end of the process come together.
                let output = self.0[role].stdout.as_mut().ok_or("a process without output")?;
                output.read_to_string(&mut texts[role])?;
                if !self.0[role].wait()?.success() {
                    return Err(self.complaint(role).into());
                }
                polled[role].fd = -1;
                polled[role].revents = 0;
                open -= 1;
            }
        }
        texts.iter().map(|text| Ok(serde_json::from_str(text)?)).collect()
    }

    fn complaint(&self, role: usize) -> String {
        let said = fs::read_to_string(self.1.join(format!("said{role}"))).unwrap_or_default();
        let line = said.lines().rev().find(|line| !line.trim().is_empty());
        line.unwrap_or("a process ended without a word").to_owned()
    }
}
