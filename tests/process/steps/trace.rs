//! The instructions of one operation: recorded once, and the quickest way to each of them again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::tracer::{Event, Tracee};

/// No operation takes as many steps; one that seems to, never ends.
const MAX_STEPS: usize = 20_000_000;
/// The opcode of a system call.
const SYSCALL: u64 = 0x050f;

/// What one run of an operation executed.
#[derive(Debug)]
pub(crate) struct Trace {
    points: Vec<Point>,
    /// How often it was stepped; more than once for an instruction that repeats itself.
    steps: usize,
    /// By address: the instruction that came next, if it was always the same.
    next: HashMap<u64, Option<u64>>,
}

/// A place between two instructions.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// The address of the next instruction.
    counter: u64,
    /// How many steps lead here.
    steps: usize,
    /// The how many-th time the child stands at this address.
    hits: usize,
    /// The point, this or one before, from which there is the quickest way to here.
    from: usize,
    /// The how many-th time since `from` the child stands at this address.
    hits_from: usize,
    /// Whether others can tell the state here from that right before or after.
    notable: bool,
}

/// Whether a child came to the point that it was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Here,
    /// It took another path than the recorded run.
    Astray,
    /// The operation was over before.
    Ended,
}

impl Trace {
    /// Records an operation that begins here, at a mark, and ends at the next one.
    pub(crate) fn record(tracee: &mut Tracee, directory: &Path) -> Self {
        let begin = tracee.counter();
        let first =
            Point { counter: begin, steps: 0, hits: 0, from: 0, hits_from: 0, notable: true };
        let mut trace = Self { points: vec![first], steps: 0, next: HashMap::new() };
        let mut hits: HashMap<u64, usize> = HashMap::new();
        let mut since: HashMap<u64, usize> = HashMap::new();
        let mut watch = Watch::new(directory);
        loop {
            let last = trace.points.len() - 1;
            let before = trace.points[last];
            let syscall = tracee.word(before.counter) & 0xffff == SYSCALL;
            assert_eq!(tracee.step(), Event::Trap, "the child ended inside the operation");
            let counter = tracee.counter();
            if counter == begin {
                trace.points[last].notable = true;
                return trace;
            }
            trace.steps += 1;
            assert!(trace.steps < MAX_STEPS, "the operation does not end");
            let next = Some(counter).filter(|counter| *counter != before.counter);
            let seen = trace.next.entry(before.counter).or_insert(next);
            *seen = next.filter(|_| *seen == next);
            let [hits, hits_from] = [&mut hits, &mut since].map(|hits| {
                let hits = hits.entry(counter).or_default();
                *hits += 1;
                *hits
            });
            if syscall {
                watch.look_for_files();
            }
            let notable = watch.changed() || syscall;
            if counter == before.counter && !notable {
                // The instruction goes on with its next repetition, and nobody can tell.
                continue;
            }
            trace.points[last].notable |= notable;
            let mut point =
                Point { counter, steps: trace.steps, hits, from: before.from, hits_from, notable };
            // A break-point costs as often as it is passed.
            if hits <= trace.points[before.from].hits + hits_from {
                (point.from, point.hits_from) = (last + 1, 0);
                since.clear();
            }
            trace.points.push(point);
        }
    }

    /// How many points there are: one before the first instruction and one after each.
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// The points at which others can tell the state from that right before or after, and of those
    /// that come to an instruction for the first time, about `count`.
    pub(crate) fn selection(&self, count: usize) -> Vec<usize> {
        let is_first = |point: &Point| point.hits <= 1;
        let stride = self.points.iter().filter(|point| is_first(point)).count().div_ceil(count);
        let mut firsts = 0;
        let mut selected = Vec::new();
        for (index, point) in self.points.iter().enumerate() {
            firsts += usize::from(is_first(point));
            if point.notable || is_first(point) && firsts % stride == 0 {
                selected.push(index);
            }
        }
        selected
    }

    /// The address of the next instruction.
    pub(crate) fn counter(&self, point: usize) -> u64 {
        self.points[point].counter
    }

    /// Brings a child, which stands at the begin mark, to a point by the quickest way; with
    /// `back`, by the quickest way to the point so many before and single steps from there.
    pub(crate) fn go(&self, tracee: &mut Tracee, point: usize, back: usize) -> Reached {
        let from = self.points[self.points[point.saturating_sub(back)].from];
        let point = self.points[point];
        if !self.run_to(tracee, from.counter, from.hits) {
            return Reached::Astray;
        }
        if back == 0 {
            let there = self.run_to(tracee, point.counter, point.hits_from);
            return if there { Reached::Here } else { Reached::Astray };
        }
        match self.steps(tracee, point.steps - from.steps) {
            Reached::Ended if from.hits > 0 => Reached::Astray,
            // A detour on the way may have been longer or shorter than the recorded one.
            reached => reached,
        }
    }

    fn run_to(&self, tracee: &mut Tracee, address: u64, hits: usize) -> bool {
        tracee.run_to(address, hits, self.next.get(&address).copied().flatten())
    }

    fn steps(&self, tracee: &mut Tracee, count: usize) -> Reached {
        for _ in 0..count {
            if tracee.step() != Event::Trap || tracee.counter() == self.points[0].counter {
                return Reached::Ended;
            }
        }
        Reached::Here
    }
}

/// Notices when a segment in a directory changes.
struct Watch {
    directory: PathBuf,
    files: Vec<(PathBuf, File, Vec<u8>)>,
    now: Vec<u8>,
}

impl Watch {
    fn new(directory: &Path) -> Self {
        let mut watch =
            Self { directory: directory.to_owned(), files: Vec::new(), now: Vec::new() };
        watch.look_for_files();
        watch
    }

    fn look_for_files(&mut self) {
        self.files.retain(|(path, ..)| path.exists());
        for entry in fs::read_dir(&self.directory).expect("the directory is there") {
            let path = entry.expect("readable").path();
            if self.files.iter().all(|(known, ..)| *known != path)
                && let Ok(file) = File::open(&path)
            {
                self.files.push((path, file, Vec::new()));
            }
        }
    }

    fn changed(&mut self) -> bool {
        let mut changed = false;
        for (_, file, before) in &mut self.files {
            let len = file.metadata().expect("an open file has a length").len();
            self.now.resize(usize::try_from(len).expect("a small file"), 0);
            file.read_exact_at(&mut self.now, 0).expect("a segment keeps its length");
            if *before != self.now {
                before.clone_from(&self.now);
                changed = true;
            }
        }
        changed
    }
}
