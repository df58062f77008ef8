//! Takes one operation through all its points: killed at each, then stopped at each.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::clock::{self, PROGRESS};
use super::trace::{Reached, Trace};
use super::tracer::{Event, Nursery, Tracee};

/// With `1`, every point of every operation is taken, not a selection; with `FROM..TO`, the points
/// from FROM up to the one before TO.
const EVERY: &str = "BAREWIRE_EVERY_INSTRUCTION";
/// About so many points of one operation are taken beside the notable ones.
const SELECTED: usize = 16;
/// A point at which a survivor was slow is repeated so often: a busy machine is slow now and then,
/// a protocol that makes others wait is slow each time.
const ATTEMPTS: u32 = 4;
/// For a child that strays from the recorded path: it is stepped from so many points before, and
/// if it strays on the way there, from this many times as many.
const BACK_FIRST: usize = 256;
const BACK_FACTOR: usize = 8;
/// One point takes milliseconds. If it takes so long, somebody waits for ever.
const PATIENCE_S: u32 = 60;

/// Whether what the operation is for has happened, as the others see it after the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    NotYet,
    Done,
}

/// One operation on shared memory: what surrounds it, and what must hold after a kill or a stop.
///
/// The child is there first, then the parent makes its `world`, the child gets ready and comes to
/// its begin mark, and the victim, if there is one, attaches and dies.
pub(crate) trait Operation {
    /// What the parent holds: as a rule a segment in a known state.
    type World;

    /// Whether others can see the effect: none before the first instruction, all after the last.
    const VISIBLE: bool;
    /// A process that is killed right before the operation, when it comes to its mark.
    const VICTIM: Option<fn(&Path)> = None;

    fn world(at: &Path) -> Self::World;
    /// Gets ready, does the operation [`inside`](super::tracer::inside) its marks, and leaves; what
    /// it returns, less than 100, is its report.
    fn child(at: &Path) -> u8;
    /// The child was killed inside; panics unless all is well.
    fn killed(world: Self::World, at: &Path) -> Effect;
    /// The child stands still inside; the others work.
    fn stopped(world: &mut Self::World, at: &Path);
    /// The child went on and ended well, with a report.
    fn continued(world: Self::World, at: &Path, report: u8);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Kill,
    Stop,
}

/// What the two passes of one operation have covered.
#[derive(Debug)]
pub(crate) struct Covered {
    instructions: usize,
    kills: usize,
    stops: usize,
    strays: usize,
    effect_at: Option<usize>,
}

impl std::fmt::Display for Covered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { instructions, kills, stops, strays, .. } = self;
        write!(f, "{instructions} instructions, {kills} kill points, {stops} stop points")?;
        write!(f, " ({strays} beside the recorded path)")?;
        match self.effect_at {
            Some(point) => write!(f, ", done from {point} on"),
            None => Ok(()),
        }
    }
}

/// What became of one point.
#[derive(Debug, Clone, Copy)]
struct Covering {
    effect: Effect,
    /// Whether the child came there on another path than the recorded one.
    strayed: bool,
}

/// A child at the begin mark of its operation, and the world around it.
struct Stage<O: Operation> {
    child: Tracee,
    world: O::World,
}

struct Runner {
    directory: PathBuf,
    nurseries: Nurseries,
    progress: File,
    strays: Cell<usize>,
}

/// Runs both passes; an error means that this process may not trace.
pub(crate) fn run<O: Operation>(scratch: &Path) -> io::Result<Covered> {
    let directory = scratch.join("segments");
    std::fs::create_dir(&directory)?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&directory, private)?;
    // What happens the first time in this process has happened before the nurseries are made.
    let rehearsal = Nurseries::new::<O>(&directory)?;
    for _ in 0..2 {
        let Stage { child, world } = rehearsal.stage::<O>(&directory)?;
        child.kill();
        O::killed(world, &directory);
    }
    drop(rehearsal);
    let runner = Runner {
        nurseries: Nurseries::new::<O>(&directory)?,
        directory,
        progress: File::create(scratch.join("progress"))?,
        strays: Cell::new(0),
    };
    let trace = runner.record::<O>()?;
    let every = std::env::var_os(EVERY).map(|every| every.to_string_lossy().into_owned());
    let wanted = every.map(|every| wanted(&every, trace.len()));
    let whole = wanted.as_ref().is_none_or(|range| *range == (0..trace.len()));
    let points = wanted.map_or_else(|| trace.selection(SELECTED), Range::collect);
    let mut covered =
        Covered { instructions: trace.len() - 1, kills: 0, stops: 0, strays: 0, effect_at: None };
    let mut last = Effect::NotYet;
    for point in points {
        let killed = runner.point::<O>(&trace, point, Pass::Kill, 0);
        covered.kills += usize::from(killed.is_some());
        // Where a strayed child was killed is not quite the recorded point, and a break-point may
        // be passed sooner or later than in the recorded run. So single steps confirm a change.
        if killed.is_some_and(|killed| !killed.strayed && killed.effect != last)
            && let Some(confirmed) = runner.point::<O>(&trace, point, Pass::Kill, BACK_FIRST)
        {
            assert!(confirmed.effect >= last, "done before point {point}, and undone there");
            if confirmed.effect > last {
                covered.effect_at = Some(point);
            }
            last = confirmed.effect;
        }
        covered.stops += usize::from(runner.point::<O>(&trace, point, Pass::Stop, 0).is_some());
    }
    covered.strays = runner.strays.get();
    assert!(covered.effect_at != Some(0), "done before the first instruction");
    let seen = covered.effect_at.is_some();
    assert!(seen == O::VISIBLE || !(seen || whole), "whether the effect was ever seen");
    Ok(covered)
}

