//! A chat between processes: one shared state, one queue each way.
//!
//! ```text
//! cargo run --release --example chat                     three processes talk a text through
//! cargo run --release --example chat -- --input FILE     the same with a text of yours
//! cargo run --release --example chat -- --over pipe      the same over named pipes
//! cargo run --example chat -- --user alice               you talk; once in every terminal
//! ```
//!
//! One process hosts the room. Users put what they say into the queue `ROOM.said`; the room relays
//! it into every member's own queue, `ROOM.heard.USER`. With `--over pipe`, both go over one
//! connection of each user to the pipe `ROOM.pipe`. `ROOM.state` is a region that all of them
//! read and change. Who lives is known by one more region each, which only its owner is attached
//! to: it exists for exactly as long as the owner does, however the owner ends.

use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use barewire::layout::Uuid;
use barewire::{BareSchema, SharedRegion};

#[path = "chat/line.rs"]
mod line;
#[path = "chat/room.rs"]
mod room;

use line::{Line, Over};
use room::*;

const TALKERS: [&str; 3] = ["alice", "bob", "carol"];

/// What a user knows of the others when it is asked for something to say.
struct Scene {
    texts_heard: usize,
    everybody_is_here: bool,
}

enum Next {
    Say(String),
    Wait,
    Leave,
}

/// What a user said and heard, and whether the room outlived its stay.
struct Ledger {
    said: Vec<Uuid>,
    heard: Vec<Uuid>,
    room_closed: bool,
}

/// Joins the room, talks until `next` says to leave, and leaves.
fn attend(
    over: Over,
    room: &str,
    user: &str,
    company: usize,
    mut next: impl FnMut(&Scene) -> Next,
    mut show: impl FnMut(&ChatMessage),
) -> Result<Ledger> {
    let mut voice = Voice::new(user);
    let me = voice.name.clone();
    let _alive = SharedRegion::create(lifeline(room, user), &me)?;
    let mut line = Line::open(over, room, user)?;
    let state = patiently(|| SharedRegion::<ChatState>::open(format!("{room}.state")))?;
    let mut ledger = Ledger { said: Vec::new(), heard: Vec::new(), room_closed: false };
    let mut say = |line: &mut Line, kind, content: &str| -> Result<Uuid> {
        let message = voice.message(kind, content);
        line.say(&message)?;
        Ok(message.id)
    };
    ledger.said.push(say(&mut line, MessageType::Join, "")?);

    let (mut joined, mut leaving) = (false, false);
    let mut scene = Scene { texts_heard: 0, everybody_is_here: false };
    loop {
        if joined && !scene.everybody_is_here {
            scene.everybody_is_here = state.read()?.users.len() >= company;
        }
        let mut patience = TICK;
        if joined && !leaving {
            match next(&scene) {
                Next::Wait => {}
                Next::Say(text) => {
                    for piece in pieces(&text) {
                        ledger.said.push(say(&mut line, MessageType::Text, piece)?);
                    }
                    patience = Duration::ZERO;
                }
                Next::Leave => {
                    ledger.said.push(say(&mut line, MessageType::Leave, "")?);
                    leaving = true;
                }
            }
        }
        let heard = match line.hear(patience) {
            Err(error) if error.is_closed() => {
                ledger.room_closed = true;
                break;
            }
            heard => heard?,
        };
        let Some(message) = heard else {
            if patience == TICK && !is_alive(room, ROOM)? {
                ledger.room_closed = true;
                break;
            }
            continue;
        };
        show(&message);
        if message.sender.0 == ROOM {
            ledger.room_closed = true;
            break;
        }
        ledger.heard.push(message.id);
        match message.kind {
            MessageType::Text | MessageType::Image => scene.texts_heard += 1,
            MessageType::Join if message.sender == me => {
                let room_for_me = state.update(|state| {
                    let free = state.users.len() < MAX_USERS;
                    state.users.extend(free.then(|| me.clone()));
                    free
                })?;
                if !room_for_me {
                    return Err(format!("the room is full: {MAX_USERS} users").into());
                }
                joined = true;
            }
            MessageType::Leave if message.sender == me => {
                state.update(|state| state.users.retain(|other| *other != me))?;
                break;
            }
            MessageType::Join | MessageType::Leave => {}
        }
    }
    Ok(ledger)
}

