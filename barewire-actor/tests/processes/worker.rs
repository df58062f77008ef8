//! What the workers do.

use std::time::Duration;

use barewire_actor::{
    Actor, ActorId, ActorRef, ActorSystem, Context, Failure, Message, Nothing, Outcome,
    SystemError, Terminated, Worker,
};
use barewire_derive::BareSchema;

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
    /// Text of any length is answered by its length; see `Text`.
    Forward {
        to: ActorRef<Report>,
        number: u64,
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
    hung: Vec<barewire_actor::ReplyTo<u64>>,
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

struct Measurer;

impl Actor for Measurer {
    type Message = Text;

    async fn handle(&mut self, text: Text, context: &mut Context<Self>) -> Outcome {
        let start = text.text.chars().take(100).collect();
        context.reply(Length { octets: text.text.len() as u64, start });
        Ok(())
    }
}

async fn set_up(system: ActorSystem, name: String) -> Result<(), SystemError> {
    let echo = system.actor(Echoer::default()).name(name).spawn()?;
    system.join("echoes", &echo)?;
    if system.lookup::<Text>("measurer").is_err() {
        system.actor(Measurer).name("measurer").spawn()?;
    }
    Ok(())
}

pub(crate) fn run_if_worker() {
    let Some(worker) = Worker::here() else { return };
    let role = worker.role().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    match role.as_str() {
        "never ready" => std::thread::sleep(Duration::from_secs(60)),
        _ => runtime.block_on(worker.run(|system| set_up(system, role))).expect("it runs"),
    }
}
