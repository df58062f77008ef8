//! Frames in shared memory, between processes of one machine.
//!
//! Each node has an inbox, a queue that all others put frames into, and a **lifeline**, a segment
//! that nobody but itself is attached to: it exists for as long as the process lives, as the kernel
//! knows. A table in a third segment says who there is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use barewire_derive::BareSchema;
use barewire_runtime::codec::Decoder;
use barewire_runtime::ipc::{
    MessageQueue, Overflow, QueueBuilder, RegionBuilder, SharedRegion, Wait,
};
use barewire_runtime::layout::FixedLayout;

use super::{Event, Sent, Transport, TransportError, Wake};
use crate::wire::Incarnation;

/// The most nodes of one cluster in shared memory.
pub const MAX_NODES: usize = 100;

/// How often a node looks who has come and who has died.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How many frames are handed over at once.
const MOST_AT_ONCE: usize = 64;
/// How long to wait for somebody who changes the table just now.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a queue's slot needs beside a frame: its length as BARE has it.
const LENGTH_ROOM: usize = 4;

/// How much memory a node's inbox takes, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryOptions {
    /// How many frames the inbox holds at least.
    pub frames: usize,
    /// The most octets of a frame.
    pub frame_bytes: usize,
    /// Another directory than the standard one.
    pub directory: Option<PathBuf>,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self { frames: 128, frame_bytes: 32 * 1024, directory: None }
    }
}

#[derive(BareSchema, Debug, Clone, Default)]
#[bare(crate = "::barewire_runtime")]
struct Slot {
    octets: Vec<u8>,
}

#[derive(BareSchema, Debug, Clone, Default, PartialEq)]
#[bare(crate = "::barewire_runtime")]
struct Table {
    #[bare(max = 100)]
    nodes: Vec<Incarnation>,
}

type Inbox = MessageQueue<Slot>;

/// Where the segments of a cluster are.
#[derive(Debug, Clone)]
struct Place {
    cluster: String,
    options: MemoryOptions,
}

impl Place {
    fn inbox(&self, node: Incarnation) -> QueueBuilder<Slot> {
        let builder = MessageQueue::builder(format!("{}.{node}.inbox", self.cluster))
            .capacity(self.options.frames)
            .slot_bytes(self.options.frame_bytes + LENGTH_ROOM)
            .overflow(Overflow::Reject)
            // There are more nodes than processors, as a rule: one that spins holds up another.
            .wait(Wait::Park)
            .at_most_once();
        match &self.options.directory {
            Some(path) => builder.directory(path),
            None => builder,
        }
    }

    fn region<T: FixedLayout>(&self, name: String) -> RegionBuilder<T> {
        let builder = SharedRegion::builder(name);
        match &self.options.directory {
            Some(path) => builder.directory(path),
            None => builder,
        }
    }

    fn lifeline(&self, node: Incarnation) -> RegionBuilder<u64> {
        self.region(format!("{}.{node}.life", self.cluster))
    }

    /// Whether a node lives. If that cannot be asked, nobody is taken for dead.
    fn is_alive(&self, node: Incarnation) -> bool {
        self.lifeline(node).exists().unwrap_or(true)
    }

