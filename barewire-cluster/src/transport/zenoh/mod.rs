//! Frames over zenoh, between machines, also such as reach each other only through others.
//!
//! Each node hears two keys, its own and one for all. A token says that it does: whoever sees that
//! is heard, so that the first thing which is said to a node is not lost for being early.
//!
//! zenoh neither waits nor says so when there is no room: it drops, as a network does. All that may
//! be in flight between two nodes has room, so that happens only if many share a way that has
//! stalled. Its tokens and leases are guesses, and declare nobody dead; heartbeats do.
//!
//! Without [TLS](ZenohTls), anybody on the network can speak to nodes. With it, a manager that
//! passes on what its workers and clients say, and one of them:
//!
//! ```no_run
//! use barewire_cluster::transport::zenoh::{ZenohOptions, ZenohTls};
//! use barewire_cluster::{Method, Node, Role};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tls = ZenohTls::mutual("authority.pem", "boss.pem", "boss.key");
//! let router = ZenohOptions::router(["tls/0.0.0.0:7447"]).tls(tls);
//! let manager =
//!     Node::builder("mill", Role::Manager, "boss").method(Method::Zenoh(router)).start()?;
//!
//! let tls = ZenohTls::mutual("authority.pem", "desk.pem", "desk.key");
//! let client = ZenohOptions::client(["tls/boss.example:7447"]).tls(tls);
//! let desk = Node::builder("mill", Role::Client, "desk").method(Method::Zenoh(client)).start()?;
//! # Ok(()) }
//! ```

mod config;
mod inbox;
mod options;
mod session;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::zenoh::Wait;
use ::zenoh::key_expr::KeyExpr;
use ::zenoh::qos::{CongestionControl, Priority};
use ::zenoh::sample::Locality;
use barewire_runtime::tcp::close_without_waiting;

pub use options::{ZenohIdentity, ZenohOptions, ZenohScouting, ZenohShape, ZenohTls};

use super::{Event, Sent, Transport, TransportError, Wake};
use crate::core::link::WINDOW;
use crate::wire::{Incarnation, sender};
use inbox::{Come, Inbox};
use session::{Keys, Link};

/// zenoh sends batches of up to 65,535 octets: so many of the largest frames go into one, each with
/// what zenoh says besides (its key, for the most part).
const FRAMES_IN_BATCH: usize = 4;
const LARGEST_FRAME: usize = 16 * 1024 - 256;
/// The most frames that a node has in flight to another one.
const IN_FLIGHT: usize = WINDOW;
/// For how many seconds zenoh makes closing a connection wait.
const LINGER_S: u16 = 10;
/// How many nodes are remembered.
const MOST_KNOWN: usize = 4096;

/// The transport over zenoh.
///
/// ```no_run
/// use barewire_cluster::transport::zenoh::{ZenohOptions, ZenohTransport};
/// use barewire_cluster::transport::{Sent, Transport};
/// use barewire_cluster::wire::Incarnation;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let me = Incarnation::random()?;
/// let mut one = ZenohTransport::open("mill", me, ZenohOptions::default())?;
/// let stranger = Incarnation::random()?;
/// assert_eq!(one.send(stranger, b"a frame")?, Sent::NoWay);
/// # Ok(()) }
/// ```
pub struct ZenohTransport {
    me: Incarnation,
    keys: Keys,
    all: KeyExpr<'static>,
    /// Taken out when it is closed.
    link: Option<Link>,
    inbox: Arc<Inbox>,
    known: BTreeMap<Incarnation, KeyExpr<'static>>,
    come: Vec<Come>,
    /// How often connections are looked at, and when that was last done.
    look_every: Duration,
    looked: Option<Instant>,
    close_timeout: Duration,
}

impl ZenohTransport {
    /// Opens the transport of a node. A client's router need not be there yet. The others try for
    /// two seconds to listen.
    ///
    /// # Errors
    ///
    /// If the options cannot be, a file of TLS cannot be read, or nobody can listen at an endpoint.
    pub fn open(
        cluster: &str,
        me: Incarnation,
        options: ZenohOptions,
    ) -> Result<Self, TransportError> {
        let config = config::config(&options)?;
        let keys = Keys::new(cluster)?;
        let (all, inbox) = (keys.all()?, Arc::new(Inbox::default()));
        let client = options.shape == ZenohShape::Client;
        let link = Link::begin(config, keys.clone(), me, inbox.clone(), client)?;
        let link = Some(if client { link } else { link.finish()? });
        let (known, come) = (BTreeMap::new(), Vec::new());
        // Before zenoh gives up a connection, it must have been looked at.
        let (look_every, looked) = (config::lease(&options) / 4, None);
        let close_timeout = options.close_timeout;
        Ok(Self { me, keys, all, link, inbox, known, come, look_every, looked, close_timeout })
    }

