//! Another process of the system, as this one sees it.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use super::frames::Head;
use super::inbox::{Lanes, Place};
use crate::address::{ActorId, NodeId};
use crate::cause::Cause;
use crate::core::packet::{Packet, Refused};
use crate::error::{AskError, TellError};
use crate::message::{Known, Message, Value};
use crate::node::Node;

/// How often a full inbox is tried before the sender sleeps.
const TRIES: u32 = 200;

pub(crate) struct Peer {
    me: NodeId,
    home: Weak<Node>,
    /// Given back when the process has ended, whoever still holds a reference.
    lanes: RwLock<Option<Arc<Lanes>>>,
    gone: OnceLock<Cause>,
}

impl Peer {
    /// Attaches to the inbox of another process.
    pub(crate) fn open(home: &Arc<Node>, place: &Place, id: NodeId) -> Result<Self, TellError> {
        let lanes = Lanes::open(place, id).map_err(|error| {
            if error.is_not_found() {
                TellError::Gone(Cause::ProcessEnded)
            } else {
                TellError::Transport(error.to_string())
            }
        })?;
        Ok(Self {
            me: home.id,
            home: Arc::downgrade(home),
            lanes: RwLock::new(Some(Arc::new(lanes))),
            gone: OnceLock::new(),
        })
    }

    /// One that had ended before anything could be sent to it.
    pub(crate) fn ended(home: &Arc<Node>, cause: Cause) -> Self {
        let (home, me) = (Arc::downgrade(home), home.id);
        Self { me, home, lanes: RwLock::new(None), gone: OnceLock::from(cause) }
    }

    pub(crate) fn home(&self) -> Option<Arc<Node>> {
        self.home.upgrade()
    }

    /// Nothing can be sent to it from now on; its memory is the caller's to give back.
    pub(crate) fn end(&self, cause: &Cause) -> Option<Arc<Lanes>> {
        let _ = self.gone.set(cause.clone());
        self.lanes.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn gone(&self) -> Option<&Cause> {
        self.gone.get()
    }

    fn cause(&self) -> TellError {
        TellError::Gone(self.gone.get().cloned().unwrap_or(Cause::ProcessEnded))
    }

    fn lanes(&self) -> Result<Arc<Lanes>, TellError> {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        lanes.clone().ok_or_else(|| self.cause())
    }

    fn head(&self, to: u64, ask: u64) -> Head {
        let (sender, trace) = crate::current::sender();
        let sender = sender.filter(|sender| sender.node() == self.me);
        Head::new(to, sender.unwrap_or(ActorId::new(self.me, 0)), ask, trace)
    }

    /// Sends a message without waiting.
    #[inline]
    pub(crate) fn try_send<M: Message>(
        &self,
        to: u64,
        ask: u64,
        message: &M,
    ) -> Result<(), TellError> {
        let head = self.head(to, ask);
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        match &*lanes {
            Some(lanes) => lanes.send(head, message),
            None => Err(self.cause()),
        }
    }

    /// Sends a message; waits while the inbox is full.
    pub(crate) async fn send<M: Message>(
        &self,
        to: u64,
        ask: u64,
        message: &M,
    ) -> Result<(), TellError> {
        let mut tries = 0;
        loop {
            match self.try_send(to, ask, message) {
                Err(TellError::Full) => {}
                result => return result,
            }
            tries += 1;
            if tries < TRIES {
                std::hint::spin_loop();
            } else {
                self.lanes()?.room(M::SIZE).await;
            }
        }
    }

    /// Hands a system message over; one that does not go through is sent again.
    pub(crate) fn say(&self, packet: &Packet) {
        let lanes = self.lanes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lanes) = &*lanes {
            let _ = lanes.system.try_enqueue(packet);
        }
    }

    /// Answers a question of that process; if that cannot be, why it is to be refused.
    pub(crate) fn answer<R: Value>(&self, ask: u64, reply: &R) -> Result<(), AskError> {
        let head = self.head(ask, 0);
        match self.lanes().and_then(|lanes| lanes.answer(head, reply)) {
            Ok(()) | Err(TellError::Gone(_)) => Ok(()),
            Err(TellError::TooLarge(why)) => Err(AskError::Invalid(why)),
            Err(_) => Err(AskError::Full),
        }
    }
}

impl Refused {
    pub(crate) fn of(error: &AskError) -> Self {
        match error {
            AskError::Gone(cause) | AskError::NotSent(TellError::Gone(cause)) => {
                Self::Gone(cause.clone())
            }
            AskError::Full | AskError::NotSent(TellError::Full) => Self::Full,
            AskError::Unanswered | AskError::TimedOut => Self::Unanswered,
            AskError::Invalid(_) | AskError::NotSent(_) => Self::Invalid,
        }
    }

    pub(crate) fn into_error(self) -> AskError {
        match self {
            Self::Gone(cause) => AskError::Gone(cause),
            Self::Full => AskError::Full,
            Self::Unanswered => AskError::Unanswered,
            Self::Invalid => {
                AskError::Invalid("the other process could not read or write it".to_owned())
            }
        }
    }
}
