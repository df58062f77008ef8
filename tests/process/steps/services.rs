//! Operations on a service.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barewire::ipc::{PendingCall, ServiceBuilder};
use barewire::{BareSchema, Client, ErrorKind, Result, Server, Service};

use super::clock::progress;
use super::queues::{CHILDS, LEFT, LONG};
use super::runner::{Effect, Operation};
use super::segments::{NAME, Shared};
use super::tracer::{inside, mark};

/// What a call asks, or what it is answered; shows if it is torn.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Words {
    number: u64,
    check: u64,
}

pub(super) fn question(number: u64) -> Words {
    Words { number, check: !number }
}

pub(super) fn answer(number: u64) -> Words {
    Words { number, check: number ^ 0x5555 }
}

fn asked(words: &Words) -> u64 {
    assert_eq!(*words, question(words.number), "torn");
    words.number
}

pub(crate) type Asking = Service<Words, Words>;

/// The child's and the parent's.
const CLIENTS: usize = 2;
/// Calls of one client at a time.
const CALLS: u64 = 8;

/// Whether services are made isolated in this process.
pub(super) static ISOLATED: AtomicBool = AtomicBool::new(false);

pub(super) fn builder(at: &Path) -> ServiceBuilder<Words, Words> {
    let builder = Asking::builder(NAME).directory(at).clients(CLIENTS);
    if ISOLATED.load(Ordering::Relaxed) { builder.isolated() } else { builder }
}

pub(super) fn open(at: &Path) -> Asking {
    Asking::attach(at).expect("the parent has made it")
}

/// Serves one call, if there is one.
pub(super) fn serve(server: &Server<Words, Words>) -> Option<u64> {
    let call = progress(|| server.try_next()).expect("it works")?;
    let number = asked(&call.read().expect("a value"));
    call.reply(&answer(number)).expect("it fits");
    Some(number)
}

fn assert_answered(pending: PendingCall<'_, Words>, number: u64) {
    let reply = progress(|| pending.wait_timeout(LONG)).expect("it was answered");
    assert_eq!(reply.read().expect("a value"), answer(number), "foreign or torn");
}

/// All calls of a client at once, served here.
pub(super) fn use_all(client: &Client<Words, Words>, server: &Server<Words, Words>) {
    let start = |n| progress(|| client.start_timeout(&question(n), LONG)).expect("a free call");
    let calls: Vec<_> = (0..CALLS).map(start).collect();
    let mut served: Vec<_> = (0..CALLS).map(|_| serve(server).expect("it was made")).collect();
    served.sort_unstable();
    assert_eq!(served, Vec::from_iter(0..CALLS), "lost or twice");
    (0..CALLS).zip(calls).for_each(|(number, call)| assert_answered(call, number));
}

impl Shared for Asking {
    fn make(at: &Path) -> Result<Self> {
        builder(at).create()
    }

    fn attach(at: &Path) -> Result<Self> {
        builder(at).open()
    }

    fn work(&self) {
        let (client, server) = (self.client().expect("a line"), self.server().expect("a place"));
        use_all(&client, &server);
    }
}

/// A service with a client and a server of the parent's.
pub(crate) struct World {
    client: Arc<Client<Words, Words>>,
    server: Server<Words, Words>,
    pub(super) service: Asking,
    /// Which calls of others the parent has served.
    pub(super) served: Vec<u64>,
}

impl World {
    pub(super) fn new(at: &Path) -> Self {
        let service = Asking::make(at).expect("nobody has made it");
        let client = Arc::new(service.client().expect("a line"));
        let server = service.server().expect("a place");
        Self { client, server, service, served: Vec::new() }
    }

    pub(super) fn serve_all(&mut self) {
        while let Some(number) = serve(&self.server) {
            self.served.push(number);
        }
    }