/// The points that the variable asks for, of `count`.
fn wanted(every: &str, count: usize) -> Range<usize> {
    if every == "1" {
        return 0..count;
    }
    let bounds = every.split_once("..").and_then(|(from, to)| {
        let (from, to): (usize, usize) = (from.parse().ok()?, to.parse().ok()?);
        (from < to).then_some(from..to)
    });
    let bounds = bounds.unwrap_or_else(|| panic!("{EVERY} is 1 or FROM..TO, not {every}"));
    assert!(bounds.start < count, "{EVERY} is {every}, and there are {count} points");
    bounds.start..bounds.end.min(count)
}

/// Where the children of an operation come from, and its victims.
struct Nurseries {
    children: Nursery,
    victims: Option<Nursery>,
}

impl Nurseries {
    fn new<O: Operation>(at: &Path) -> io::Result<Self> {
        let victims = O::VICTIM.map(|body| {
            Nursery::new(|| {
                body(at);
                0
            })
        });
        Ok(Self { children: Nursery::new(|| O::child(at))?, victims: victims.transpose()? })
    }

    fn stage<O: Operation>(&self, at: &Path) -> io::Result<Stage<O>> {
        let mut child = self.children.child()?;
        let victim = self.victims.as_ref().map(Nursery::child).transpose()?;
        let world = O::world(at);
        assert_eq!(child.run(), Event::Trap, "the child comes to its begin mark");
        if let Some(mut victim) = victim {
            assert_eq!(victim.run(), Event::Trap, "the victim comes to its mark");
            victim.kill();
        }
        Ok(Stage { child, world })
    }
}

impl Runner {
    fn stage<O: Operation>(&self) -> io::Result<Stage<O>> {
        self.nurseries.stage(&self.directory)
    }

    fn record<O: Operation>(&self) -> io::Result<Trace> {
        let Stage { mut child, world } = self.stage::<O>()?;
        let trace = Trace::record(&mut child, &self.directory);
        child.kill();
        O::killed(world, &self.directory);
        self.assert_empty();
        Ok(trace)
    }

    /// Covers one point, stepped from so many before; `None` if the operation ended before.
    fn point<O: Operation>(
        &self,
        trace: &Trace,
        point: usize,
        pass: Pass,
        back: usize,
    ) -> Option<Covering> {
        let _place = Place { trace, point, pass };
        let note = format!("{pass:?} at point {point} of {}\n", trace.len() - 1);
        self.progress.write_all_at(note.as_bytes(), 0).expect("the scratch has room");
        let mut slowest = Vec::new();
        for _ in 0..ATTEMPTS {
            // SAFETY: arranges for a signal, which ends this process if a point never ends.
            unsafe { libc::alarm(PATIENCE_S) };
            clock::slowest();
            let covering = self.attempt::<O>(trace, point, pass, back)?;
            let slow = clock::slowest();
            if slow <= PROGRESS {
                self.strays.set(self.strays.get() + usize::from(covering.strayed));
                return Some(covering);
            }
            slowest.push(slow);
        }
        panic!("survivors got on only after {slowest:?}, more than {PROGRESS:?}");
    }

    fn attempt<O: Operation>(
        &self,
        trace: &Trace,
        point: usize,
        pass: Pass,
        mut back: usize,
    ) -> Option<Covering> {
        let at = &self.directory;
        let traceable = "what was traced before can be traced again";
        let mut stage = self.stage::<O>().expect(traceable);
        loop {
            let reached = trace.go(&mut stage.child, point, back);
            if reached == Reached::Here {
                break;
            }
            stage.child.kill();
            O::killed(stage.world, at);
            if reached == Reached::Ended {
                return None;
            }
            stage = self.stage::<O>().expect(traceable);
            back = (back * BACK_FACTOR).max(BACK_FIRST);
        }
        let Stage { mut child, mut world } = stage;
        let effect = match pass {
            Pass::Kill => {
                child.kill();
                O::killed(world, at)
            }
            Pass::Stop => {
                O::stopped(&mut world, at);
                assert_eq!(child.run(), Event::Trap, "the child comes to its end mark");
                let Event::Exited(code) = child.run() else {
                    panic!("the child ends after its end mark");
                };
                let report = u8::try_from(code).ok().filter(|report| *report < 100);
                O::continued(world, at, report.expect("a report of the operation"));
                Effect::Done
            }
        };
        self.assert_empty();
        Some(Covering { effect, strayed: back > 0 })
    }

    fn assert_empty(&self) {
        let entries = std::fs::read_dir(&self.directory).expect("the directory is there");
        let left: Vec<_> = entries.map(|entry| entry.expect("readable").file_name()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}

/// Says where it happened, if a check panics.
struct Place<'a> {
    trace: &'a Trace,
    point: usize,
    pass: Pass,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let counter = self.trace.counter(self.point);
        eprintln!("{:?} at point {} of {}", self.pass, self.point, self.trace.len() - 1);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        if let Some((file, offset)) = origin(&maps, counter) {
            eprintln!("the next instruction: addr2line -fipe {file} {offset:#x}");
        }
    }
}

/// The file that `address` was loaded from, and the address relative to its first byte.
fn origin(maps: &str, address: u64) -> Option<(&str, u64)> {
    let mut first = ("", 0);
    for line in maps.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [range, _, _, _, _, file] = fields[..] else { continue };
        let (low, high) = range.split_once('-')?;
        let [low, high] = [low, high].map(|bound| u64::from_str_radix(bound, 16).unwrap_or(0));
        if first.0 != file {
            first = (file, low);
        }
        if (low..high).contains(&address) {
            return Some((file, address - first.1));
        }
    }
    None
}
