//! An actor as others see it: its id, its mailbox, its counters.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use barewire_runtime::ipc::Overflow;

use crate::address::ActorId;
use crate::mailbox::{Envelope, Mailbox, Refusal, System};
use crate::message::{self, Message};
use crate::node::{Node, Undelivered};
use crate::process::frames::Arrival;
use crate::reply::ReplyTo;

pub(crate) struct ActorCell<M: Message> {
    pub(crate) id: ActorId,
    pub(crate) node: Arc<Node>,
    pub(crate) mailbox: Mailbox<M>,
    pub(crate) handled: AtomicU64,
    pub(crate) name: Option<String>,
    /// Whether it runs on the thread that takes messages of other processes.
    pub(crate) on_dispatcher: bool,
}

/// An actor, whatever it takes.
pub(crate) trait Cell: Send + Sync {
    fn signal(&self, system: System) -> bool;
    fn depth(&self) -> usize;
    fn handled(&self) -> u64;
    fn name(&self) -> Option<&str>;
    /// Puts what has arrived from another process into the mailbox; how much of it was taken. The
    /// rest waits for room.
    fn deliver(&self, arrivals: &[Arrival<'_>]) -> usize;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<M: Message> Cell for ActorCell<M> {
    fn signal(&self, system: System) -> bool {
        self.mailbox.signal(system)
    }

    fn depth(&self) -> usize {
        self.mailbox.depth()
    }

    fn handled(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn deliver(&self, arrivals: &[Arrival<'_>]) -> usize {
        // Nothing that could come back to this mailbox is done under its lock.
        let read = |arrival: &Arrival<'_>| Some(message::read(arrival.payload, arrival.length));
        // Most often there is one.
        let (mut one, mut many);
        let read: &mut [Option<Result<M, String>>] = if let [arrival] = arrivals {
            one = [read(arrival)];
            &mut one
        } else {
            many = arrivals.iter().map(read).collect::<Vec<_>>();
            &mut many
        };
        let (mut taken, mut refused, mut oldest) = (0, Vec::new(), Vec::new());
        let next = |room: Result<(), Refusal>| {
            let gone = match room {
                Ok(()) => None,
                // The senders wait: nothing more is taken for now.
                Err(Refusal::Full) if self.mailbox.overflow() == Overflow::Block => return None,
                Err(Refusal::Full) => Some(Undelivered::Full),
                Err(Refusal::Gone(cause)) => Some(Undelivered::Gone(cause)),
            };
            loop {
                let arrival = arrivals.get(taken)?;
                let message = read[taken].take();
                taken += 1;
                match (&gone, message) {
                    (Some(why), _) => refused.push((arrival, why.clone())),
                    (None, Some(Ok(message))) => {
                        let reply = (arrival.ask != 0).then(|| {
                            let node = Arc::clone(&self.node);
                            ReplyTo::there(node, arrival.from.node(), arrival.ask)
                        });
                        let sender = (arrival.from.number() != 0).then_some(arrival.from);
                        return Some(Envelope { message, reply, sender, trace: arrival.trace });
                    }
                    (None, Some(Err(why))) => {
                        refused.push((arrival, Undelivered::Invalid(why)));
                    }
                    (None, None) => {}
                }
            }
        };
        self.mailbox.push_all(next, |envelope| oldest.push(envelope));
        for envelope in oldest {
            self.dead(envelope, &Undelivered::Dropped);
        }
        for (arrival, why) in refused {
            self.node.undelivered(self.id, arrival, why);
        }
        taken
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<M: Message> ActorCell<M> {
    /// A message that nobody will handle; who asked is told why.
    pub(crate) fn dead(&self, envelope: Envelope<M>, why: &Undelivered) {
        if let Some(reply) = envelope.reply {
            reply.fail(why.as_ask_error());
        }
        self.node.dead_letter::<M>(self.id, envelope.sender, why.clone(), &envelope.message);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use barewire_derive::BareSchema;
    use zerocopy::IntoBytes;

    use super::*;
    use crate::process::frames::Head;
    use crate::testkit::Probe;
    use crate::{ActorSystem, NodeId, Nothing};

    #[derive(BareSchema, Debug, PartialEq)]
    #[bare(crate = "::barewire_runtime")]
    enum Signal {
        Red,
        Green,
    }

    impl Message for Signal {
        type Reply = Nothing;
    }

    #[tokio::test]
    async fn what_is_no_message_is_a_dead_letter_and_not_silence() {
        let system = ActorSystem::builder("cell").local().start().expect("it needs nothing");
        let mut dead = system.dead_letters();
        let mut probe = Probe::<Signal>::new(&system);
        let (to, from) = (probe.actor().id(), ActorId::new(NodeId::from_u128(7), 1));
        let head = Head { length: 4, ..Head::new(to.number(), from, 0, 0) };
        let payloads = [1_u32, 77];
        let arrivals = payloads.each_ref().map(|word| Arrival::new(&head, word.as_bytes()));
        let cell = system.node.cell(to.number()).expect("it lives");
        assert_eq!(cell.deliver(&arrivals), 2, "both are dealt with");
        let second = Duration::from_secs(1);
        let (got, _) = probe.next(second).await.expect("one of them is a message");
        assert_eq!(got, Signal::Green);
        let letter = dead.next().await.expect("the system lives");
        assert_eq!((letter.to, letter.from), (to, Some(from)));
        assert!(matches!(letter.why, Undelivered::Invalid(_)), "{:?}", letter.why);
    }
}