    /// A call of the parent's, which it serves itself.
    pub(super) fn ask_itself(&mut self) {
        let client = Arc::clone(&self.client);
        let pending = progress(|| client.try_start(&question(LEFT))).expect("a free call");
        let before = self.served.len();
        self.serve_all();
        let at = self.served[before..].iter().position(|number| *number == LEFT);
        self.served.remove(before + at.expect("it was made"));
        assert_answered(pending, LEFT);
    }

    /// Nobody else is there: all lines and calls work.
    pub(super) fn assert_whole(mut self) {
        // What the dead have asked may be answered or not, but only once.
        self.served.clear();
        self.serve_all();
        assert!(self.served.is_empty() || self.served == [CHILDS], "{:?}", self.served);
        use_all(&self.client, &self.server);
        let other = progress(|| self.service.client()).expect("the other line is free");
        use_all(&other, &self.server);
        assert_eq!(serve(&self.server), None, "more than there was");
    }
}

/// `client`, which takes a line.
pub(crate) struct ClientClaim;

impl Operation for ClientClaim {
    type World = World;
    const VISIBLE: bool = false;

    fn world(at: &Path) -> World {
        World::new(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        match inside(|| service.client()) {
            Ok(_) => 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TooManyParticipants, "{error}");
                0
            }
        }
    }

    fn killed(world: World, _: &Path) -> Effect {
        world.assert_whole();
        Effect::NotYet
    }

    fn stopped(world: &mut World, _: &Path) {
        world.ask_itself();
        // Whether it got the line before or after, the child gets it now.
        if let Ok(other) = progress(|| world.service.client()) {
            use_all(&other, &world.server);
        }
    }

    fn continued(world: World, _: &Path, report: u8) {
        assert_eq!(report, 1, "the line was free");
        world.assert_whole();
    }
}

/// Operations of a client; `$report` says whether a report fits to what the parent has served.
macro_rules! asks {
    ($($(#[$doc:meta])* $operation:ident, $visible:literal, $ready:expr,
        |$client:ident, $made:ident| $act:expr, |$served:ident, $report:ident| $fits:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $operation;

        impl Operation for $operation {
            type World = World;
            const VISIBLE: bool = $visible;

            fn world(at: &Path) -> World {
                World::new(at)
            }

            fn child(at: &Path) -> u8 {
                let service = open(at);
                let $client = service.client().expect("the other line");
                let $made = $ready(&service, &$client);
                let report: u8 = $act;
                // The line works on, and nothing of the first call gets into another.
                let server = service.server().expect("a place");
                use_all(&$client, &server);
                report
            }

            fn killed(mut world: World, _: &Path) -> Effect {
                world.serve_all();
                let there = world.served == [CHILDS];
                assert!(there || world.served.is_empty(), "{:?}", world.served);
                world.assert_whole();
                $operation::effect(there)
            }

            fn stopped(world: &mut World, _: &Path) {
                world.serve_all();
                world.ask_itself();
            }

            fn continued(mut world: World, _: &Path, $report: u8) {
                world.serve_all();
                let $served = world.served == [CHILDS];
                assert!($served || world.served.is_empty(), "{:?}", world.served);
                assert!($fits, "reported {}, served {:?}", $report, world.served);
                world.assert_whole();
            }
        }
    )*};
}

pub(super) use asks;

pub(super) type Asker = Client<Words, Words>;

pub(super) fn nothing(_: &Asking, _: &Asker) {}

fn started<'c>(_: &Asking, client: &'c Asker) -> PendingCall<'c, Words> {
    client.start(&question(CHILDS)).expect("a free call")
}

/// A call that was made, and served in the child itself.
fn served<'c>(service: &Asking, client: &'c Asker) -> PendingCall<'c, Words> {
    let pending = started(service, client);
    let server = service.server().expect("a place");
    assert_eq!(serve(&server), Some(CHILDS));
    pending
}

