//! What the tests of actors have in common: a few messages and actors.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

use std::time::Duration;

use barewire_actor::{
    Actor, ActorId, ActorRef, Cause, Context, Failure, Message, Outcome, Terminated,
};
use barewire_derive::BareSchema;
use tokio::sync::mpsc::UnboundedSender;

pub const SECOND: Duration = Duration::from_secs(1);
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What a tallying actor takes.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub enum Tally {
    Add(u64),
    Total,
    Fail,
    Panic,
    Sleep {
        millis: u64,
    },
    /// Sets everything but `Open` aside, until that comes.
    Shut,
    Open,
    Silent,
    Later,
    /// Its last work will take a while.
    Linger {
        millis: u64,
    },
    Tick,
    Watch {
        actor: ActorId,
    },
    Link {
        actor: ActorId,
    },
    Stop,
    Tell {
        to: ActorRef<Tally>,
        amount: u64,
    },
}

impl Message for Tally {
    type Reply = u64;
}

/// What it has seen, for the test.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Started,
    Added(u64),
    Ended(Terminated),
    Stopped(Cause),
}

pub struct Counter {
    pub total: u64,
    shut: bool,
    linger: Duration,
    seen: Option<UnboundedSender<Seen>>,
}

impl Counter {
    pub fn new() -> Self {
        Self { total: 0, shut: false, linger: Duration::ZERO, seen: None }
    }

    pub fn seen_by(seen: &UnboundedSender<Seen>) -> Self {
        Self { seen: Some(seen.clone()), ..Self::new() }
    }

    fn note(&self, seen: Seen) {
        if let Some(sender) = &self.seen {
            let _ = sender.send(seen);
        }
    }
}

impl Actor for Counter {
    type Message = Tally;

    async fn started(&mut self, _: &mut Context<Self>) -> Outcome {
        self.note(Seen::Started);
        Ok(())
    }

    async fn handle(&mut self, message: Tally, context: &mut Context<Self>) -> Outcome {
        if self.shut && message != Tally::Open {
            return context.stash(message).map_err(|_| Failure::new("no room to set it aside"));
        }
        match message {
            Tally::Add(amount) => {
                self.total += amount;
                self.note(Seen::Added(amount));
            }
            Tally::Total => context.reply(self.total),
            Tally::Fail => return Err(Failure::new("as it was told")),
            Tally::Panic => panic!("as it was told"),
            Tally::Sleep { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Tally::Shut => self.shut = true,
            Tally::Open => {
                self.shut = false;
                context.unstash_all();
            }
            Tally::Silent => {}
            Tally::Linger { millis } => {
                self.linger = Duration::from_millis(millis);
                context.reply(0);
            }
            Tally::Later => {
                let reply = context.take_reply().ok_or_else(|| Failure::new("no question"))?;
                tokio::spawn(async move { reply.send(99) });
            }
            Tally::Tick => {
                context.send_after(Duration::from_millis(5), Tally::Add(1));
                context.send_every(Duration::from_millis(10), || Tally::Add(10));
            }
            Tally::Watch { actor } => context.watch(actor),
            Tally::Link { actor } => context.link(actor),
            Tally::Stop => context.stop(),
            Tally::Tell { to, amount } => to.tell(Tally::Add(amount)).await?,
        }
        Ok(())
    }

    async fn terminated(&mut self, ended: Terminated, _: &mut Context<Self>) -> Outcome {
        self.note(Seen::Ended(ended));
        Ok(())
    }

    async fn stopped(&mut self, cause: &Cause) {
        tokio::time::sleep(self.linger).await;
        self.note(Seen::Stopped(cause.clone()));
    }
}
