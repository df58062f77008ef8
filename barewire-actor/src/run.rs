//! The life of an actor: its messages one after the other, signals first.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tracing::Instrument;

use crate::actor::{Actor, Failure, Outcome};
use crate::cause::Cause;
use crate::cell::ActorCell;
use crate::context::Context;
use crate::core::packet::Signal;
use crate::current;
use crate::error::AskError;
use crate::mailbox::{Envelope, Found, System};
use crate::message::Message;
use crate::node::Undelivered;

/// How many batches an actor handles before others get their turn.
const BATCHES_A_TURN: u32 = 8;
/// How often an actor that was busy looks for another message before it sleeps.
const LOOKS: u32 = 60;

/// Runs an actor from its start to its end.
pub(crate) async fn run<A: Actor>(mut actor: A, cell: Arc<ActorCell<A::Message>>) {
    let mut context = Context::new(Arc::clone(&cell));
    let cause = {
        let life = live(&mut actor, &mut context);
        running(&cell, life).await.unwrap_or_else(|panic| Cause::failed(&panic))
    };
    let why = Undelivered::Gone(cause.clone());
    if let Some(reply) = context.reply.take() {
        reply.fail(AskError::Gone(cause.clone()));
    }
    for envelope in context.leftovers() {
        cell.dead(envelope, &why);
    }
    for envelope in cell.mailbox.close(&cause) {
        cell.dead(envelope, &why);
    }
    if cause != Cause::Killed {
        let last = async {
            actor.stopped(&cause).await;
            Ok(())
        };
        let _ = running(&cell, unless_killed(&cell, last)).await;
    }
    drop(actor);
    cell.node.actor_ended(cell.id, cell.name.as_deref(), &cause);
}

/// Runs a part of an actor's life as that actor; a panic is an error, with what it said.
async fn running<M: Message, T>(
    cell: &Arc<ActorCell<M>>,
    life: impl Future<Output = T>,
) -> Result<T, String> {
    let mut life = pin!(life);
    let mut part = current::Part::new(&cell.node, cell.id);
    poll_fn(|context| {
        let _guard = part.play();
        let polled = catch_unwind(AssertUnwindSafe(|| life.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(said(panic.as_ref()))),
        }
    })
    .await
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a text"))
}

/// Why a message was not handled to its end.
enum Broken {
    Killed,
    Failed(Failure),
}

/// Runs a part that a kill may end in the middle.
async fn unless_killed<M: Message>(
    cell: &ActorCell<M>,
    work: impl Future<Output = Outcome>,
) -> Result<(), Broken> {
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(outcome) = work.as_mut().poll(context) {
            return Poll::Ready(outcome.map_err(Broken::Failed));
        }
        cell.mailbox.wake_for_signals(context);
        if cell.mailbox.is_killed() { Poll::Ready(Err(Broken::Killed)) } else { Poll::Pending }
    })
    .await
}

async fn live<A: Actor>(actor: &mut A, context: &mut Context<A>) -> Cause {
    let cell = Arc::clone(&context.cell);
    let started = unless_killed(&cell, actor.started(context)).await;
    if let Some(cause) = ends(started, context) {
        return cause;
    }
    let mut batches = 0;
    loop {
        if cell.mailbox.is_urgent()
            && let Some(cause) = signals(actor, &cell, context).await
        {
            return cause;
        }
        if let Some(envelope) = context.batch.pop_front() {
            if let Some(cause) = one(actor, &cell, context, envelope).await {
                return cause;
            }
            continue;
        }
        if context.has_timers()
            && let Some(message) = context.due()
        {
            let envelope = Envelope { message, reply: None, sender: Some(cell.id), trace: 0 };
            if let Some(cause) = one(actor, &cell, context, envelope).await {
                return cause;
            }
            continue;
        }
        batches += 1;
        if batches % BATCHES_A_TURN == 0 {
            others_first().await;
        }
        match next(&cell, context).await {
            Some(Found::Drained) => return Cause::Stopped,
            Some(Found::Messages | Found::Signals) | None => {}
        }
    }
}

