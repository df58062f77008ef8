//! Full mailboxes between processes: senders wait, nothing is lost, signals pass.

use std::time::{Duration, Instant};

use barewire_actor::{ActorRef, ActorSystem, AskError, Cause, Supervision, TellError};

use crate::plain::{begin, end};
use crate::scratch::Scratch;
use crate::support::PATIENCE;
use crate::worker::{Echo, NARROW, NARROW_INBOX};

/// More than the mailbox and the inbox hold, with what is on its way between them.
const MANY: u64 = 1000;

async fn narrow(scratch: &Scratch, name: &str) -> (ActorSystem, Supervision, ActorRef<Echo>) {
    let (system, supervision) = begin(scratch, name, &[NARROW]).await;
    let echo = system.lookup(NARROW).expect("it is there");
    (system, supervision, echo)
}

/// Sends messages until there is no room for more; how many there were.
async fn fill(echo: &ActorRef<Echo>, message: impl Fn(u64) -> Echo) -> u64 {
    let (mut sent, mut full_since) = (0, None);
    // The inbox is emptied until nothing more can be held, so it is full once and again.
    while full_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(200)) {
        match echo.try_tell(message(sent + 1)) {
            Ok(()) => (sent, full_since) = (sent + 1, None),
            Err(TellError::Full) => {
                full_since.get_or_insert_with(Instant::now);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_to_a_full_mailbox_elsewhere_waits_and_nothing_is_lost() {
    let scratch = Scratch::new();
    let (system, supervision, echo) = narrow(&scratch, "waits").await;
    echo.tell(Echo::Sleep { millis: 1000 }).await.expect("there is room");
    let note = |number| Echo::Note { meant: echo.id(), sender: 1, number };
    let sent = fill(&echo, note).await;
    assert!((NARROW_INBOX as u64..MANY).contains(&sent), "{sent} were taken");

    let deadline = Duration::from_millis(30);
    let waiting = tokio::time::timeout(deadline, echo.tell(note(sent + 1))).await;
    assert!(waiting.is_err(), "it waits, and can be given up");
    let late = echo.ask(Echo::Notes, deadline).await;
    assert_eq!(late, Err(AskError::TimedOut), "a question waits for room as well");
    for number in sent + 1..=sent + 2 * MANY {
        echo.tell(note(number)).await.expect("there is room again");
    }
    // It fails if one came out of order, was meant for another or came twice.
    assert_eq!(echo.ask(Echo::Notes, PATIENCE).await, Ok(sent + 2 * MANY));
    end(scratch, system, supervision).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_pass_messages_between_processes() {
    let scratch = Scratch::new();
    let (system, supervision, echo) = narrow(&scratch, "passes").await;
    let sent = fill(&echo, |_| Echo::Sleep { millis: 10_000 }).await;
    assert!(sent > NARROW_INBOX as u64);
    let watch = system.watch(echo.id());
    let killed = Instant::now();
    echo.kill();
    assert_eq!(watch.await.cause, Cause::Killed);
    assert!(killed.elapsed() < Duration::from_secs(1), "not behind {sent} messages");
    assert_eq!(echo.try_tell(Echo::Pid), Ok(()), "that it is gone, its process knows");
    let asked = echo.ask(Echo::Pid, PATIENCE).await;
    assert!(asked.is_err_and(|error| error.is_gone()));
    end(scratch, system, supervision).await;
}
