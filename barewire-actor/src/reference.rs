//! `ActorRef`: where messages for an actor go, wherever it lives.

use std::cmp::Ordering;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use barewire_derive::BareSchema;
use barewire_runtime::__private::{Refusal, rule};
use barewire_runtime::__stands_for;
use barewire_runtime::ipc::Overflow;
use barewire_runtime::layout::Uuid;

use crate::address::ActorId;
use crate::cause::Cause;
use crate::cell::ActorCell;
use crate::core::packet::Signal;
use crate::current;
use crate::error::{AskError, TellError};
use crate::mailbox::{Envelope, Refusal as Refused};
use crate::message::{Contract, Known, Message};
use crate::node::{Node, Undelivered};
use crate::process::peer::Peer;
use crate::reply::Answer;

/// How often a full inbox is tried before the sender sleeps.
const TRIES: u32 = 200;

/// Where messages for an actor go, in this process or in another.
///
/// It is a BARE value itself, so it can be a field of a message. It means one life of one actor:
/// when that has ended, sending gives [`TellError::Gone`] with the cause, and nobody else ever gets
/// the message.
///
/// Messages arrive at most once. Those that one actor, or one thread or task outside of actors,
/// sends to another actor arrive in the order in which they were sent. An actor that was sent a
/// message may end before it handles it; what was left then becomes a dead letter.
pub struct ActorRef<M: Message> {
    id: ActorId,
    way: Way<M>,
}

enum Way<M: Message> {
    Here(Arc<ActorCell<M>>),
    There(Arc<Peer>),
    Gone(Arc<Node>, Box<Cause>),
    /// Decoded where no actor system runs.
    Nowhere,
}

impl<M: Message> ActorRef<M> {
    pub(crate) fn local(cell: Arc<ActorCell<M>>) -> Self {
        Self { id: cell.id, way: Way::Here(cell) }
    }

    /// The reference as an actor of `home` uses it; the types have been compared.
    pub(crate) fn resolve(home: &Arc<Node>, id: ActorId) -> Self {
        let way = match current::node(id.node()) {
            Some(node) => match node.cell(id.number()) {
                Ok(cell) => match Arc::downcast(cell.into_any()) {
                    Ok(cell) => Way::Here(cell),
                    // Equal schemas of two Rust types, which only octets could bridge.
                    Err(_) => Way::Gone(Arc::clone(home), Box::new(Cause::Unknown)),
                },
                Err(cause) => Way::Gone(Arc::clone(home), Box::new(cause)),
            },
            None => Way::There(home.peer_or_ended(id.node())),
        };
        Self { id, way }
    }