/// The parent: hosts the room, starts the users from its own program, and counts.
fn demonstrate(over: Over, input: &Path) -> Result<ExitCode> {
    let name = format!("chat-{}", std::process::id());
    let mut room = Room::host(over, &name)?.ok_or("the room exists already")?;
    let mut children = Children(Vec::new());
    for (turn, user) in TALKERS.iter().enumerate() {
        let child = Command::new(std::env::current_exe()?)
            .args(["--room", &name, "--user", user, "--turn", &turn.to_string()])
            .args(["--over", over.name(), "--input"])
            .arg(input)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        children.0.push(child);
    }
    let mut left = 0;
    while left < TALKERS.len() {
        match room.relay()? {
            Some(message) => {
                left += usize::from(message.kind == MessageType::Leave);
                print_message(&message)?;
            }
            None => children.check()?,
        }
    }
    let ledgers = children.ledgers()?;
    report(&room.relayed, &ledgers)
}

/// Compares what was said, what was relayed to whom, and what was heard, id by id.
fn report(relayed: &[(Uuid, Vec<UserId>)], ledgers: &[(UserId, Ledger)]) -> Result<ExitCode> {
    let said = ledgers.iter().flat_map(|(_, ledger)| &ledger.said);
    let said_count = said.clone().count();
    let (mut lost, mut duplicated) = compare(said, relayed.iter().map(|(id, _)| id));
    let mut received = 0;
    for (user, ledger) in ledgers {
        let expected = relayed.iter().filter(|(_, audience)| audience.contains(user));
        let (missing, again) = compare(expected.map(|(id, _)| id), ledger.heard.iter());
        lost += missing;
        duplicated += again;
        received += ledger.heard.len();
    }
    let users = ledgers.len();
    println!(
        "chat: users={users} sent={said_count} received={received} lost={lost} \
         duplicated={duplicated}"
    );
    Ok(if lost + duplicated == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many of `expected` were not found, and how many were found more often than expected.
fn compare<'a>(
    expected: impl Iterator<Item = &'a Uuid>,
    found: impl Iterator<Item = &'a Uuid>,
) -> (u64, u64) {
    let mut balance: HashMap<&Uuid, i64> = HashMap::new();
    expected.for_each(|id| *balance.entry(id).or_default() += 1);
    found.for_each(|id| *balance.entry(id).or_default() -= 1);
    let lost = balance.values().filter(|count| **count > 0).map(|count| count.unsigned_abs());
    let duplicated = balance.values().filter(|count| **count < 0).map(|count| count.unsigned_abs());
    (lost.sum(), duplicated.sum())
}

/// The users' processes; none outlives this one.
struct Children(Vec<Child>);

impl Children {
    fn check(&mut self) -> Result<()> {
        for (child, user) in self.0.iter_mut().zip(TALKERS) {
            if let Some(status) = child.try_wait()?.filter(|status| !status.success()) {
                return Err(format!("{user} ended with {status}").into());
            }
        }
        Ok(())
    }

    fn ledgers(&mut self) -> Result<Vec<(UserId, Ledger)>> {
        let mut ledgers = Vec::new();
        for (child, user) in self.0.iter_mut().zip(TALKERS) {
            let mut octets = Vec::new();
            if let Some(mut output) = child.stdout.take() {
                output.read_to_end(&mut octets)?;
            }
            let status = child.wait()?;
            if !status.success() {
                return Err(format!("{user} ended with {status}").into());
            }
            let (said, heard) = barewire::codec::decode::<Receipts>(&octets)?.into_lists();
            let ledger = Ledger { said, heard, room_closed: false };
            ledgers.push((UserId(user.to_owned()), ledger));
        }
        Ok(ledgers)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Harmless for those that have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A user's ledger as BARE, which goes through a pipe at the end: it needs no caps there.
#[derive(BareSchema)]
struct Receipts {
    said: Vec<Uuid>,
    heard: Vec<Uuid>,
}

impl Receipts {
    fn into_lists(self) -> (Vec<Uuid>, Vec<Uuid>) {
        (self.said, self.heard)
    }
}

/// A child: says every third line of the text, each when the one before it was heard.
fn recite(over: Over, room: &str, user: &str, turn: usize, input: &Path) -> Result<ExitCode> {
    let text = String::from_utf8_lossy(&std::fs::read(input)?).into_owned();
    let lines: Vec<&str> = text.lines().flat_map(pieces).collect();
    let mut due = turn;
    let next = |scene: &Scene| {
        let heard = scene.texts_heard;
        match lines.get(heard) {
            None => Next::Leave,
            Some(_) if heard == 0 && !scene.everybody_is_here => Next::Wait,
            Some(line) if heard == due => {
                due += TALKERS.len();
                Next::Say((*line).to_owned())
            }
            Some(_) => Next::Wait,
        }
    };
    let ledger = attend(over, room, user, TALKERS.len(), next, |_| {})?;
    if ledger.room_closed {
        return Err("the room has closed before the end".into());
    }
    let receipts = Receipts { said: ledger.said, heard: ledger.heard };
    std::io::stdout().write_all(&barewire::codec::encode(&receipts))?;
    Ok(ExitCode::SUCCESS)
}

/// A person at a terminal; the first one to come hosts the room as well.
fn converse(over: Over, room: &str, user: &str) -> Result<ExitCode> {
    if is_alive(room, user)? {
        return Err(format!("{user} is in the room already, choose another name").into());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let host = Room::host(over, room)?.map(|mut hosted| {
        println!("* you host the room `{room}`; it closes when you leave");
        let stop = Arc::clone(&stop);
        thread::spawn(move || -> Result<()> {
            while !stop.load(Ordering::Acquire) {
                if hosted.relay()?.is_none() {
                    hosted.bury()?;
                }
            }
            hosted.farewell()
        })
    });
    println!("* you are {user}; write a line to say it, /quit or Ctrl-D to leave");
    let (typed, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if line == "/quit" || typed.send(line).is_err() {
                break;
            }
        }
    });
    let next = |_: &Scene| match lines.try_recv() {
        Ok(line) => Next::Say(line),
        Err(mpsc::TryRecvError::Empty) => Next::Wait,
        Err(mpsc::TryRecvError::Disconnected) => Next::Leave,
    };
    let outcome = attend(over, room, user, 1, next, |message| {
        // A terminal that has gone away is noticed at its input.
        let _ = print_message(message);
    });
    stop.store(true, Ordering::Release);
    if let Some(host) = host {
        host.join().map_err(|_| "the room has failed")??;
    }
    if outcome?.room_closed {
        println!("* the host has left, the room is closed");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_message(message: &ChatMessage) -> Result<()> {
    let (sender, content) = (&message.sender.0, &message.content);
    let mut out = std::io::stdout().lock();
    match message.kind {
        MessageType::Text => writeln!(out, "{sender}: {content}")?,
        MessageType::Image => writeln!(out, "{sender} shows {content}")?,
        MessageType::Join => writeln!(out, "* {sender} joins")?,
        MessageType::Leave if content.is_empty() => writeln!(out, "* {sender} leaves")?,
        MessageType::Leave => writeln!(out, "* {sender} leaves {content}")?,
    }
    Ok(())
}

/// A line in pieces that fit into a message; nothing where there is only white space.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    let cut = std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_CONTENT_BYTES));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    cut.map(str::trim_end).filter(|piece| !piece.is_empty())
}

fn run() -> Result<ExitCode> {
    let mut input = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let (mut room, mut user, mut turn) = ("chat".to_owned(), None, None);
    let mut over = Over::Queue;
    let mut arguments = std::env::args_os().skip(1);
    while let Some(option) = arguments.next() {
        let option = option.to_string_lossy().into_owned();
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        let text = value.to_string_lossy().into_owned();
        match option.as_str() {
            "--input" => input = PathBuf::from(value),
            "--over" => over = Over::named(&text)?,
            "--room" => room = text,
            "--user" => user = Some(text),
            "--turn" => turn = Some(text.parse()?),
            _ => {
                let known = "--input, --over, --user and --room are";
                return Err(format!("{option} is unknown: {known}").into());
            }
        }
    }
    let Some(user) = user else {
        let readable = std::fs::File::open(&input);
        readable.map_err(|error| format!("{}: {error}", input.display()))?;
        return demonstrate(over, &input);
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if user.is_empty() || user.len() > 32 || user == ROOM || !user.chars().all(legal) {
        return Err(format!("{user:?} is no name: use 1 to 32 of A-Z a-z 0-9 _ -").into());
    }
    match turn {
        Some(turn) => recite(over, &room, &user, turn, &input),
        None => converse(over, &room, &user),
    }
}

fn main() -> ExitCode {
    run().unwrap_or_else(|error| {
        eprintln!("chat: {error}");
        ExitCode::FAILURE
    })
}