fn answered_or_late(result: Result<barewire::ipc::Reply<'_, Words>>) -> u8 {
    match result {
        Ok(reply) => {
            assert_eq!(reply.read().expect("a value"), answer(CHILDS), "foreign or torn");
            1
        }
        Err(error) => {
            assert!(error.is_timed_out(), "{error}");
            0
        }
    }
}

asks! {
    /// `start`; the call is given up behind the operation.
    Start, true, nothing,
        |client, _made| {
            let pending = inside(|| client.start(&question(CHILDS))).expect("a free call");
            answered_or_late(pending.wait_timeout(Duration::ZERO))
        },
        |served, report| u8::from(served) == report;
    /// `call`, up to its deadline, which has come already: made, waited for and cancelled.
    Call, false, nothing,
        |client, _made| answered_or_late(inside(|| {
            client.call(&question(CHILDS), Duration::ZERO)
        })),
        |served, report| served || report == 0;
    /// `wait` for a reply that is there, and dropping it.
    Wait, false, served,
        |client, made| inside(|| answered_or_late(made.wait_timeout(LONG))),
        |served, report| !served && report == 1;
    /// `cancel` of a call that nobody has taken yet.
    Cancel, true, started,
        |client, made| {
            inside(|| made.cancel());
            0
        },
        |_served, report| report == 0;
}

impl Start {
    fn effect(there: bool) -> Effect {
        if there { Effect::Done } else { Effect::NotYet }
    }
}

impl Call {
    fn effect(_: bool) -> Effect {
        Effect::NotYet
    }
}

impl Wait {
    fn effect(there: bool) -> Effect {
        assert!(!there, "it was served twice");
        Effect::NotYet
    }
}

impl Cancel {
    fn effect(there: bool) -> Effect {
        if there { Effect::NotYet } else { Effect::Done }
    }
}

/// `server`, which says that this process serves.
pub(crate) struct ServerClaim;

impl Operation for ServerClaim {
    type World = World;
    // The dead never count.
    const VISIBLE: bool = false;

    fn world(at: &Path) -> World {
        World::new(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let server = inside(|| service.server()).expect("a place");
        assert!(server.try_next().expect("it works").is_none());
        0
    }

    fn killed(world: World, _: &Path) -> Effect {
        assert_eq!(progress(|| world.service.servers()), 1, "the dead do not serve");
        world.assert_whole();
        Effect::NotYet
    }

    fn stopped(world: &mut World, _: &Path) {
        world.ask_itself();
    }

    fn continued(world: World, _: &Path, _: u8) {
        world.assert_whole();
    }
}

/// A world, and what the parent waits for from the child.
pub(crate) struct Waiting<P> {
    /// First, so that it is dropped before the client whose call it is.
    pub(super) pending: Option<P>,
    pub(super) world: World,
}

impl<P> Waiting<P> {
    pub(super) fn new(at: &Path, start: impl FnOnce(&'static Asker) -> P) -> Self {
        let world = World::new(at);
        // SAFETY: `world` keeps the client, which an `Arc` never moves, alive for longer than
        // `pending`: nobody takes `world` out without having used `pending` up.
        let client: &'static Asker = unsafe { &*Arc::as_ptr(&world.client) };
        Self { pending: Some(start(client)), world }
    }

    pub(super) fn pending(&mut self) -> P {
        self.pending.take().expect("it is taken once")
    }
}

type WaitingForReply = Waiting<PendingCall<'static, Words>>;

fn ask(at: &Path) -> WaitingForReply {
    Waiting::new(at, |client| client.start(&question(CHILDS)).expect("a free call"))
}

/// The server that had taken the call is dead.
fn assert_died(pending: PendingCall<'_, Words>) {
    let error = progress(|| pending.wait_timeout(LONG)).expect_err("nobody has answered");
    assert!(error.is_server_died(), "{error}");
}

/// `next`, which takes a call.
pub(crate) struct Serve;

impl Operation for Serve {
    type World = WaitingForReply;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> Self::World {
        ask(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let server = service.server().expect("a place");
        let call = inside(|| server.next_timeout(Duration::ZERO)).expect("it works");
        let Some(call) = call else { return 0 };
        assert_eq!(asked(&call.read().expect("a value")), CHILDS);
        call.reply(&answer(CHILDS)).expect("it fits");
        1
    }

    fn killed(mut waiting: Self::World, _: &Path) -> Effect {
        let pending = waiting.pending();
        let effect = if pending.is_taken() {
            assert_eq!(serve(&waiting.world.server), None, "taken twice");
            assert_died(pending);
            Effect::Done
        } else {
            assert_eq!(serve(&waiting.world.server), Some(CHILDS));
            assert_answered(pending, CHILDS);
            Effect::NotYet
        };
        assert_eq!(serve(&waiting.world.server), None, "served twice");
        waiting.world.assert_whole();
        effect
    }

    fn stopped(waiting: &mut Self::World, _: &Path) {
        waiting.world.serve_all();
        waiting.world.ask_itself();
    }

    fn continued(mut waiting: Self::World, _: &Path, childs: u8) {
        let served = usize::from(childs) + waiting.world.served.len();
        assert_eq!(served, 1, "lost or served twice");
        assert_answered(waiting.pending(), CHILDS);
        waiting.world.assert_whole();
    }
}

/// `reply`.
pub(crate) struct Reply;

impl Operation for Reply {
    type World = WaitingForReply;
    const VISIBLE: bool = true;