    /// Which actor, and which life of it.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.id
    }

    /// Whether the actor lives in this process.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self.way, Way::Here(_))
    }

    fn home(&self) -> Option<Arc<Node>> {
        match &self.way {
            Way::Here(cell) => Some(Arc::clone(&cell.node)),
            Way::There(peer) => peer.home(),
            Way::Gone(node, _) => Some(Arc::clone(node)),
            Way::Nowhere => current::home(),
        }
    }

    fn lost(&self, cause: Cause, message: &M) -> TellError {
        if let Some(home) = self.home() {
            let why = Undelivered::Gone(cause.clone());
            home.dead_letter::<M>(self.id, current::sender().0, why, message);
        }
        TellError::Gone(cause)
    }

    fn nowhere() -> TellError {
        TellError::Transport("no actor system runs in this process".to_owned())
    }

    /// Sends a message without waiting.
    ///
    /// # Errors
    ///
    /// [`TellError::Full`] if there is no room, and as [`tell`](Self::tell).
    #[inline]
    pub fn try_tell(&self, message: M) -> Result<(), TellError> {
        match &self.way {
            Way::Here(cell) => here(cell, envelope(message)).map_err(|(error, _)| error),
            Way::There(peer) => {
                let sent = peer.try_send(self.id.number(), 0, &message);
                self.after(sent, &message)
            }
            Way::Gone(_, cause) => Err(self.lost((**cause).clone(), &message)),
            Way::Nowhere => Err(Self::nowhere()),
        }
    }

    /// Sends a message. If the mailbox is full, waits, is refused, or drops the oldest message, as
    /// the mailbox was made; if the inbox of another process is full, waits.
    ///
    /// `Ok` says that the message is on its way, and not that it was or will be handled.
    ///
    /// # Errors
    ///
    /// [`TellError::Gone`] with the cause, `Full` as the mailbox was made, `TooLarge`, `Transport`.
    #[inline]
    pub async fn tell(&self, message: M) -> Result<(), TellError> {
        match &self.way {
            Way::Here(cell) => match cell.mailbox.push(envelope(message)) {
                Ok(None) => Ok(()),
                Ok(Some(oldest)) => {
                    cell.dead(oldest, &Undelivered::Dropped);
                    Ok(())
                }
                Err((Refused::Full, envelope)) => wait_here(cell, envelope).await,
                Err((Refused::Gone(cause), envelope)) => Err(refuse(cell, cause, envelope)),
            },
            Way::There(peer) => {
                let (sent, message) = send_there(peer, self.id.number(), 0, message).await;
                self.after(sent, &message)
            }
            Way::Gone(_, cause) => Err(self.lost((**cause).clone(), &message)),
            Way::Nowhere => Err(Self::nowhere()),
        }
    }

    fn after(&self, sent: Result<(), TellError>, message: &M) -> Result<(), TellError> {
        match sent {
            Err(TellError::Gone(cause)) => Err(self.lost(cause, message)),
            result => result,
        }
    }

    /// Asks, and waits for the answer until the deadline has passed.
    ///
    /// The question is sent by this call, before its future is awaited: so questions are in order
    /// with what is told before and after. If there is no room for it, it is sent once there is,
    /// while the future is awaited. Dropping the future is giving the question up.
    ///
    /// # Errors
    ///
    /// [`AskError::TimedOut`], [`AskError::Gone`] with the cause, as soon as it is known;
    /// `Unanswered` if the actor has handled the question without an answer; `Full` if there was no
    /// room and the mailbox was made to refuse.
    pub fn ask(
        &self,
        message: M,
        deadline: Duration,
    ) -> impl Future<Output = Result<M::Reply, AskError>> + Send + use<M> {
        let asked = self.put_question(message, deadline);
        async move {
            let (mut answer, unsent) = asked?;
            if let Some(unsent) = unsent {
                let mut sending = pin!(unsent.send(answer.ask));
                let ended = poll_fn(|context| match Pin::new(&mut answer).poll(context) {
                    Poll::Ready(ended) => Poll::Ready(Some(ended)),
                    Poll::Pending => sending.as_mut().poll(context).map(|sent| match sent {
                        Ok(()) => None,
                        Err(error) => Some(Err(error.into())),
                    }),
                });
                if let Some(ended) = ended.await {
                    return ended;
                }
            }
            answer.await
        }
    }

    fn put_question(&self, message: M, deadline: Duration) -> Result<Asked<M>, AskError> {
        let home = self.home().ok_or_else(|| AskError::from(Self::nowhere()))?;
        let answer = Answer::open(home, self.id.node(), deadline);
        let unsent = match &self.way {
            Way::Here(cell) => {
                let envelope = Envelope { reply: Some(answer.reply_here()), ..envelope(message) };
                match here(cell, envelope) {
                    Ok(()) => None,
                    Err((TellError::Full, Some(envelope)))
                        if cell.mailbox.overflow() == Overflow::Block =>
                    {
                        Some(Unsent::Here(Arc::clone(cell), envelope))
                    }
                    Err((error, _)) => return Err(error.into()),
                }
            }
            Way::There(peer) => match peer.try_send(self.id.number(), answer.ask, &message) {
                Err(TellError::Full) => {
                    Some(Unsent::There(Arc::clone(peer), self.id.number(), message))
                }
                sent => {
                    self.after(sent, &message)?;
                    None
                }
            },
            Way::Gone(_, cause) => return Err(self.lost((**cause).clone(), &message).into()),
            Way::Nowhere => return Err(Self::nowhere().into()),
        };
        Ok((answer, unsent))
    }

    /// Asks the actor to stop after the message in hand.
    pub fn stop(&self) {
        self.signal(Signal::Stop);
    }

    /// Asks the actor to take no more messages, to handle those that it has, and to stop.
    pub fn drain(&self) {
        self.signal(Signal::Drain);
    }

    /// Ends the actor at once, at the next point where it waits.
    pub fn kill(&self) {
        self.signal(Signal::Kill);
    }

    fn signal(&self, signal: Signal) {
        if let Some(home) = self.home() {
            home.signal(self.id, signal);
        }
    }
}

#[inline]
fn envelope<M: Message>(message: M) -> Envelope<M> {
    let (sender, trace) = current::sender();
    Envelope { message, reply: None, sender, trace }
}

