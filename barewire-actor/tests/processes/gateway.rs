//! Two processes that share no memory, as on two machines, and a gateway between them that loses,
//! doubles and reorders what it carries.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use barewire_actor::{
    ActorRef, ActorSystem, AskError, Cause, Gateway, MAX_PARCEL_BYTES, NodeId, ParcelKind,
    TellError,
};
use barewire_runtime::codec::{decode, encode};
use rustix::process::Signal;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::plain::reporter;
use crate::scratch::{Scratch, signal};
use crate::support::{PATIENCE, SECOND};
use crate::worker::{Echo, Echoer, Report, Text};

const KINDS: [ParcelKind; 3] = [ParcelKind::System, ParcelKind::Message, ParcelKind::Answer];
/// Not a parcel: the reference with which it begins.
const REFERENCE: u8 = 9;
/// How many parcels wait at most to be written.
const WAITING: usize = 64;

type Piece = (u8, Vec<u8>);

/// A gateway over one socket, to one other node.
struct Wire {
    other: OnceLock<NodeId>,
    pieces: SyncSender<Piece>,
    faulty: AtomicBool,
    sent: AtomicU64,
    /// A message that the next one overtakes.
    late: Mutex<Option<Vec<u8>>>,
}

impl Wire {
    /// Begins to write what is sent; what the other side sends comes out.
    fn begin(stream: UnixStream) -> (Arc<Self>, UnboundedReceiver<Piece>) {
        let (pieces, outgoing) = sync_channel::<Piece>(WAITING);
        let mut writer = stream.try_clone().expect("a socket can be cloned");
        std::thread::spawn(move || {
            for (kind, octets) in outgoing {
                let mut head = [kind, 0, 0, 0, 0];
                head[1..].copy_from_slice(&(octets.len() as u32).to_le_bytes());
                if writer.write_all(&[&head, &octets[..]].concat()).is_err() {
                    return;
                }
            }
        });
        let (sender, incoming) = unbounded_channel();
        std::thread::spawn(move || while read(&stream, &sender).is_some() {});
        let wire = Self {
            other: OnceLock::new(),
            pieces,
            faulty: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            late: Mutex::new(None),
        };
        (Arc::new(wire), incoming)
    }

    fn put(&self, kind: u8, octets: &[u8]) -> Result<(), TellError> {
        assert!(octets.len() <= MAX_PARCEL_BYTES);
        match self.pieces.try_send((kind, octets.to_vec())) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(TellError::Full),
            Err(TrySendError::Disconnected(_)) => Err(TellError::Transport("cut".to_owned())),
        }
    }
}

fn read(mut stream: &UnixStream, pieces: &UnboundedSender<Piece>) -> Option<()> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_le_bytes(head[1..].try_into().ok()?);
    let mut octets = vec![0; length as usize];
    stream.read_exact(&mut octets).ok()?;
    pieces.send((head[0], octets)).ok()
}

impl Gateway for Wire {
    fn leads_to(&self, node: NodeId) -> bool {
        self.other.get() == Some(&node)
    }

    fn send(&self, node: NodeId, kind: ParcelKind, parcel: &[u8]) -> Result<(), TellError> {
        assert!(self.leads_to(node));
        let number = KINDS.iter().position(|known| *known == kind).expect("there are three") as u8;
        let count = self.sent.fetch_add(1, Ordering::Relaxed);
        if !self.faulty.load(Ordering::Relaxed) {
            return self.put(number, parcel);
        }
        match kind {
            ParcelKind::System if count.is_multiple_of(3) => Ok(()),
            ParcelKind::Message => {
                let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
                if count.is_multiple_of(11) && late.is_none() {
                    *late = Some(parcel.to_vec());
                    return Ok(());
                }
                self.put(number, parcel)?;
                // What was overtaken comes now, and this one a second time; perhaps.
                let again = if count.is_multiple_of(7) { Some(parcel.to_vec()) } else { None };
                for parcel in late.take().into_iter().chain(again) {
                    let _ = self.put(number, &parcel);
                }
                Ok(())
            }
            _ => self.put(number, parcel),
        }
    }
}

/// Hands over what arrives: each kind in its order, and none behind another. Ends with the socket.
async fn receive(system: ActorSystem, mut incoming: UnboundedReceiver<Piece>) {
    let lanes = KINDS.map(|kind| {
        let (sender, mut lane) = unbounded_channel::<Vec<u8>>();
        let system = system.clone();
        tokio::spawn(async move {
            while let Some(parcel) = lane.recv().await {
                system.arrived(kind, &parcel).await.expect("it is a parcel");
            }
        });
        sender
    });
    while let Some((kind, octets)) = incoming.recv().await {
        let _ = lanes[usize::from(kind)].send(octets);
    }
}

const FAR: &str = "BAREWIRE_TEST_FAR";

