//! The room of the chat: its schema, its names, and the process that relays.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use barewire::layout::Uuid;
use barewire::{BareSchema, SharedRegion};

use super::line::{Over, Switch};

pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

pub(crate) const MAX_USERS: usize = 16;
pub(crate) const MAX_RECENT: usize = 32;
pub(crate) const MAX_CONTENT_BYTES: usize = 256;
pub(crate) const QUEUE_CAPACITY: usize = 256;
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const TICK: Duration = Duration::from_millis(20);

#[derive(BareSchema, Debug, Clone, Copy, PartialEq)]
pub(crate) enum MessageType {
    #[bare(rename = "TEXT")]
    Text,
    #[bare(rename = "IMAGE")]
    Image,
    #[bare(rename = "JOIN")]
    Join,
    #[bare(rename = "LEAVE")]
    Leave,
}

#[derive(BareSchema, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserId(#[bare(max = 32)] pub(crate) String);

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct ChatMessage {
    pub(crate) id: Uuid,
    pub(crate) sender: UserId,
    #[bare(rename = "type")]
    pub(crate) kind: MessageType,
    #[bare(max = MAX_CONTENT_BYTES)]
    pub(crate) content: String,
    pub(crate) timestamp: u64,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct ChatState {
    #[bare(max = MAX_USERS)]
    pub(crate) users: Vec<UserId>,
    #[bare(max = MAX_RECENT)]
    pub(crate) messages: Vec<ChatMessage>,
}

/// Somebody who says things: counts them, so that every message has an id of its own.
pub(crate) struct Voice {
    pub(crate) name: UserId,
    life: u64,
    said: u64,
}

impl Voice {
    pub(crate) fn new(name: &str) -> Self {
        let life = (now_ns() << 22) | u64::from(std::process::id());
        Self { name: UserId(name.to_owned()), life, said: 0 }
    }

    pub(crate) fn message(&mut self, kind: MessageType, content: &str) -> ChatMessage {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.life.to_be_bytes());
        id[8..].copy_from_slice(&self.said.to_be_bytes());
        self.said += 1;
        let (sender, content) = (self.name.clone(), content.to_owned());
        ChatMessage { id: Uuid(id), sender, kind, content, timestamp: now_ns() }
    }
}

/// A region that exists as long as its owner lives.
pub(crate) fn lifeline(room: &str, owner: &str) -> String {
    format!("{room}.alive.{owner}")
}

pub(crate) fn is_alive(room: &str, owner: &str) -> Result<bool> {
    Ok(SharedRegion::<UserId>::exists(lifeline(room, owner))?)
}

/// The name that the room itself speaks under.
pub(crate) const ROOM: &str = "room";

/// The process that relays: the only one that hears all, and that all hear.
pub(crate) struct Room {
    name: String,
    voice: Voice,
    state: SharedRegion<ChatState>,
    lines: Switch,
    /// What came in, and whom it went out to.
    pub(crate) relayed: Vec<(Uuid, Vec<UserId>)>,
    _alive: SharedRegion<UserId>,
}

impl Room {
    /// Opens the room, or `None` if somebody else hosts it.
    pub(crate) fn host(over: Over, name: &str) -> Result<Option<Self>> {
        let owner = UserId(ROOM.to_owned());
        let alive = match SharedRegion::create(lifeline(name, ROOM), &owner) {
            Ok(alive) => alive,
            Err(error) if error.is_already_exists() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Those who have not noticed yet that an earlier host has gone still hold its segments.
        let empty = ChatState { users: Vec::new(), messages: Vec::new() };
        let state = patiently(|| SharedRegion::create(format!("{name}.state"), &empty))?;
        let lines = Switch::open(over, name)?;
        Ok(Some(Self {
            name: name.to_owned(),
            voice: Voice::new(ROOM),
            state,
            lines,
            relayed: Vec::new(),
            _alive: alive,
        }))
    }

    /// Waits for the next message and gives it to everybody who is here.
    pub(crate) fn relay(&mut self) -> Result<Option<ChatMessage>> {
        let Some(message) = self.lines.hear(5 * TICK)? else {
            return Ok(None);
        };
        let audience = self.give(&message)?;
        if message.kind == MessageType::Leave {
            self.lines.dismiss(&message.sender);
        }
        self.relayed.push((message.id, audience));
        Ok(Some(message))
    }

    /// Gives a message to every member, and puts it into the shared state.
    fn give(&mut self, message: &ChatMessage) -> Result<Vec<UserId>> {
        self.state.update(|state| {
            let excess = (state.messages.len() + 1).saturating_sub(MAX_RECENT);
            state.messages.drain(..excess);
            state.messages.push(message.clone());
        })?;
        self.lines.give(message)
    }

    /// Takes leave in the name of those whose process has ended without.
    pub(crate) fn bury(&mut self) -> Result<()> {
        let mut gone = Vec::new();
        for user in self.lines.members() {
            if !is_alive(&self.name, &user.0)? {
                gone.push(user);
            }
        }
        for user in gone {
            self.lines.dismiss(&user);
            self.state.update(|state| state.users.retain(|other| *other != user))?;
            let mut message = self.voice.message(MessageType::Leave, "(the process ended)");
            message.sender = user;
            self.give(&message)?;
        }
        Ok(())
    }

    pub(crate) fn farewell(mut self) -> Result<()> {
        let message = self.voice.message(MessageType::Leave, "(the host has left)");
        self.give(&message).map(drop)
    }
}

/// Tries again while others are still making or leaving what is asked for.
pub(crate) fn patiently<T>(mut attempt: impl FnMut() -> barewire::Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Err(error) if error.is_not_found() || error.is_already_exists() => {
                if Instant::now() > deadline {
                    return Err(error.into());
                }
                thread::sleep(TICK);
            }
            outcome => return Ok(outcome?),
        }
    }
}

pub(crate) fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