    fn world(at: &Path) -> Self::World {
        ask(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let server = service.server().expect("a place");
        let call = server.next().expect("it was made");
        inside(|| call.reply(&answer(CHILDS))).expect("it fits");
        0
    }

    fn killed(mut waiting: Self::World, _: &Path) -> Effect {
        let result = progress(|| waiting.pending().wait_timeout(LONG));
        let effect = match result {
            Ok(reply) => {
                assert_eq!(reply.read().expect("a value"), answer(CHILDS), "foreign or torn");
                Effect::Done
            }
            Err(error) => {
                assert!(error.is_server_died(), "{error}");
                Effect::NotYet
            }
        };
        assert_eq!(serve(&waiting.world.server), None, "served twice");
        waiting.world.assert_whole();
        effect
    }

    fn stopped(waiting: &mut Self::World, _: &Path) {
        waiting.world.ask_itself();
    }

    fn continued(mut waiting: Self::World, _: &Path, _: u8) {
        assert_eq!(waiting.world.served, [0; 0], "served twice");
        assert_answered(waiting.pending(), CHILDS);
        waiting.world.assert_whole();
    }
}

/// `wait` for a reply of a server that is dead.
pub(crate) struct WaitAfterDeath;

impl Operation for WaitAfterDeath {
    type World = World;
    const VISIBLE: bool = false;
    const VICTIM: Option<fn(&Path)> = Some(|at| {
        let service = open(at);
        let server = service.server().expect("a place");
        let call = server.next().expect("it was made");
        mark();
        drop(call);
    });

    fn world(at: &Path) -> World {
        World::new(at)
    }

    fn child(at: &Path) -> u8 {
        let service = open(at);
        let client = service.client().expect("the other line");
        let pending = client.start(&question(CHILDS)).expect("a free call");
        let error = inside(|| pending.wait_timeout(LONG)).expect_err("nobody has answered");
        assert!(error.is_server_died(), "{error}");
        use_all(&client, &service.server().expect("a place"));
        0
    }

    fn killed(mut world: World, _: &Path) -> Effect {
        world.serve_all();
        assert_eq!(world.served, [0; 0], "served twice");
        world.assert_whole();
        Effect::NotYet
    }

    fn stopped(world: &mut World, _: &Path) {
        world.ask_itself();
        assert_eq!(world.served, [0; 0], "served twice");
    }

    fn continued(world: World, _: &Path, _: u8) {
        assert_eq!(world.served, [0; 0], "served twice");
        world.assert_whole();
    }
}
