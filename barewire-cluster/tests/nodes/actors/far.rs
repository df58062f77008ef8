//! Another machine: a worker in a process of its own, whose actors share no memory with others.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use barewire_actor::{
    Actor, ActorId, ActorRef, ActorSystem, Context, Failure, Message, Nothing, Outcome, ReplyTo,
    Terminated,
};
use barewire_cluster::{Role, Task};
use barewire_derive::BareSchema;

use crate::process::builder;

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Echo {
    /// Numbers of a sender ascend.
    Note {
        number: u64,
    },
    /// Answered with how many notes came, if all were in order.
    Notes,
    /// Answered with the process id.
    Pid,
    /// Never answered.
    Hang,
    Sleep {
        millis: u64,
    },
    /// Answered when it watches; tells the end.
    Watch {
        actor: ActorId,
        report: ActorRef<Report>,
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

/// A message without a largest size.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Text {
    pub(crate) text: String,
}

impl Message for Text {
    type Reply = Text;
}

/// Tells an actor the number 9.
pub(crate) const GREET: Task<ActorRef<Report>, u64> = Task::new("greet");
/// How many ends of others' actors this machine was told.
pub(crate) const ENDS: Task<u64, u64> = Task::new("ends");

static ENDED: AtomicU64 = AtomicU64::new(0);

#[derive(Default)]
struct Echoer {
    last: BTreeMap<Option<ActorId>, u64>,
    notes: u64,
    wrong: Option<String>,
    hung: Vec<ReplyTo<u64>>,
    reports: BTreeMap<ActorId, ActorRef<Report>>,
}

impl Actor for Echoer {
    type Message = Echo;

    async fn handle(&mut self, message: Echo, context: &mut Context<Self>) -> Outcome {
        match message {
            Echo::Note { number } => {
                let last = self.last.insert(context.sender(), number).unwrap_or(0);
                if number != last + 1 {
                    self.wrong.get_or_insert(format!("{number} came after {last}"));
                }
                self.notes += 1;
            }
            Echo::Notes => match self.wrong.take() {
                None => context.reply(self.notes),
                Some(wrong) => return Err(Failure::new(wrong)),
            },
            Echo::Pid => context.reply(u64::from(std::process::id())),
            Echo::Hang => self.hung.extend(context.take_reply()),
            Echo::Sleep { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
            Echo::Watch { actor, report } => {
                self.reports.insert(actor, report);
                context.watch(actor);
                context.reply(0);
            }
        }
        Ok(())
    }

    async fn terminated(&mut self, ended: Terminated, _: &mut Context<Self>) -> Outcome {
        ENDED.fetch_add(1, Ordering::Relaxed);
        if let Some(report) = self.reports.remove(&ended.actor) {
            // Whoever wants to know may be out of reach as well.
            let _ = report.try_tell(Report::Ended { actor: ended.actor });
        }
        Ok(())
    }
}

struct Mirror;

impl Actor for Mirror {
    type Message = Text;

    async fn handle(&mut self, text: Text, context: &mut Context<Self>) -> Outcome {
        context.reply(text);
        Ok(())
    }
}

/// What the process runs, until its parent ends.
pub(crate) fn run(place: &Path, way: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let name = format!("far-{}", std::process::id());
        let node = builder(place, way, Role::Worker, &name)
            .parallel(1)
            .task(GREET, |report, _| {
                let told = report.try_tell(Report::Number(9));
                told.map(|()| 9).map_err(barewire_cluster::Failure::new)
            })
            .task(ENDS, |_, _| Ok::<_, barewire_cluster::Failure>(ENDED.load(Ordering::Relaxed)))
            .start()
            .expect("a worker");
        let system = ActorSystem::builder("machines").directory(place.join(&name));
        let actors = node.actors(system).expect("shared memory can be made");
        let system = actors.system();
        actors.publish("echo", &system.spawn(Echoer::default())).expect("it is a name");
        let slow = system.actor(Echoer::default()).mailbox(4).spawn().expect("it has no name");
        actors.publish("slow", &slow).expect("it is a name");
        actors.publish("mirror", &system.spawn(Mirror)).expect("it is a name");
        println!("there");
        let parent = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        let _ = parent.await;
        std::process::exit(0);
    });
}
