//! Operations that every kind of segment has: create, open, close, and what the dead have left.

use std::marker::PhantomData;
use std::path::Path;

use barewire::segment::Directory;
use barewire::{Error, ErrorKind, Result};

use super::clock::progress;
use super::runner::{Effect, Operation};
use super::tracer::{inside, mark};

/// The name of the segment that operations work on.
pub(crate) const NAME: &str = "steps";

/// A kind of segment, as far as all kinds are alike.
pub(crate) trait Shared: Sized {
    fn make(at: &Path) -> Result<Self>;
    fn attach(at: &Path) -> Result<Self>;
    /// Uses it whole, in a way that leaves it as it was; panics unless it works.
    fn work(&self);
}

fn is_named(at: &Path) -> bool {
    at.join(NAME).exists()
}

/// Makes one segment, uses it, and removes it: whoever has died here is in nobody's way.
fn make_anew<S: Shared>(at: &Path) {
    let made = progress(|| S::make(at)).expect("nobody alive has that name");
    made.work();
    drop(made);
    assert!(!is_named(at), "the last one out removes it");
}

/// What a process that tries to create should be told, as a report.
fn created<S>(result: &Result<S>) -> u8 {
    match result.as_ref().map_err(Error::kind) {
        Ok(_) => 0,
        Err(ErrorKind::AlreadyExists) => 1,
        Err(kind) => panic!("neither made nor there already: {kind:?}"),
    }
}

/// `create`, where nothing was before.
pub(crate) struct Create<S>(PhantomData<S>);

impl<S: Shared> Operation for Create<S> {
    type World = Option<S>;
    const VISIBLE: bool = true;

    fn world(_: &Path) -> Option<S> {
        None
    }

    fn child(at: &Path) -> u8 {
        created(&inside(|| S::make(at)))
    }

    fn killed(_: Option<S>, at: &Path) -> Effect {
        let effect = if is_named(at) { Effect::Done } else { Effect::NotYet };
        let error = progress(|| S::attach(at).err()).expect("nobody alive is there");
        assert!(error.is_not_found(), "{error}");
        make_anew::<S>(at);
        effect
    }

    fn stopped(world: &mut Option<S>, at: &Path) {
        let made = is_named(at);
        // Of two creators one wins, and the other can open what that one has made.
        match progress(|| S::make(at)) {
            Ok(mine) => {
                assert!(!made, "two have made it");
                mine.work();
                *world = Some(mine);
            }
            Err(error) => {
                assert!(made && error.is_already_exists(), "{error}");
                progress(|| S::attach(at)).expect("its creator lives").work();
            }
        }
    }

    fn continued(world: Option<S>, at: &Path, report: u8) {
        match world {
            Some(mine) => {
                assert_eq!(report, 1, "two have made it");
                mine.work();
            }
            None => assert_eq!(report, 0, "nobody else has made it"),
        }
        make_anew::<S>(at);
    }
}

/// `create`, where a segment stands whose participants are dead.
pub(crate) struct CreateOverDead<S>(PhantomData<S>);

fn create_and_die<S: Shared>(at: &Path) {
    let made = S::make(at).expect("nobody has made it");
    mark();
    drop(made);
}

impl<S: Shared> Operation for CreateOverDead<S> {
    type World = ();
    // Before and after, a file of that name stands there.
    const VISIBLE: bool = false;
    const VICTIM: Option<fn(&Path)> = Some(create_and_die::<S>);

    fn world(_: &Path) {}

    fn child(at: &Path) -> u8 {
        created(&inside(|| S::make(at)))
    }

    fn killed((): (), at: &Path) -> Effect {
        make_anew::<S>(at);
        Effect::NotYet
    }

    fn stopped((): &mut (), at: &Path) {
        // Either the parent wins, or it is told that the child is about to or has made it.
        match progress(|| S::make(at)) {
            Ok(mine) => mine.work(),
            Err(error) => assert!(error.is_already_exists(), "{error}"),
        }
    }

    fn continued((): (), at: &Path, report: u8) {
        assert_eq!(report, 0, "nobody was there when it went on");
        make_anew::<S>(at);
    }
}

