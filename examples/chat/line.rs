//! What the chat's messages go over: a queue each way, or one named pipe for each user.

use std::collections::BTreeMap;
use std::time::Duration;

use barewire::ipc::PipeServer;
use barewire::{MessageQueue, NamedPipe, WaitSet};

use super::room::{ChatMessage, MessageType, PATIENCE, QUEUE_CAPACITY, Result, UserId, patiently};

/// What messages go over.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Over {
    Queue,
    Pipe,
}

impl Over {
    pub(crate) fn named(text: &str) -> Result<Self> {
        match text {
            "queue" => Ok(Self::Queue),
            "pipe" => Ok(Self::Pipe),
            other => Err(format!("--over {other} is unknown: queue and pipe are").into()),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        if self == Self::Pipe { "pipe" } else { "queue" }
    }
}

type Queue = MessageQueue<ChatMessage>;
type Pipe = NamedPipe<ChatMessage, ChatMessage>;

/// A user's end.
pub(crate) enum Line {
    /// What it says, and what it hears.
    Queues(Box<[Queue; 2]>),
    Pipe(Box<Pipe>),
}

impl Line {
    pub(crate) fn open(over: Over, room: &str, user: &str) -> Result<Self> {
        if over == Over::Pipe {
            return Ok(Self::Pipe(Box::new(Pipe::connect(format!("{room}.pipe"), PATIENCE)?)));
        }
        let heard = patiently(|| {
            let name = format!("{room}.heard.{user}");
            Queue::builder(name).capacity(QUEUE_CAPACITY).create()
        })?;
        let said = patiently(|| Queue::open(format!("{room}.said")))?;
        Ok(Self::Queues(Box::new([said, heard])))
    }

    pub(crate) fn say(&mut self, message: &ChatMessage) -> Result<()> {
        match self {
            Self::Queues(queues) => Ok(queues[0].enqueue_timeout(message, PATIENCE)?),
            Self::Pipe(pipe) => Ok(pipe.send_timeout(message, PATIENCE)?),
        }
    }

    /// The next message; `Closed` if the room is gone.
    pub(crate) fn hear(&mut self, patience: Duration) -> barewire::Result<Option<ChatMessage>> {
        match self {
            Self::Queues(queues) => {
                queues[1].dequeue_timeout(patience)?.map(|message| message.read()).transpose()
            }
            Self::Pipe(pipe) => pipe.receive_timeout(patience),
        }
    }
}

/// The room's ends of all lines.
pub(crate) enum Switch {
    Queues { room: String, said: Box<Queue>, members: BTreeMap<UserId, Queue> },
    Pipes { server: Box<PipeServer<ChatMessage, ChatMessage>>, lines: Vec<(Option<UserId>, Pipe)> },
}

impl Switch {
    pub(crate) fn open(over: Over, room: &str) -> Result<Self> {
        if over == Over::Pipe {
            let server = patiently(|| Pipe::server(format!("{room}.pipe")))?;
            return Ok(Self::Pipes { server: Box::new(server), lines: Vec::new() });
        }
        let said =
            patiently(|| Queue::builder(format!("{room}.said")).capacity(QUEUE_CAPACITY).create())?;
        let (room, said, members) = (room.to_owned(), Box::new(said), BTreeMap::new());
        Ok(Self::Queues { room, said, members })
    }

    /// The next message of anybody's; whoever joins hears others from then on.
    pub(crate) fn hear(&mut self, patience: Duration) -> Result<Option<ChatMessage>> {
        match self {
            Self::Queues { room, said, members } => {
                let Some(taken) = said.dequeue_timeout(patience)? else { return Ok(None) };
                let message = taken.read()?;
                if message.kind == MessageType::Join {
                    match Queue::open(format!("{room}.heard.{}", message.sender.0)) {
                        Ok(queue) => drop(members.insert(message.sender.clone(), queue)),
                        // Whoever said it has ended meanwhile.
                        Err(error) if error.is_not_found() => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(Some(message))
            }
            Self::Pipes { server, lines } => {
                if let Some(message) = received(lines)? {
                    return Ok(Some(message));
                }
                let mut set = WaitSet::new();
                set.add_descriptor(&**server, ())?;
                lines.iter().try_for_each(|(_, line)| set.add_descriptor(line, ()))?;
                set.wait_timeout(patience)?;
                match server.try_accept() {
                    Ok(line) => lines.extend(line.map(|line| (None, line))),
                    // One that is wrong is told so, and the others go on.
                    Err(error) => eprintln!("* {error}"),
                }
                received(lines)
            }
        }
    }

    /// Gives a message to everybody who is here; to whom.
    pub(crate) fn give(&mut self, message: &ChatMessage) -> Result<Vec<UserId>> {
        let mut audience = Vec::new();
        let mut given = |user: &UserId, sent: barewire::Result<()>| -> Result<()> {
            audience.push(user.clone());
            match sent {
                // A member that stands still delays nobody; what it misses is counted as lost.
                Err(error) if error.is_full() => eprintln!("* {} hears nothing", user.0),
                // One that has ended is buried soon.
                Err(error) if error.is_closed() => {}
                sent => sent?,
            }
            Ok(())
        };
        match self {
            Self::Queues { members, .. } => {
                for (user, queue) in members {
                    given(user, queue.try_enqueue(message))?;
                }
            }
            Self::Pipes { lines, .. } => {
                for (user, line) in lines {
                    let Some(user) = user else { continue };
                    given(user, line.try_send(message))?;
                }
            }
        }
        Ok(audience)
    }

    pub(crate) fn dismiss(&mut self, user: &UserId) {
        match self {
            Self::Queues { members, .. } => drop(members.remove(user)),
            Self::Pipes { lines, .. } => lines.retain(|(other, _)| other.as_ref() != Some(user)),
        }
    }

    pub(crate) fn members(&self) -> Vec<UserId> {
        match self {
            Self::Queues { members, .. } => members.keys().cloned().collect(),
            Self::Pipes { lines, .. } => {
                lines.iter().filter_map(|(user, _)| user.clone()).collect()
            }
        }
    }
}

/// The next message that has come over a pipe.
fn received(lines: &mut Vec<(Option<UserId>, Pipe)>) -> Result<Option<ChatMessage>> {
    let mut gone = Vec::new();
    for (index, (user, line)) in lines.iter_mut().enumerate() {
        match line.try_receive() {
            Ok(Some(message)) => {
                if message.kind == MessageType::Join {
                    *user = Some(message.sender.clone());
                }
                return Ok(Some(message));
            }
            Ok(None) => {}
            // Members are buried by their lifelines; others were none yet.
            Err(_) if user.is_none() => gone.push(index),
            Err(error) if error.is_closed() || error.is_truncated() => {}
            Err(error) => return Err(error.into()),
        }
    }
    gone.into_iter().rev().for_each(|index| drop(lines.remove(index)));
    Ok(None)
}
