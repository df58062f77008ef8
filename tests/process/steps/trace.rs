//! The instructions of one operation: recorded once, and the quickest way to each of them again.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::tracer::{Event, Tracee};

/// A break-point costs this many steps: two writes of code, two stops, one step over it.
const STEPS_PER_HIT: usize = 4;
/// No operation has as many instructions; one that seems to never ends.
const MAX_INSTRUCTIONS: usize = 20_000_000;
/// The opcode of a system call.
const SYSCALL: u64 = 0x050f;

/// What one run of an operation executed.
#[derive(Debug)]
pub(crate) struct Trace {
    /// Where the child stands after 0, 1, 2, … instructions; the last is before the end mark.
    counters: Vec<u64>,
    /// By how many break-point hits and then steps each point is reached.
    ways: Vec<Way>,
    /// The points right before and after each system call and each change of shared memory.
    notable: BTreeSet<usize>,
}

/// To a point: a break-point at point `from` for its `hits`-th time (none if 0), then steps.
#[derive(Debug, Clone, Copy)]
struct Way {
    from: usize,
    hits: usize,
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
        let mut counters = vec![begin];
        let mut notable = BTreeSet::new();
        let mut watch = Watch::new(directory);
        loop {
            let point = counters.len() - 1;
            let syscall = tracee.word(counters[point]) & 0xffff == SYSCALL;
            assert_eq!(tracee.step(), Event::Trap, "the child ended inside the operation");
            let counter = tracee.counter();
            if counter == begin {
                // The end mark itself was executed: what came before was the return into it.
                break;
            }
            if syscall {
                watch.look_for_files();
            }
            if watch.changed() || syscall {
                notable.extend([point, point + 1]);
            }
            counters.push(counter);
            assert!(counters.len() < MAX_INSTRUCTIONS, "the operation does not end");
        }
        notable.extend([0, counters.len() - 1]);
        let ways = ways(&counters);
        Self { counters, ways, notable }
    }

    /// How many points there are: one before the first instruction and one after each.
    pub(crate) fn len(&self) -> usize {
        self.counters.len()
    }

    /// Whether others can tell the state here from that one instruction before or after.
    pub(crate) fn is_notable(&self, point: usize) -> bool {
        self.notable.contains(&point)
    }

    pub(crate) fn counter(&self, point: usize) -> u64 {
        self.counters[point]
    }

    /// Brings a child, which stands at the begin mark, to a point by the quickest way.
    pub(crate) fn go(&self, tracee: &mut Tracee, point: usize) -> Reached {
        let way = self.ways[point];
        if way.hits > 0 && !tracee.run_to(self.counters[way.from], way.hits) {
            return Reached::Astray;
        }
        match steps(tracee, self.counters[0], point - way.from) {
            Reached::Here if tracee.counter() == self.counters[point] => Reached::Here,
            _ => Reached::Astray,
        }
    }

    /// The same by single steps from the start, whatever the path.
    pub(crate) fn walk(&self, tracee: &mut Tracee, point: usize) -> Reached {
        steps(tracee, self.counters[0], point)
    }
}

fn steps(tracee: &mut Tracee, mark: u64, count: usize) -> Reached {
    for _ in 0..count {
        if tracee.step() != Event::Trap || tracee.counter() == mark {
            return Reached::Ended;
        }
    }
    Reached::Here
}

/// The cheapest way to each point, by what it costs to get to the one before.
fn ways(counters: &[u64]) -> Vec<Way> {
    let mut hits: HashMap<u64, usize> = HashMap::new();
    let mut ways = vec![Way { from: 0, hits: 0 }];
    let mut cost = 0;
    for (point, counter) in counters.iter().enumerate().skip(1) {
        let hit = hits.entry(*counter).or_default();
        *hit += 1;
        let direct = *hit * STEPS_PER_HIT;
        if direct < cost + 1 {
            cost = direct;
            ways.push(Way { from: point, hits: *hit });
        } else {
            cost += 1;
            ways.push(ways[point - 1]);
        }
    }
    ways
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
