//! A session of zenoh: opened, and closed, by threads of its own.
//!
//! zenoh waits for the network in both, and refuses to be called from some runtimes; a node does
//! neither. A client's session is opened when a router answers, however long that takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};

use ::zenoh::key_expr::KeyExpr;
use ::zenoh::liveliness::LivelinessToken;
use ::zenoh::sample::{Locality, Sample, SampleKind};
use ::zenoh::{Config, Session, Wait};

use super::LARGEST_FRAME;
use super::inbox::{Come, Inbox};
use crate::transport::{TransportError, Wake};
use crate::wire::Incarnation;

/// For how long it is tried to listen: whoever has listened there before, perhaps an earlier
/// incarnation of the same node, may not have closed by now.
const LISTEN_FOR: Duration = Duration::from_secs(2);
/// How long to wait after a try that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Under which keys the nodes of a cluster hear.
///
/// ```text
/// barewire/CLUSTER/all             everybody
/// barewire/CLUSTER/to/INCARNATION  one
/// barewire/CLUSTER/alive/…         its token, which is there once it hears
/// ```
#[derive(Debug, Clone)]
pub(super) struct Keys(String);

fn failed(doing: &str) -> impl Fn(::zenoh::Error) -> TransportError {
    move |error| TransportError::new(doing, error)
}

impl Keys {
    pub(super) fn new(cluster: &str) -> Result<Self, TransportError> {
        if cluster.is_empty() || cluster.contains(['/', '*', '$', '#', '?', '@']) {
            let reason = format!("{cluster:?} is no name of a cluster");
            return Err(TransportError::new("open zenoh", reason));
        }
        Ok(Self(format!("barewire/{cluster}")))
    }

    fn key(&self, tail: &str) -> Result<KeyExpr<'static>, TransportError> {
        let key = KeyExpr::try_from(format!("{}/{tail}", self.0));
        key.map_err(failed("make a key"))
    }

    pub(super) fn all(&self) -> Result<KeyExpr<'static>, TransportError> {
        self.key("all")
    }

    pub(super) fn to(&self, node: Incarnation) -> Result<KeyExpr<'static>, TransportError> {
        self.key(&format!("to/{node}"))
    }
}

/// A session that is open.
pub(super) struct Open {
    pub(super) session: Session,
    token: LivelinessToken,
}

impl Open {
    fn new(
        config: Config,
        keys: &Keys,
        me: Incarnation,
        inbox: &Arc<Inbox>,
    ) -> Result<Self, TransportError> {
        let session = ::zenoh::open(config).wait().map_err(failed("open zenoh"))?;
        for key in [keys.all()?, keys.to(me)?] {
            let inbox = inbox.clone();
            let hear = session.declare_subscriber(key).callback(move |sample| {
                let octets = sample.payload();
                if octets.len() <= LARGEST_FRAME {
                    inbox.put(Come::Frame(octets.to_bytes().into_owned()));
                }
            });
            hear.allowed_origin(Locality::Remote)
                .background()
                .wait()
                .map_err(failed("hear others"))?;
        }
        // Only now: whoever sees the token is heard.
        let (alive, liveliness) = (keys.key("alive/*")?, session.liveliness());
        let token = liveliness.declare_token(keys.key(&format!("alive/{me}"))?).wait();
        let token = token.map_err(failed("say that this node is there"))?;
        let inbox = inbox.clone();
        let look = liveliness.declare_subscriber(alive).history(true).callback(move |sample| {
            if let Some(come) = token_of(&sample) {
                inbox.put(come);
            }
        });
        look.background().wait().map_err(failed("look who is there"))?;
        Ok(Self { session, token })
    }

    /// Ends the session; at most as long as zenoh waits for the network.
    fn close(self) {
        let Self { session, token } = self;
        for closed in [token.undeclare().wait(), session.close().wait()] {
            if let Err(error) = closed {
                tracing::debug!(%error, "zenoh did not close in time");
            }
        }
    }
}

fn token_of(sample: &Sample) -> Option<Come> {
    let node = sample.key_expr().as_str().rsplit('/').next()?;
    let node = Incarnation::from_u128(u128::from_str_radix(node, 16).ok()?);
    Some(match sample.kind() {
        SampleKind::Put => Come::Seen(node),
        SampleKind::Delete => Come::Unseen(node),
    })
}

/// A session, perhaps one that is not open yet.
pub(super) enum Link {
    Opening {
        opened: Receiver<Result<Open, TransportError>>,
        given_up: Arc<AtomicBool>,
    },
    Open(Open),
    /// It could not be opened.
    Failed(TransportError),
}

impl Link {
    /// Begins to open a session. It is tried for a while, with `again` until it is given up.
    pub(super) fn begin(
        config: Config,
        keys: Keys,
        me: Incarnation,
        inbox: Arc<Inbox>,
        again: bool,
    ) -> Result<Self, TransportError> {
        let (sender, opened) = channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let stops = given_up.clone();
        let thread = std::thread::Builder::new().name("prospero-zenoh".to_owned());
        let thread = thread.spawn(move || {
            let begun = Instant::now();
            let result = loop {
                let tries = again || begun.elapsed() < LISTEN_FOR;
                match Open::new(config.clone(), &keys, me, &inbox) {
                    Err(error) if tries && !stops.load(Ordering::Relaxed) => {
                        tracing::warn!(%error, "zenoh does not open yet");
                        std::thread::sleep(PAUSE);
                    }
                    result => break result,
                }
            };
            // Whoever gives it up waits for what comes of it, so it is never lost.
            let _ = sender.send(result);
            inbox.wake();
        });
        thread.map_err(|error| TransportError::new("start a thread", error))?;
        Ok(Self::Opening { opened, given_up })
    }

    /// Waits until it is open.
    pub(super) fn finish(self) -> Result<Self, TransportError> {
        match self {
            Self::Opening { opened, .. } => {
                let ended = |_| TransportError::new("open zenoh", "its thread has ended");
                Ok(Self::Open(opened.recv().map_err(ended)??))
            }
            other => Ok(other),
        }
    }

    /// The session, if it is open by now.
    pub(super) fn session(&mut self) -> Result<Option<&Session>, TransportError> {
        if let Self::Opening { opened, .. } = self {
            match opened.try_recv() {
                Ok(Ok(open)) => *self = Self::Open(open),
                Ok(Err(error)) => *self = Self::Failed(error),
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => {
                    let error = TransportError::new("open zenoh", "its thread has ended");
                    *self = Self::Failed(error);
                }
            }
        }
        match self {
            Self::Open(open) => Ok(Some(&open.session)),
            Self::Failed(error) => Err(error.clone()),
            Self::Opening { .. } => Ok(None),
        }
    }

    /// Ends the session. If the network makes that last longer, a thread goes on with it.
    pub(super) fn close(self, patience: Duration) {
        let (sender, closed) = channel::<()>();
        let close = move || {
            match self {
                Self::Open(open) => open.close(),
                Self::Opening { opened, given_up } => {
                    given_up.store(true, Ordering::Relaxed);
                    if let Ok(Ok(open)) = opened.recv() {
                        open.close();
                    }
                }
                Self::Failed(_) => {}
            }
            drop(sender);
        };
        let thread = std::thread::Builder::new().name("prospero-zenoh".to_owned());
        if let Err(error) = thread.spawn(close) {
            tracing::warn!(%error, "no thread to close zenoh with");
        } else if closed.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("zenoh closes later than it should");
        }
    }
}