    fn table(&self) -> Result<SharedRegion<Table>, TransportError> {
        let name = format!("{}.nodes", self.cluster);
        let failed = |error| failed("open the table of nodes", &error);
        // Each turn but the last is lost to somebody who makes the table or leaves it just now.
        for _ in 0..64 {
            match self.region(name.clone()).open() {
                Ok(table) => return Ok(table),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(failed(error)),
            }
            match self.region(name.clone()).create(&Table::default()) {
                Ok(table) => return Ok(table),
                Err(error) if error.is_already_exists() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(TransportError::new("open the table of nodes", "it comes and goes"))
    }
}

fn failed(doing: &str, error: &barewire_runtime::Error) -> TransportError {
    TransportError::new(doing, error)
}

/// The transport in shared memory.
///
/// ```
/// use std::time::Duration;
/// use barewire_cluster::transport::memory::{MemoryOptions, MemoryTransport};
/// use barewire_cluster::transport::{Event, Sent, Transport};
/// use barewire_cluster::wire::Incarnation;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mill = format!("docs-mill-{}", std::process::id());
/// let (a, b) = (Incarnation::random()?, Incarnation::random()?);
/// let mut one = MemoryTransport::open(&mill, a, MemoryOptions::default())?;
/// let mut other = MemoryTransport::open(&mill, b, MemoryOptions::default())?;
/// assert_eq!(one.send(b, b"a frame")?, Sent::Taken);
/// let mut found = Vec::new();
/// while found.is_empty() {
///     other.receive(Duration::from_secs(1), &mut |event| {
///         if let Event::Frame(octets) = event {
///             found = octets.to_vec();
///         }
///     })?;
/// }
/// assert_eq!(found, b"a frame");
/// # Ok(()) }
/// ```
pub struct MemoryTransport {
    me: Incarnation,
    place: Place,
    inbox: Arc<Inbox>,
    table: SharedRegion<Table>,
    version: Option<u64>,
    peers: BTreeMap<Incarnation, Inbox>,
    looked: Instant,
    slot: Slot,
    _life: SharedRegion<u64>,
}

struct Bell(Arc<Inbox>);

impl Wake for Bell {
    fn wake(&self) {
        // If the inbox is full, nobody sleeps on it.
        let _ = self.0.try_enqueue(&Slot::default());
    }
}

impl MemoryTransport {
    /// Opens the transport of a node.
    ///
    /// # Errors
    ///
    /// If the memory cannot be reserved, or the cluster has [`MAX_NODES`] nodes.
    pub fn open(
        cluster: &str,
        me: Incarnation,
        options: MemoryOptions,
    ) -> Result<Self, TransportError> {
        let place = Place { cluster: cluster.to_owned(), options };
        let life = place.lifeline(me).create(&0).map_err(|error| failed("live", &error))?;
        let inbox = place.inbox(me).create().map_err(|error| failed("make the inbox", &error))?;
        let table = place.table()?;
        let alive = |node: &Incarnation| place.is_alive(*node);
        let added = table.update_timeout(PATIENCE, |table| {
            table.nodes.retain(alive);
            let fits = table.nodes.len() < MAX_NODES;
            if fits {
                table.nodes.push(me);
            }
            fits
        });
        if !added.map_err(|error| failed("enter the table of nodes", &error))? {
            let reason = format!("it has {MAX_NODES} nodes, which is the limit");
            return Err(TransportError::new("enter the table of nodes", reason));
        }
        Ok(Self {
            me,
            place,
            inbox: Arc::new(inbox),
            table,
            version: None,
            peers: BTreeMap::new(),
            looked: Instant::now(),
            slot: Slot::default(),
            _life: life,
        })
    }

    /// Looks who has come and who has died.
    fn look(&mut self, take: &mut dyn FnMut(Event<'_>)) {
        self.looked = Instant::now();
        let version = self.table.version();
        if self.version != Some(version)
            && let Ok(table) = self.table.read()
        {
            self.version = Some(version);
            for node in table.nodes {
                if node != self.me && !self.peers.contains_key(&node) {
                    self.meet(node, take);
                }
            }
        }
        let dead: Vec<_> =
            self.peers.keys().copied().filter(|node| !self.place.is_alive(*node)).collect();
        for node in dead {
            self.peers.remove(&node);
            take(Event::Lost(node));
            // Whoever wants a segment of the dead removes it.
            let _ = self.place.lifeline(node).open();
            let _ = self.table.update_timeout(PATIENCE, |table| {
                table.nodes.retain(|other| *other != node);
            });
        }
    }

    fn meet(&mut self, node: Incarnation, take: &mut dyn FnMut(Event<'_>)) {
        match self.place.inbox(node).open() {
            Ok(inbox) => {
                self.peers.insert(node, inbox);
                take(Event::Seen(node));
            }
            // It is gone, and somebody will take it out of the table.
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                tracing::warn!(%node, %error, "the inbox of a node cannot be opened");
                self.version = None;
            }
        }
    }

    fn put(inbox: &Inbox, slot: &Slot) -> Sent {
        match inbox.try_enqueue(slot) {
            Ok(()) => Sent::Taken,
            Err(error) if error.is_full() => Sent::Full,
            Err(_) => Sent::NoWay,
        }
    }

    /// Hands over what is there; whether there was anything.
    fn take(&self, take: &mut dyn FnMut(Event<'_>)) -> bool {
        let Ok(Some(batch)) = self.inbox.try_dequeue_batch(MOST_AT_ONCE) else { return false };
        for message in batch.iter() {
            // An empty one only wakes.
            if let Ok(octets) = Decoder::new(message.bytes()).data()
                && !octets.is_empty()
            {
                take(Event::Frame(octets));
            }
        }
        true
    }
}

impl Transport for MemoryTransport {
    fn largest_frame(&self) -> usize {
        self.place.options.frame_bytes
    }

    fn tells_deaths(&self) -> bool {
        true
    }

    fn send(&mut self, to: Incarnation, frame: &[u8]) -> Result<Sent, TransportError> {
        if frame.len() > self.place.options.frame_bytes {
            return Ok(Sent::NoWay);
        }
        let Some(inbox) = self.peers.get(&to) else {
            // A node that is not known yet may have spoken first.
            return self.send_unknown(to, frame);
        };
        self.slot.octets.clear();
        self.slot.octets.extend_from_slice(frame);
        Ok(Self::put(inbox, &self.slot))
    }

    fn broadcast(&mut self, frame: &[u8]) -> Result<Sent, TransportError> {
        if frame.len() > self.place.options.frame_bytes {
            return Ok(Sent::NoWay);
        }
        self.slot.octets.clear();
        self.slot.octets.extend_from_slice(frame);
        let mut sent = Sent::Taken;
        for inbox in self.peers.values() {
            if Self::put(inbox, &self.slot) == Sent::Full {
                sent = Sent::Full;
            }
        }
        Ok(sent)
    }

    fn receive(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TransportError> {
        if self.looked.elapsed() >= LOOK_EVERY || self.version.is_none() {
            self.look(take);
        }
        if self.take(take) || patience.is_zero() {
            return Ok(());
        }
        let patience = patience.min(LOOK_EVERY);
        let found = self.inbox.dequeue_timeout(patience);
        if let Ok(Some(message)) = found {
            if let Ok(octets) = Decoder::new(message.bytes()).data()
                && !octets.is_empty()
            {
                take(Event::Frame(octets));
            }
            drop(message);
            self.take(take);
        }
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(Bell(self.inbox.clone()))
    }
}

impl MemoryTransport {
    #[cold]
    fn send_unknown(&mut self, to: Incarnation, frame: &[u8]) -> Result<Sent, TransportError> {
        match self.place.inbox(to).open() {
            Ok(inbox) => {
                self.peers.insert(to, inbox);
                self.send(to, frame)
            }
            Err(_) => Ok(Sent::NoWay),
        }
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        let me = self.me;
        let _ = self.table.update_timeout(PATIENCE, |table| {
            table.nodes.retain(|node| *node != me);
        });
    }
}

impl std::fmt::Debug for MemoryTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryTransport").field("me", &self.me).finish_non_exhaustive()
    }
}
