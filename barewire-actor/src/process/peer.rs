//! Another node of the system, as this one sees it.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};

use super::frames::Head;
use super::inbox::Lanes;
use crate::address::{ActorId, NodeId};
use crate::cause::Cause;
use crate::core::packet::{Packet, Refused};
use crate::error::{AskError, TellError};
use crate::gateway::{Line, ParcelKind};
use crate::message::{Message, Size, Value};
use crate::node::Node;

/// How it is reached.
#[derive(Clone)]
pub(crate) enum Way {
    Memory(Arc<Lanes>),
    Line(Line),
}

pub(crate) struct Peer {
    me: NodeId,
    home: Weak<Node>,
    /// Given back when the process has ended, whoever still holds a reference.
    way: RwLock<Option<Way>>,
    gone: OnceLock<Cause>,
}

impl Peer {
    pub(crate) fn new(home: &Arc<Node>, way: Way) -> Self {
        Self {
            me: home.id,
            home: Arc::downgrade(home),
            way: RwLock::new(Some(way)),
            gone: OnceLock::new(),
        }
    }

    /// One that had ended before anything could be sent to it.
    pub(crate) fn ended(home: &Arc<Node>, cause: Cause) -> Self {
        let (home, me) = (Arc::downgrade(home), home.id);
        Self { me, home, way: RwLock::new(None), gone: OnceLock::from(cause) }
    }

    pub(crate) fn home(&self) -> Option<Arc<Node>> {
        self.home.upgrade()
    }

    /// Nothing can be sent to it from now on; its memory is the caller's to give back.
    pub(crate) fn end(&self, cause: &Cause) -> Option<Way> {
        let _ = self.gone.set(cause.clone());
        self.way.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn gone(&self) -> Option<&Cause> {
        self.gone.get()
    }

    fn cause(&self) -> TellError {
        TellError::Gone(self.gone.get().cloned().unwrap_or(Cause::ProcessEnded))
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
        let way = self.way.read().unwrap_or_else(PoisonError::into_inner);
        match &*way {
            Some(Way::Memory(lanes)) => lanes.send(head, message),
            Some(Way::Line(line)) => {
                let home = self.home().ok_or(TellError::Gone(Cause::SystemStopped))?;
                line.send(&home, ParcelKind::Message, head, message)
            }
            None => Err(self.cause()),
        }
    }

    /// Waits until there may be room for a message of that size, or for a moment.
    pub(crate) async fn room(&self, size: Size) -> Result<(), TellError> {
        let way = self.way.read().unwrap_or_else(PoisonError::into_inner).clone();
        match way {
            Some(Way::Memory(lanes)) => lanes.room(size).await,
            Some(Way::Line(line)) => line.gateway.room(line.node, ParcelKind::Message).await,
            None => return Err(self.cause()),
        }
        Ok(())
    }

    /// Hands a system message over; one that does not go through is sent again.
    pub(crate) fn say(&self, packet: &Packet) {
        let way = self.way.read().unwrap_or_else(PoisonError::into_inner);
        match &*way {
            Some(Way::Memory(lanes)) => drop(lanes.system.try_enqueue(packet)),
            Some(Way::Line(line)) => line.say(packet),
            None => {}
        }
    }

    /// Answers a question of that process; if that cannot be, why it is to be refused.
    pub(crate) fn answer<R: Value>(&self, ask: u64, reply: &R) -> Result<(), AskError> {
        let head = self.head(ask, 0);
        let way = self.way.read().unwrap_or_else(PoisonError::into_inner);
        let sent = match &*way {
            Some(Way::Memory(lanes)) => lanes.answer(head, reply),
            Some(Way::Line(line)) => match self.home() {
                Some(home) => line.send(&home, ParcelKind::Answer, head, reply),
                None => Ok(()),
            },
            None => Ok(()),
        };
        match sent {
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
