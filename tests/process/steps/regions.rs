//! Operations on a region.

use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use barewire::{BareSchema, Result, SharedRegion};

use super::clock::progress;
use super::runner::{Effect, Operation};
use super::segments::{NAME, Shared};
use super::tracer::{inside, mark};

/// A value that shows if it is torn.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Value {
    count: u64,
    copies: [u64; 4],
}

pub(crate) type Region = SharedRegion<Value>;

/// The count before the operation.
const BEFORE: u64 = 10;
/// Longer than anything takes that is not stuck.
const LONG: Duration = Duration::from_secs(30);

fn value(count: u64) -> Value {
    Value { count, copies: [count; 4] }
}

fn bump(value: &mut Value) {
    value.count += 1;
    value.copies = [value.count; 4];
}

fn count(region: &Region) -> u64 {
    let read = progress(|| region.read()).expect("readable");
    assert_eq!(read, value(read.count), "torn");
    read.count
}

/// Changes the value; nobody holds that up.
fn update(region: &Region) {
    let before = count(region);
    progress(|| region.update_timeout(LONG, bump)).expect("nobody is in the way");
    assert_eq!(count(region), before + 1);
}

impl Shared for Region {
    fn make(at: &Path) -> Result<Self> {
        Self::builder(NAME).directory(at).create(&value(BEFORE))
    }

    fn attach(at: &Path) -> Result<Self> {
        Self::builder(NAME).directory(at).open()
    }

    fn work(&self) {
        update(self);
    }
}

fn open(at: &Path) -> Region {
    Region::attach(at).expect("the parent has made it")
}

/// `read`.
pub(crate) struct Read;

impl Operation for Read {
    type World = Region;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> Region {
        Region::make(at).expect("nobody has made it")
    }

    fn child(at: &Path) -> u8 {
        let region = open(at);
        let read = inside(|| region.read()).expect("readable");
        assert_eq!(read, value(read.count), "torn");
        u8::try_from(read.count).expect("a small number")
    }

    fn killed(world: Region, _: &Path) -> Effect {
        assert_eq!(count(&world), BEFORE);
        update(&world);
        Effect::NotYet
    }

    fn stopped(world: &mut Region, _: &Path) {
        // More versions than there are buffers.
        (0..7).for_each(|_| update(world));
    }

    fn continued(world: Region, _: &Path, report: u8) {
        let now = count(&world);
        assert!((BEFORE..=now).contains(&u64::from(report)), "read {report}");
    }
}

/// What the parent of an update knows: its region, and how often it has changed it.
pub(crate) struct World {
    region: Region,
    updates: u64,
}

impl World {
    fn new(at: &Path) -> Self {
        Self { region: Region::make(at).expect("nobody has made it"), updates: 0 }
    }

    /// While the child stands still: readers get on, and writers unless it is the child's turn.
    fn look(&mut self) {
        let before = count(&self.region);
        match self.region.update_timeout(Duration::from_millis(1), bump) {
            Ok(()) => self.updates += 1,
            Err(error) => assert!(error.is_timed_out(), "{error}"),
        }
        assert_eq!(count(&self.region), before + self.updates);
    }

    fn assert_updated(self) {
        assert_eq!(count(&self.region), BEFORE + 1 + self.updates);
        update(&self.region);
    }
}

fn after_update(region: &Region) -> Effect {
    let found = count(region);
    update(region);
    match found.checked_sub(BEFORE) {
        Some(0) => Effect::NotYet,
        Some(1) => Effect::Done,
        _ => panic!("neither the old value nor the new one: {found}"),
    }
}

/// One of the calls that change a region.
pub(crate) trait Form {
    fn change(region: &Region);
}

/// `update`.
pub(crate) struct Turn;
/// `try_update`.
pub(crate) struct TurnAtOnce;

impl Form for Turn {
    fn change(region: &Region) {
        region.update(bump).expect("it works");
    }
}

impl Form for TurnAtOnce {
    fn change(region: &Region) {
        region.try_update(bump).expect("it works").expect("it is nobody's turn");
    }
}

/// A call of the given form.
pub(crate) struct Update<F>(PhantomData<F>);

impl<F: Form> Operation for Update<F> {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        World::new(at)
    }

    fn child(at: &Path) -> u8 {
        let region = open(at);
        inside(|| F::change(&region));
        0
    }

    fn killed(world: World, _: &Path) -> Effect {
        after_update(&world.region)
    }

    fn stopped(world: &mut World, _: &Path) {
        world.look();
    }

    fn continued(world: World, _: &Path, _: u8) {
        world.assert_updated();
    }
}

/// `update`, which finds that the holder of the turn is dead.
pub(crate) struct UpdateAfterDeath;

impl Operation for UpdateAfterDeath {
    type World = World;
    const VISIBLE: bool = true;
    const VICTIM: Option<fn(&Path)> =
        Some(|at| open(at).update(|_| mark()).expect("it is killed before"));

    fn world(at: &Path) -> World {
        World::new(at)
    }

    fn child(at: &Path) -> u8 {
        Update::<Turn>::child(at)
    }

    fn killed(world: World, _: &Path) -> Effect {
        after_update(&world.region)
    }

    fn stopped(world: &mut World, _: &Path) {
        world.look();
    }

    fn continued(world: World, _: &Path, _: u8) {
        world.assert_updated();
    }
}
