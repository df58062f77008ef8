//! What `barewire run` supervises: written down in a region for all who want to know.

use std::time::SystemTime;

use barewire::inspect::{Contents, Entry, Inspected, What};
use barewire::{BareSchema, codec};

/// What stands behind the name of a run, in the name of its region.
const SUFFIX: &str = ".run";
/// The most instances of one run.
pub(crate) const MOST_INSTANCES: u32 = 64;
/// The most octets of a command line that are kept.
const COMMAND_BYTES: usize = 256;

/// A program that is supervised. Its supervisor alone writes this, and is the one attached.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Supervised {
    /// The program and its arguments, as far as there is room.
    #[bare(max = 256)]
    pub(crate) command: String,
    /// How long each instance may take to stop.
    pub(crate) stop_timeout_ms: u32,
    /// How many had to be killed in the end.
    pub(crate) killed: u32,
    #[bare(max = 64)]
    pub(crate) instances: Vec<Instance>,
}

/// One of the processes of a run.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Instance {
    /// Its number, as long as it runs.
    pub(crate) process: Option<u32>,
    /// How often it was started.
    pub(crate) starts: u64,
    /// When that was last.
    pub(crate) since: SystemTime,
    /// How it ended last: with this code,
    pub(crate) exit_code: Option<i32>,
    /// or by this signal.
    pub(crate) signal: Option<i32>,
}

impl Supervised {
    pub(crate) fn new(command: &str, stop_timeout_ms: u32, instances: u32) -> Self {
        let mut end = command.len().min(COMMAND_BYTES);
        while !command.is_char_boundary(end) {
            end -= 1;
        }
        let (process, exit_code, signal) = (None, None, None);
        let none = Instance { process, starts: 0, since: SystemTime::now(), exit_code, signal };
        let instances = vec![none; instances as usize];
        Self { command: command[..end].to_owned(), stop_timeout_ms, killed: 0, instances }
    }

    /// How it stands now; `None` if the segment is of something else.
    pub(crate) fn read(segment: &Inspected) -> Option<Self> {
        if segment.wire_id() != Self::TYPE.wire_id() {
            return None;
        }
        let Contents::Region(look) = segment.contents()? else { return None };
        let value = segment.value(&look.read()?.1).ok()?;
        codec::decode(&value.to_bytes(segment.ty()).ok()?).ok()
    }
}

/// The name of the region of a run.
pub(crate) fn region_of(run: &str) -> String {
    format!("{run}{SUFFIX}")
}

/// The run whose region has that name.
pub(crate) fn run_of(region: &str) -> Option<&str> {
    region.strip_suffix(SUFFIX)
}

/// The process that supervises, if it lives.
pub(crate) fn supervisor_of(segment: &Inspected) -> Option<u32> {
    segment.participants().iter().find(|who| who.alive).map(|who| who.process)
}

/// A process of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) process: u32,
    pub(crate) run: String,
    /// Which instance it is; the supervisor is none.
    pub(crate) instance: Option<usize>,
    /// How often it was started again; of the supervisor, all of them together.
    pub(crate) restarts: u64,
}

/// The processes of all runs whose supervisor lives.
pub(crate) fn parts(entries: &[Entry]) -> Vec<Part> {
    let mut found = Vec::new();
    for entry in entries {
        let What::Segment(segment) = &entry.what else { continue };
        let Some(run) = run_of(&entry.name) else { continue };
        let Some(supervisor) = supervisor_of(segment) else { continue };
        let Some(state) = Supervised::read(segment) else { continue };
        let part =
            |process, instance, restarts| Part { process, run: run.to_owned(), instance, restarts };
        let restarts = |instance: &Instance| instance.starts.saturating_sub(1);
        found.push(part(supervisor, None, state.instances.iter().map(restarts).sum()));
        for (number, instance) in (1..).zip(&state.instances) {
            let process = instance.process;
            found.extend(process.map(|process| part(process, Some(number), restarts(instance))));
        }
    }
    found
}
