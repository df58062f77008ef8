//! Operations on the handles of a service: giving them up, waiting in a set, trusting nobody, and
//! handing the service over.

use std::fs::{File, OpenOptions};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use barewire::{Result, WaitSet};

use super::clock::progress;
use super::queues::CHILDS;
use super::runner::{Effect, Operation};
use super::segments::Shared;
use super::services::{Asking, ISOLATED, World, builder, open, question, use_all};
use super::tracer::inside;

/// Dropping a client one of whose calls waits for a server.
pub(crate) struct ClientDrop;

impl Operation for ClientDrop {
    type World = World;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> World {
        World::new(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let client = service.client().expect("the other line");
        std::mem::forget(client.start(&question(CHILDS)).expect("a free call"));
        inside(|| drop(client));
        let client = service.client().expect("the line is free again");
        use_all(&client, &service.server().expect("a place"));
        0
    }

    fn killed(mut world: World, _: &Path) -> Effect {
        world.serve_all();
        let there = world.served == [CHILDS];
        assert!(there || world.served.is_empty(), "{:?}", world.served);
        world.assert_whole();
        if there { Effect::NotYet } else { Effect::Done }
    }

    fn stopped(world: &mut World, _: &Path) {
        world.serve_all();
        world.ask_itself();
    }

    fn continued(world: World, _: &Path, _: u8) {
        assert!(world.served.is_empty() || world.served == [CHILDS], "{:?}", world.served);
        world.assert_whole();
    }
}

/// What ends with one server, and leaves the calls alone.
macro_rules! serves {
    ($($(#[$doc:meta])* $operation:ident, |$server:ident| $act:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation;

        impl Operation for $operation {
            type World = World;
            const VISIBLE: bool = false;

            fn world(at: &Path) -> World {
                World::new(at)
            }

            fn child(at: &Path) -> u8 {
                let service = open(at);
                let $server = service.server().expect("a place");
                $act;
                0
            }

            fn killed(world: World, _: &Path) -> Effect {
                assert_eq!(progress(|| world.service.servers()), 1, "the dead do not serve");
                world.assert_whole();
                Effect::NotYet
            }

            fn stopped(world: &mut World, _: &Path) {
                assert!((1..=2).contains(&progress(|| world.service.servers())));
                world.ask_itself();
            }

            fn continued(world: World, _: &Path, _: u8) {
                assert_eq!(world.service.servers(), 1, "it has gone");
                world.assert_whole();
            }
        }
    )*};
}

serves! {
    /// Dropping a server.
    ServerDrop, |server| inside(|| drop(server));
    /// A set that waits for calls, of which there are none.
    SetWait, |server| {
        let mut set = WaitSet::new();
        set.add(&server, ()).expect("there is room");
        let ready = inside(|| set.wait_timeout(Duration::ZERO)).expect("it works");
        assert!(ready.is_empty(), "nobody asks");
    };
}

/// The same operation on an isolated service.
pub(crate) struct Isolated<O>(PhantomData<O>);

impl<O: Operation> Operation for Isolated<O> {
    type World = O::World;
    const VISIBLE: bool = O::VISIBLE;
    const VICTIM: Option<fn(&Path)> = O::VICTIM;

    fn world(at: &Path) -> O::World {
        ISOLATED.store(true, Ordering::Relaxed);
        O::world(at)
    }

    fn child(at: &Path) -> u8 {
        O::child(at)
    }

    fn killed(world: O::World, at: &Path) -> Effect {
        O::killed(world, at)
    }

    fn stopped(world: &mut O::World, at: &Path) {
        O::stopped(world, at);
    }

    fn continued(world: O::World, at: &Path, report: u8) {
        O::continued(world, at, report);
    }
}

/// A service without a name, and the descriptor by which others open it.
pub(crate) struct Handed {
    service: Asking,
    _descriptor: Option<OwnedFd>,
}

/// Where it says how to come to the descriptor.
fn note(at: &Path) -> PathBuf {
    at.with_file_name("descriptor")
}

impl Shared for Handed {
    fn make(at: &Path) -> Result<Self> {
        let service = builder(at).create_anonymous()?;
        let descriptor = service.share_descriptor()?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), descriptor.as_raw_fd());
        std::fs::write(note(at), path).expect("it can be written");
        Ok(Self { service, _descriptor: Some(descriptor) })
    }

    fn attach(at: &Path) -> Result<Self> {
        let path = std::fs::read_to_string(note(at)).expect("the maker has written it");
        let descriptor: File =
            OpenOptions::new().read(true).write(true).open(path).expect("the maker lives");
        let service = builder(at).open_descriptor(descriptor.into())?;
        Ok(Self { service, _descriptor: None })
    }

    fn work(&self) {
        self.service.work();
    }
}
