//! The chat as actors: a room, and members in processes of their own.
//!
//! ```text
//! cargo run --release --features actor --example chat_actors
//! ```
//!
//! A member joins by sending the room a reference to itself; from then on it hears what all say.
//! The room watches its members, so whoever ends has left, however it ended.

use std::collections::BTreeMap;
use std::time::Duration;

use barewire::BareSchema;
use barewire::actor::{
    Actor, ActorId, ActorRef, ActorSystem, Context, Message, Nothing, Outcome, Restart, Strategy,
    Supervisor, Terminated, Worker, WorkerProcess,
};

const MEMBERS: [&str; 3] = ["alice", "bob", "carol"];
const LINES: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(10);

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What the room takes.
#[derive(BareSchema, Debug, Clone)]
enum ToRoom {
    Join {
        #[bare(max = 16)]
        name: String,
        member: ActorRef<Heard>,
    },
    Say {
        #[bare(max = 40)]
        text: String,
    },
    /// Answered when everybody who was there has left.
    WaitUntilEmpty,
}

impl Message for ToRoom {
    type Reply = Nothing;
}

/// What a member hears.
#[derive(BareSchema, Debug, Clone)]
struct Heard {
    #[bare(max = 16)]
    from: String,
    #[bare(max = 40)]
    text: String,
}

impl Message for Heard {
    type Reply = Nothing;
}

#[derive(Default)]
struct Room {
    members: BTreeMap<ActorId, (String, ActorRef<Heard>)>,
    waiting: Option<barewire::actor::ReplyTo<Nothing>>,
    said: u32,
    left: usize,
}

impl Room {
    async fn tell_all(&mut self, from: &str, text: &str) {
        println!("{from}: {text}");
        for (_, member) in self.members.values() {
            let heard = Heard { from: from.to_owned(), text: text.to_owned() };
            // Who is gone is heard of in `terminated`.
            let _ = member.tell(heard).await;
        }
    }

    fn answer_if_empty(&mut self) {
        if self.left == MEMBERS.len()
            && let Some(reply) = self.waiting.take()
        {
            println!("{} lines were said", self.said);
            reply.send(Nothing::Done);
        }
    }
}

impl Actor for Room {
    type Message = ToRoom;

    async fn handle(&mut self, message: ToRoom, context: &mut Context<Self>) -> Outcome {
        match message {
            ToRoom::Join { name, member } => {
                context.watch(member.id());
                self.members.insert(member.id(), (name, member));
                if self.members.len() == MEMBERS.len() {
                    self.tell_all("room", "everybody is here").await;
                }
            }
            ToRoom::Say { text } => {
                let from = context.sender().and_then(|id| self.members.get(&id));
                let from = from.map_or("somebody", |(name, _)| name.as_str()).to_owned();
                self.said += 1;
                self.tell_all(&from, &text).await;
            }
            ToRoom::WaitUntilEmpty => {
                self.waiting = context.take_reply();
                self.answer_if_empty();
            }
        }
        Ok(())
    }

    async fn terminated(&mut self, ended: Terminated, _: &mut Context<Self>) -> Outcome {
        if let Some((name, _)) = self.members.remove(&ended.actor) {
            self.left += 1;
            self.tell_all("room", &format!("{name} has left: {}", ended.cause)).await;
        }
        self.answer_if_empty();
        Ok(())
    }
}

/// Says its lines when everybody is here, and leaves when it has heard itself say the last.
struct Member {
    name: String,
    room: ActorRef<ToRoom>,
    own: u32,
}

impl Actor for Member {
    type Message = Heard;

    async fn started(&mut self, context: &mut Context<Self>) -> Outcome {
        let join = ToRoom::Join { name: self.name.clone(), member: context.me() };
        Ok(self.room.tell(join).await?)
    }

    async fn handle(&mut self, heard: Heard, context: &mut Context<Self>) -> Outcome {
        if heard.from == "room" && heard.text == "everybody is here" {
            for line in 1..=LINES {
                self.room.tell(ToRoom::Say { text: format!("line {line}") }).await?;
            }
        }
        self.own += u32::from(heard.from == self.name);
        if self.own == LINES {
            context.stop();
        }
        Ok(())
    }
}

async fn host() -> Result<()> {
    let system = ActorSystem::builder(format!("chat-{}", std::process::id())).start()?;
    let room = system.actor(Room::default()).name("room").spawn()?;
    let mut supervisor = Supervisor::new(Strategy::OneForOne);
    for name in MEMBERS {
        supervisor = supervisor.process_as(name, Restart::Transient, WorkerProcess::new(name));
    }
    let supervision = supervisor.start(&system).await?;
    room.ask(ToRoom::WaitUntilEmpty, PATIENCE).await?;
    supervision.stop().await;
    system.shutdown().await;
    Ok(())
}

fn main() -> Result<()> {
    let worker = Worker::here();
    let runtime = tokio::runtime::Runtime::new()?;
    match worker {
        Some(worker) => {
            let name = worker.role().to_owned();
            runtime.block_on(worker.run(|system| async move {
                let found = system.lookup_within("room", PATIENCE).await;
                let room = found
                    .map_err(|error| barewire::actor::SystemError::Start(error.to_string()))?;
                system.spawn(Member { name, room, own: 0 });
                Ok(())
            }))?;
        }
        None => runtime.block_on(host())?,
    }
    Ok(())
}