/// Puts a message into a mailbox; it comes back if there is no room.
#[inline]
fn here<M: Message>(
    cell: &ActorCell<M>,
    envelope: Envelope<M>,
) -> Result<(), (TellError, Option<Envelope<M>>)> {
    match cell.mailbox.push(envelope) {
        Ok(None) => Ok(()),
        Ok(Some(oldest)) => {
            cell.dead(oldest, &Undelivered::Dropped);
            Ok(())
        }
        Err((Refused::Full, envelope)) => Err((TellError::Full, Some(envelope))),
        Err((Refused::Gone(cause), envelope)) => Err((refuse(cell, cause, envelope), None)),
    }
}

/// A question that waits for its answer, and perhaps for room first.
type Asked<M> = (Answer<<M as Message>::Reply>, Option<Unsent<M>>);

/// A question for which there was no room yet.
enum Unsent<M: Message> {
    Here(Arc<ActorCell<M>>, Envelope<M>),
    There(Arc<Peer>, u64, M),
}

impl<M: Message> Unsent<M> {
    async fn send(self, ask: u64) -> Result<(), TellError> {
        match self {
            Self::Here(cell, envelope) => wait_here(&cell, envelope).await,
            Self::There(peer, to, message) => send_there(&peer, to, ask, message).await.0,
        }
    }
}

/// Sends a message to another process, and waits while there is no room; the message comes back.
async fn send_there<M: Message>(
    peer: &Peer,
    to: u64,
    ask: u64,
    message: M,
) -> (Result<(), TellError>, M) {
    let mut tries = 0;
    loop {
        match peer.try_send(to, ask, &message) {
            Err(TellError::Full) => {}
            sent => return (sent, message),
        }
        tries += 1;
        if tries < TRIES {
            std::hint::spin_loop();
        } else if let Err(gone) = peer.room(M::SIZE).await {
            return (Err(gone), message);
        }
    }
}

fn refuse<M: Message>(cell: &ActorCell<M>, cause: Cause, envelope: Envelope<M>) -> TellError {
    cell.dead(envelope, &Undelivered::Gone(cause.clone()));
    TellError::Gone(cause)
}

async fn wait_here<M: Message>(
    cell: &ActorCell<M>,
    envelope: Envelope<M>,
) -> Result<(), TellError> {
    let mut envelope = Some(envelope);
    let pushed = poll_fn(|context| cell.mailbox.poll_push(context, &mut envelope)).await;
    match (pushed, envelope) {
        (Ok(oldest), _) => {
            if let Some(oldest) = oldest {
                cell.dead(oldest, &Undelivered::Dropped);
            }
            Ok(())
        }
        (Err(Refused::Gone(cause)), Some(envelope)) => Err(refuse(cell, cause, envelope)),
        (Err(Refused::Gone(cause)), None) => Err(TellError::Gone(cause)),
        (Err(Refused::Full), _) => Err(TellError::Full),
    }
}

impl<M: Message> Clone for ActorRef<M> {
    fn clone(&self) -> Self {
        let way = match &self.way {
            Way::Here(cell) => Way::Here(Arc::clone(cell)),
            Way::There(peer) => Way::There(Arc::clone(peer)),
            Way::Gone(node, cause) => Way::Gone(Arc::clone(node), cause.clone()),
            Way::Nowhere => Way::Nowhere,
        };
        Self { id: self.id, way }
    }
}

impl<M: Message> fmt::Debug for ActorRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorRef<{}>({})", std::any::type_name::<M>(), self.id)
    }
}

impl<M: Message> PartialEq for ActorRef<M> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<M: Message> Eq for ActorRef<M> {}

impl<M: Message> PartialOrd for ActorRef<M> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<M: Message> Ord for ActorRef<M> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.id.cmp(&other.id)
    }
}

impl<M: Message> Hash for ActorRef<M> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// What a reference is where it travels: whom it means, and what that one takes and answers.
#[derive(BareSchema, Debug, Clone, Copy)]
#[bare(crate = "::barewire_runtime")]
pub struct Reference {
    actor: ActorId,
    contract: Uuid,
}

fn leave<M: Message>(reference: &ActorRef<M>) -> Reference {
    Reference { actor: reference.id, contract: Uuid(M::CONTRACT.to_be_bytes()) }
}

fn arrive<M: Message>(reference: Reference) -> Result<ActorRef<M>, Refusal> {
    let same = reference.contract == Uuid(M::CONTRACT.to_be_bytes());
    let verdict = if same {
        Ok(())
    } else {
        Err("the actor takes messages, or gives answers, of another schema than this one")
    };
    rule("the type of a reference", verdict)?;
    let id = reference.actor;
    Ok(match current::home() {
        Some(home) => ActorRef::resolve(&home, id),
        None => ActorRef { id, way: Way::Nowhere },
    })
}

__stands_for!([M: Message] ActorRef<M> => Reference, leave, arrive);