/// `Directory::remove_abandoned`, where a segment stands whose participants are dead.
pub(crate) struct RemoveAbandoned<S>(PhantomData<S>);

impl<S: Shared> Operation for RemoveAbandoned<S> {
    type World = ();
    const VISIBLE: bool = true;
    const VICTIM: Option<fn(&Path)> = Some(create_and_die::<S>);

    fn world(_: &Path) {}

    fn child(at: &Path) -> u8 {
        let directory = Directory::at(at).expect("the directory is there");
        inside(|| directory.remove_abandoned()).expect("it can be read");
        0
    }

    fn killed((): (), at: &Path) -> Effect {
        let effect = if is_named(at) { Effect::NotYet } else { Effect::Done };
        let directory = Directory::at(at).expect("the directory is there");
        progress(|| directory.remove_abandoned()).expect("it can be read");
        assert!(!is_named(at), "the next one removes it");
        make_anew::<S>(at);
        effect
    }

    fn stopped((): &mut (), at: &Path) {
        match progress(|| S::make(at)) {
            Ok(mine) => mine.work(),
            Err(error) => assert!(error.is_already_exists(), "{error}"),
        }
    }

    fn continued((): (), at: &Path, _: u8) {
        make_anew::<S>(at);
    }
}

/// `open`, which attaches.
pub(crate) struct Open<S>(PhantomData<S>);

impl<S: Shared> Operation for Open<S> {
    type World = S;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> S {
        S::make(at).expect("nobody has made it")
    }

    fn child(at: &Path) -> u8 {
        inside(|| S::attach(at)).expect("somebody is there");
        0
    }

    fn killed(world: S, at: &Path) -> Effect {
        world.work();
        progress(|| S::attach(at)).expect("somebody is there").work();
        world.work();
        Effect::NotYet
    }

    fn stopped(world: &mut S, _: &Path) {
        world.work();
    }

    fn continued(world: S, at: &Path, _: u8) {
        world.work();
        S::attach(at).expect("somebody is there").work();
    }
}

/// Dropping a handle, which detaches, while others stay.
pub(crate) struct Detach<S>(PhantomData<S>);

impl<S: Shared> Operation for Detach<S> {
    type World = S;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> S {
        S::make(at).expect("nobody has made it")
    }

    fn child(at: &Path) -> u8 {
        let attached = S::attach(at).expect("somebody is there");
        inside(|| drop(attached));
        0
    }

    fn killed(world: S, at: &Path) -> Effect {
        world.work();
        progress(|| S::attach(at)).expect("somebody is there").work();
        world.work();
        Effect::NotYet
    }

    fn stopped(world: &mut S, at: &Path) {
        world.work();
        assert!(is_named(at), "somebody is still there");
    }

    fn continued(world: S, at: &Path, _: u8) {
        world.work();
        assert!(is_named(at), "somebody is still there");
    }
}

/// Dropping the last handle, which removes the segment.
pub(crate) struct Close<S>(PhantomData<S>);

impl<S: Shared> Operation for Close<S> {
    type World = Option<S>;
    const VISIBLE: bool = true;

    fn world(_: &Path) -> Option<S> {
        None
    }

    fn child(at: &Path) -> u8 {
        let made = S::make(at).expect("nobody has made it");
        inside(|| drop(made));
        0
    }

    fn killed(_: Option<S>, at: &Path) -> Effect {
        let effect = if is_named(at) { Effect::NotYet } else { Effect::Done };
        make_anew::<S>(at);
        effect
    }

    fn stopped(world: &mut Option<S>, at: &Path) {
        let named = is_named(at);
        match progress(|| S::make(at)) {
            Ok(mine) => {
                assert!(!named, "it was in use");
                mine.work();
                *world = Some(mine);
            }
            Err(error) => assert!(named && error.is_already_exists(), "{error}"),
        }
    }

    fn continued(world: Option<S>, at: &Path, _: u8) {
        if let Some(mine) = world {
            assert!(is_named(at), "another one's was removed");
            mine.work();
        }
        make_anew::<S>(at);
    }
}
