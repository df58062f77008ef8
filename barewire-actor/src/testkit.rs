//! For the tests of programs with actors: probes, a clock that stands still, lines that fail.
//!
//! ```
//! use barewire_actor::testkit::{Faults, Probe, clock, faulty};
//! use barewire_actor::{ActorSystem, Message, Nothing};
//! use barewire_derive::BareSchema;
//! use std::time::Duration;
//!
//! #[derive(BareSchema, Debug, Clone, PartialEq)]
//! # #[bare(crate = "::barewire_runtime")]
//! struct News { number: u32 }
//! impl Message for News { type Reply = Nothing; }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! clock::stop(); // from here on, hours pass in no time
//! let system = ActorSystem::builder("docs").local().start()?;
//! let mut probe = Probe::<News>::new(&system);
//! let line = faulty(&system, probe.actor(), Faults { drop: 0.5, ..Faults::new(7) });
//! for number in 0..100 {
//!     line.tell(News { number }).await?;
//! }
//! let arrived = probe.drain(Duration::from_secs(3600)).await;
//! assert!((30..70).contains(&arrived.len()));
//! # Ok(()) }
//! ```

use std::time::Duration;

use tokio::sync::mpsc;

use crate::actor::{Actor, Outcome};
use crate::context::Context;
use crate::message::Message;
use crate::random::Random;
use crate::reference::ActorRef;
use crate::reply::ReplyTo;
use crate::system::ActorSystem;

/// Time that passes only when the test says so, or when everything waits for it.
///
/// Needs tokio's `current_thread` runtime. All deadlines, timers and backoffs of actors of this
/// process go by it; what the kernel knows of other processes does not.
pub mod clock {
    use std::time::Duration;

    /// Stops the clock.
    pub fn stop() {
        tokio::time::pause();
    }

    /// Lets time pass, and everything happen that is due by then.
    pub async fn advance(time: Duration) {
        tokio::time::advance(time).await;
    }

    /// Lets the clock go on.
    pub fn go_on() {
        tokio::time::resume();
    }
}

/// A message that a probe has got, with the right to answer it if it was a question.
pub type Got<M> = (M, Option<ReplyTo<<M as Message>::Reply>>);

/// An actor that hands whatever it gets to the test.
#[derive(Debug)]
pub struct Probe<M: Message> {
    actor: ActorRef<M>,
    got: mpsc::UnboundedReceiver<Got<M>>,
}

struct Probing<M: Message>(mpsc::UnboundedSender<Got<M>>);

impl<M: Message> Actor for Probing<M> {
    type Message = M;

    async fn handle(&mut self, message: M, context: &mut Context<Self>) -> Outcome {
        let _ = self.0.send((message, context.take_reply()));
        Ok(())
    }
}

impl<M: Message> Probe<M> {
    /// Starts one.
    pub fn new(system: &ActorSystem) -> Self {
        let (sender, got) = mpsc::unbounded_channel();
        Self { actor: system.spawn(Probing(sender)), got }
    }

    /// The actor that others send to.
    #[must_use]
    pub fn actor(&self) -> &ActorRef<M> {
        &self.actor
    }

    /// The next message, with the right to answer it; `None` if none comes within that time.
    pub async fn next(&mut self, within: Duration) -> Option<Got<M>> {
        tokio::time::timeout(within, self.got.recv()).await.ok().flatten()
    }

    /// All messages until none has come for that time.
    pub async fn drain(&mut self, silence: Duration) -> Vec<M> {
        let mut all = Vec::new();
        while let Some((message, _)) = self.next(silence).await {
            all.push(message);
        }
        all
    }
}

/// What a faulty line does to messages; probabilities between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Faults {
    /// The same seed does the same to the same messages.
    pub seed: u64,
    /// How many messages are lost.
    pub drop: f64,
    /// How many messages arrive twice; questions do not.
    pub double: f64,
    /// How long each message takes, at most; others may overtake it.
    pub delay: Duration,
    /// How many messages make the line itself fail, so that it ends.
    pub fail: f64,
}

impl Faults {
    /// No faults yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, drop: 0.0, double: 0.0, delay: Duration::ZERO, fail: 0.0 }
    }
}

/// How long a question may take that goes over a faulty line.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

struct Line<M: Message> {
    to: ActorRef<M>,
    faults: Faults,
    random: Random,
}

impl<M: Message + Clone + Sync> Actor for Line<M> {
    type Message = M;

    async fn handle(&mut self, message: M, context: &mut Context<Self>) -> Outcome {
        if self.random.share() < self.faults.fail {
            return Err(crate::actor::Failure::new("the line failed, as it was made to"));
        }
        let reply = context.take_reply();
        if self.random.share() < self.faults.drop {
            // Nobody is told of what is lost: the question ends with its deadline.
            if let Some(reply) = reply {
                tokio::spawn(async move {
                    tokio::time::sleep(ANSWERED_WITHIN).await;
                    drop(reply);
                });
            }
            return Ok(());
        }
        let copies = 1 + u32::from(reply.is_none() && self.random.share() < self.faults.double);
        let mut reply = reply;
        for _ in 0..copies {
            let delay = self.faults.delay.mul_f64(self.random.share());
            let (to, message, reply) = (self.to.clone(), message.clone(), reply.take());
            let pass_on = async move {
                match reply {
                    None => drop(to.tell(message).await),
                    Some(reply) => match to.ask(message, ANSWERED_WITHIN).await {
                        Ok(answer) => reply.send(answer),
                        Err(error) => reply.fail(error),
                    },
                }
            };
            if delay.is_zero() {
                pass_on.await;
            } else {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    pass_on.await;
                });
            }
        }
        Ok(())
    }
}

/// An actor that passes everything on to another one, not quite reliably.
pub fn faulty<M: Message + Clone + Sync>(
    system: &ActorSystem,
    to: &ActorRef<M>,
    faults: Faults,
) -> ActorRef<M> {
    system.spawn(Line { to: to.clone(), faults, random: Random(faults.seed) })
}