/// This program as the other machine, whose end of the socket is its input; false if it is not.
pub(crate) fn run_if_far() -> bool {
    let Some(directory) = std::env::var_os(FAR) else { return false };
    let socket: OwnedFd = std::io::stdin().as_fd().try_clone_to_owned().expect("it has an input");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let (wire, mut incoming) = Wire::begin(UnixStream::from(socket));
        let (_, near) = incoming.recv().await.expect("the other side begins");
        wire.other.set(decode(&near).expect("it is a node's id")).expect("it is the first");
        let system = ActorSystem::builder("machines").directory(directory);
        let system = system.heartbeat(Duration::from_millis(20)).gateway(wire.clone()).start();
        let system = system.expect("shared memory can be made");
        let echo = system.actor(Echoer::default()).mailbox(16).spawn().expect("it has no name");
        wire.put(REFERENCE, &encode(&echo)).expect("there is room");
        receive(system, incoming).await;
    });
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actors_behind_a_gateway_are_told_asked_watched_and_lost() {
    let scratch = Scratch::new();
    let far_directory = scratch.path().join("far");
    let (near_end, far_end) = UnixStream::pair().expect("a pair of sockets");
    let program = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(program)
        .args(["worker", "--exact", "--nocapture", "--test-threads=1"])
        .env(FAR, &far_directory)
        .stdin(Stdio::from(OwnedFd::from(far_end)))
        .stdout(Stdio::null())
        .spawn()
        .expect("this program starts");
    let (wire, mut incoming) = Wire::begin(near_end);
    let system = ActorSystem::builder("machines")
        .directory(scratch.path())
        .heartbeat(Duration::from_millis(20))
        .gateway(wire.clone())
        .start()
        .expect("shared memory can be made");
    wire.put(REFERENCE, &encode(&system.id())).expect("there is room");
    let (_, reference) = incoming.recv().await.expect("the other side answers");
    // The node's id stands first in a reference.
    let far_node: NodeId = decode(&reference[..16]).expect("it is a node's id");
    wire.other.set(far_node).expect("it is the first");
    assert!(decode::<ActorRef<Text>>(&reference).is_err(), "the types are compared at once");
    let far: ActorRef<Echo> = decode(&reference).expect("it is a reference");
    assert_eq!(far.id().node(), far_node);
    let receiving = tokio::spawn(receive(system.clone(), incoming));

    let pid = far.ask(Echo::Pid, PATIENCE).await.expect("it answers");
    assert_eq!(pid, u64::from(child.id()));

    // At most once and in order, and a full mailbox holds the sender back.
    wire.faulty.store(true, Ordering::Relaxed);
    let sent = 2000;
    for number in 1..=sent {
        let note = Echo::Note { meant: far.id(), sender: 1, number };
        far.tell(note).await.expect("it lives");
    }
    wire.faulty.store(false, Ordering::Relaxed);
    let notes = far.ask(Echo::Notes, PATIENCE).await.expect("none came twice or too late");
    assert!((sent * 8 / 10..sent).contains(&notes), "{notes} of {sent}");

    // A reference finds its way back, and an end its watcher, though system messages get lost.
    let (report, mut seen) = reporter(&system);
    far.tell(Echo::Forward { to: report.clone(), number: 7 }).await.expect("it lives");
    assert_eq!(seen.recv().await, Some(Report::Number(7)));
    let target = reporter(&system).0;
    far.ask(Echo::Watch { actor: target.id(), report }, SECOND).await.expect("it watches");
    wire.faulty.store(true, Ordering::Relaxed);
    target.kill();
    let told = tokio::time::timeout(PATIENCE, seen.recv()).await.expect("it is told");
    assert_eq!(told, Some(Report::Ended { actor: target.id() }));
    wire.faulty.store(false, Ordering::Relaxed);

    // The gateway's owner knows when a node cannot be reached any more.
    let hanging = far.ask(Echo::Hang, PATIENCE);
    let watch = system.watch(far.id());
    signal(pid, Signal::KILL);
    receiving.await.expect("it ends with the socket");
    let begun = Instant::now();
    system.node_ended(far_node, &Cause::Unreachable);
    assert_eq!(watch.await.cause, Cause::Unreachable);
    assert_eq!(hanging.await, Err(AskError::Gone(Cause::Unreachable)));
    assert_eq!(far.try_tell(Echo::Pid), Err(TellError::Gone(Cause::Unreachable)));
    assert!(begun.elapsed() < SECOND);
    let again: ActorRef<Echo> = decode(&reference).expect("it is a reference");
    assert_eq!(again.try_tell(Echo::Pid), Err(TellError::Gone(Cause::Unreachable)));
    child.wait().expect("a child can be waited for");
    system.shutdown().await;
    drop(system);
    std::fs::remove_dir_all(far_directory).expect("it was made");
    assert_eq!(scratch.files(), Vec::<String>::new());
}