/// Waits for messages, signals, or the next timer.
async fn next<A: Actor>(cell: &ActorCell<A::Message>, context: &mut Context<A>) -> Option<Found> {
    // On the dispatcher's thread nothing can arrive meanwhile, and after a single message another
    // one is not likely to be a moment away.
    let mut looked = cell.on_dispatcher || !context.streams;
    poll_fn(|task| {
        if !looked {
            // A stream's next message is often a moment away, and a sleep costs far more.
            looked = true;
            let mut looks = 0;
            while looks < LOOKS && !cell.mailbox.has_waiting() {
                std::hint::spin_loop();
                looks += 1;
            }
        }
        if let Poll::Ready(found) = cell.mailbox.poll_take(task, &mut context.batch) {
            context.streams = context.batch.len() > 1;
            return Poll::Ready(Some(found));
        }
        match context.next_sleep() {
            Some(sleep) => Future::poll(sleep, task).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

async fn others_first() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[inline]
async fn one<A: Actor>(
    actor: &mut A,
    cell: &ActorCell<A::Message>,
    context: &mut Context<A>,
    envelope: Envelope<A::Message>,
) -> Option<Cause> {
    context.reply = envelope.reply;
    context.sender = envelope.sender;
    follow(context, envelope.trace);
    let handled = if tracing::enabled!(tracing::Level::DEBUG) {
        traced(actor, cell, context, envelope.message).await
    } else {
        unless_killed(cell, actor.handle(envelope.message, context)).await
    };
    let count = cell.handled.load(Ordering::Relaxed);
    // Only this actor's own task writes it.
    cell.handled.store(count + 1, Ordering::Relaxed);
    let end = ends(handled, context);
    match &end {
        None => drop(context.reply.take()),
        Some(cause) => {
            if let Some(reply) = context.reply.take() {
                reply.fail(AskError::Gone(cause.clone()));
            }
        }
    }
    end
}

/// What is sent from now on belongs to that trace.
fn follow<A: Actor>(context: &mut Context<A>, trace: u64) {
    if trace != context.trace {
        context.trace = trace;
        current::set_trace(trace);
    }
}

/// Handles a message in a span of its own, which says which trace it belongs to.
async fn traced<A: Actor>(
    actor: &mut A,
    cell: &ActorCell<A::Message>,
    context: &mut Context<A>,
    message: A::Message,
) -> Result<(), Broken> {
    if context.trace == 0 {
        context.trace = cell.node.new_trace();
    }
    let trace = format!("{:016x}", context.trace);
    let sender = context.sender.map(|sender| sender.to_string());
    let span = tracing::debug_span!(
        "handle",
        actor = %cell.id,
        name = cell.name.as_deref(),
        message = std::any::type_name::<A::Message>(),
        sender,
        trace,
    );
    current::set_trace(context.trace);
    let work = actor.handle(message, context);
    let work: Pin<Box<dyn Future<Output = Outcome> + Send + '_>> = Box::pin(work);
    unless_killed(cell, work.instrument(span)).await
}

/// Whether the actor ends after what was just done, and why.
fn ends<A: Actor>(done: Result<(), Broken>, context: &mut Context<A>) -> Option<Cause> {
    match done {
        Ok(()) => context.end.take(),
        Err(Broken::Killed) => Some(Cause::Killed),
        Err(Broken::Failed(failure)) => Some(Cause::failed(failure.reason())),
    }
}

/// Handles the signals that wait.
async fn signals<A: Actor>(
    actor: &mut A,
    cell: &ActorCell<A::Message>,
    context: &mut Context<A>,
) -> Option<Cause> {
    for system in cell.mailbox.take_signals() {
        match system {
            System::Signal(Signal::Kill) => return Some(Cause::Killed),
            System::Signal(Signal::Stop) => return Some(Cause::Stopped),
            System::Signal(Signal::Drain) => cell.mailbox.drain(),
            System::Signal(Signal::Link(other)) => context.linked_by(other, true),
            System::Signal(Signal::Unlink(other)) => context.linked_by(other, false),
            System::Ended { watch, target, cause } => {
                if let Some(ended) = context.ended(watch, target, cause) {
                    follow(context, 0);
                    let told = unless_killed(cell, actor.terminated(ended, context)).await;
                    if let Some(cause) = ends(told, context) {
                        return Some(cause);
                    }
                }
            }
        }
        if let Some(cause) = context.end.take() {
            return Some(cause);
        }
    }
    None
}
