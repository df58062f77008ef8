//! What the workers do.

use std::time::Duration;

use barewire_actor::{
    Actor, ActorId, ActorRef, ActorSystem, Change, Changes, Context, Failure, Memory, Message,
    Nothing, Outcome, ReplyTo, SystemError, Terminated, Worker,
};
use barewire_derive::BareSchema;

use crate::traces;

/// What an echo takes: it knows for whom a message is meant, and which one of a sender it is.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Echo {
    /// Message number `number` of a sender, for that life of the echo.
    Note {
        meant: ActorId,
        sender: u64,
        number: u64,
    },
    /// Answered with `number`.
    Ask {
        meant: ActorId,
        number: u64,
    },
    /// Answered with the process id.
    Pid,
    /// How many notes came, if all were meant for this life and in order.
    Notes,
    /// Never answered.
    Hang,
    /// Blocks the whole thread.
    Block {
        millis: u64,
    },
    Watch {
        actor: ActorId,
        report: ActorRef<Report>,
    },
    Forward {
        to: ActorRef<Report>,
        number: u64,
    },
    /// Waits, and lets others have the thread.
    Sleep {
        millis: u64,
    },
    /// Answered with the trace that the message in hand belongs to, as `tracing` saw it here.
    Trace,
    /// Answered as `Trace` is, by the other one.
    TraceOf {
        other: ActorRef<Echo>,
    },
    /// Answered with how many of a group are there, when it has so many.
    Grown {
        members: u64,
    },
}

impl Message for Echo {
    type Reply = u64;
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Report {
    Number(u64),
    Ended { actor: ActorId },
}

impl Message for Report {
    type Reply = Nothing;
}

/// A message without a largest size, and one of a size between.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Text {
    pub(crate) text: String,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Length {
    pub(crate) octets: u64,
    #[bare(max = 400)]
    pub(crate) start: String,
}

impl Message for Text {
    type Reply = Length;
}

#[derive(Default)]
pub(crate) struct Echoer {
    last: std::collections::BTreeMap<u64, u64>,
    notes: u64,
    wrong: Option<String>,
    hung: Vec<ReplyTo<u64>>,
    report: Option<ActorRef<Report>>,
}

impl Actor for Echoer {
    type Message = Echo;

    async fn handle(&mut self, message: Echo, context: &mut Context<Self>) -> Outcome {
        match message {
            Echo::Note { meant, sender, number } => {
                let last = self.last.insert(sender, number).unwrap_or(0);
                if meant != context.id() {
                    self.wrong = Some(format!("{} got a message for {meant}", context.id()));
                } else if number <= last {
                    self.wrong = Some(format!("{sender}: {number} after {last}"));
                }
                self.notes += 1;
            }
            Echo::Ask { meant, number } => {
                if meant == context.id() {
                    context.reply(number);
                }
            }
            Echo::Pid => context.reply(u64::from(std::process::id())),
            Echo::Notes => match self.wrong.take() {
                None => context.reply(self.notes),
                Some(wrong) => return Err(Failure::new(wrong)),
            },
            Echo::Hang => self.hung.extend(context.take_reply()),
            Echo::Block { millis } => std::thread::sleep(Duration::from_millis(millis)),
            Echo::Watch { actor, report } => {
                self.report = Some(report);
                context.watch(actor);
                context.reply(0);
            }
            Echo::Forward { to, number } => to.tell(Report::Number(number)).await?,
            Echo::Sleep { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Echo::Trace => context.reply(traces::last()),
            Echo::TraceOf { other } => {
                let theirs = other.ask(Echo::Trace, Duration::from_secs(5)).await?;
                let here = traces::last();
                context.reply(if theirs == here { here } else { 0 });
            }
            Echo::Grown { members } => {
                let (changes, reply) = (context.system().changes(), context.take_reply());
                tokio::spawn(grown(changes, members, reply));
            }
        }
        Ok(())
    }

    async fn terminated(&mut self, ended: Terminated, _: &mut Context<Self>) -> Outcome {
        if let Some(report) = &self.report {
            report.tell(Report::Ended { actor: ended.actor }).await?;
        }
        Ok(())
    }
}

/// Counts the members of the group `guests` by what is told of its changes.
async fn grown(mut changes: Changes, wanted: u64, reply: Option<ReplyTo<u64>>) {
    let (mut members, guests) = (0, "guests");
    while members != wanted {
        match changes.next().await {
            Some(Change::Added { name, group: true, .. }) if name == guests => members += 1,
            Some(Change::Removed { name, group: true, .. }) if name == guests => members -= 1,
            Some(_) => {}
            None => return,
        }
    }
    if let Some(reply) = reply {
        reply.send(members);
    }
}

struct Measurer;

impl Actor for Measurer {
    type Message = Text;

    async fn handle(&mut self, text: Text, context: &mut Context<Self>) -> Outcome {
        let start = text.text.chars().take(100).collect();
        context.reply(Length { octets: text.text.len() as u64, start });
        Ok(())
    }
}

/// A worker whose mailbox and inbox hold little.
pub(crate) const NARROW: &str = "narrow";
const NARROW_MAILBOX: usize = 8;
pub(crate) const NARROW_INBOX: usize = 64;

async fn set_up(system: ActorSystem, name: String) -> Result<(), SystemError> {
    let mailbox = if name == NARROW { NARROW_MAILBOX } else { 1024 };
    let echo = system.actor(Echoer::default()).mailbox(mailbox).name(name).spawn()?;
    system.join("echoes", &echo)?;
    if system.lookup::<Text>("measurer").is_err() {
        // Another worker may have been faster.
        let _ = system.actor(Measurer).name("measurer").spawn();
    }
    Ok(())
}

/// Whether this process is a worker, which has done its work then.
pub(crate) fn run_if_worker() -> bool {
    let Some(worker) = Worker::here() else { return false };
    let role = worker.role().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let worker = worker.with(|builder| match role.as_str() {
        NARROW => builder.memory(Memory { small_messages: NARROW_INBOX, ..Memory::default() }),
        _ => builder,
    });
    if role.starts_with("traced") {
        traces::collect();
    }
    match role.as_str() {
        "never ready" => std::thread::sleep(Duration::from_secs(60)),
        _ => runtime.block_on(worker.run(|system| set_up(system, role))).expect("it runs"),
    }
    true
}