    /// Lets no connection hold zenoh's threads up when it is closed.
    ///
    /// zenoh tells the kernel that closing one waits for 10 s until the other side has everything
    /// that was sent, and closes them in two threads that bring all that comes: two connections to
    /// a host without a cable would make a router deaf for that long
    /// (<https://github.com/eclipse-zenoh/zenoh/issues/1101>).
    fn look_at_connections(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < self.look_every) {
            return;
        }
        self.looked = Some(Instant::now());
        if let Err(error) = close_without_waiting(LINGER_S) {
            tracing::debug!(%error, "connections that are closed may hold up others");
        }
    }

    fn know(&mut self, node: Incarnation) -> Result<(), TransportError> {
        if node == self.me || self.known.contains_key(&node) {
            return Ok(());
        }
        if self.known.len() >= MOST_KNOWN {
            // A flood; those that live are learned again with their next heartbeat.
            self.known.clear();
        }
        self.known.insert(node, self.keys.to(node)?);
        Ok(())
    }
}

/// Gives a frame to zenoh, which takes it or drops it, and does not wait.
fn put(
    link: &mut Option<Link>,
    key: &KeyExpr<'static>,
    priority: Priority,
    frame: &[u8],
) -> Result<Sent, TransportError> {
    let Some(session) = link.as_mut().map(Link::session).transpose()?.flatten() else {
        // Not open yet.
        return Ok(Sent::NoWay);
    };
    let put = session.put(key, frame).congestion_control(CongestionControl::Drop);
    let sent = put.priority(priority).allowed_destination(Locality::Remote).wait();
    match sent {
        Err(error) if session.is_closed() => Err(TransportError::new("send over zenoh", error)),
        // What it does not take otherwise is lost.
        Ok(()) | Err(_) => Ok(Sent::Taken),
    }
}

impl Transport for ZenohTransport {
    fn largest_frame(&self) -> usize {
        LARGEST_FRAME
    }

    fn tells_deaths(&self) -> bool {
        false
    }

    fn send(&mut self, to: Incarnation, frame: &[u8]) -> Result<Sent, TransportError> {
        match self.known.get(&to) {
            Some(key) if frame.len() <= LARGEST_FRAME => {
                put(&mut self.link, key, Priority::Data, frame)
            }
            _ => Ok(Sent::NoWay),
        }
    }

    fn broadcast(&mut self, frame: &[u8]) -> Result<Sent, TransportError> {
        if frame.len() > LARGEST_FRAME {
            return Ok(Sent::NoWay);
        }
        // Signs of life do not wait behind work.
        put(&mut self.link, &self.all, Priority::InteractiveHigh, frame)
    }

    fn receive(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TransportError> {
        self.look_at_connections();
        let mut come = std::mem::take(&mut self.come);
        self.inbox.take(patience, &mut come);
        for one in come.drain(..) {
            match one {
                Come::Frame(octets) => {
                    if let Some(node) = sender(&octets) {
                        self.know(node)?;
                    }
                    take(Event::Frame(&octets));
                }
                Come::Seen(node) if node != self.me => {
                    self.know(node)?;
                    take(Event::Seen(node));
                }
                Come::Unseen(node) => {
                    self.known.remove(&node);
                }
                Come::Seen(_) => {}
            }
        }
        self.come = come;
        // Whether it could be opened.
        self.link.as_mut().map(Link::session).transpose()?;
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.inbox.clone()
    }
}

impl Drop for ZenohTransport {
    fn drop(&mut self) {
        self.looked = None;
        self.look_at_connections();
        if let Some(link) = self.link.take() {
            link.close(self.close_timeout);
        }
    }
}

impl std::fmt::Debug for ZenohTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ZenohTransport").field("me", &self.me).finish_non_exhaustive()
    }
}
