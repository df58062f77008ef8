//! A message and what follows from it belong to one trace, in all processes.

use std::sync::atomic::{AtomicU64, Ordering};

use barewire_actor::ActorRef;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::plain::{begin, end};
use crate::scratch::Scratch;
use crate::support::PATIENCE;
use crate::worker::Echo;

/// The trace of the span that was opened last.
static LAST: AtomicU64 = AtomicU64::new(0);

struct Collector;

struct Trace;

impl Visit for Trace {
    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "trace" {
            let trace = u64::from_str_radix(value, 16).expect("a trace is a number");
            LAST.store(trace, Ordering::Relaxed);
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("barewire_actor")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        if span.metadata().name() == "handle" {
            span.record(&mut Trace);
        }
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Collects the traces of this process from now on.
pub(crate) fn collect() {
    tracing::subscriber::set_global_default(Collector).expect("it is the first");
}

pub(crate) fn last() -> u64 {
    LAST.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_a_message_belongs_to_its_trace_in_all_processes() {
    let scratch = Scratch::new();
    let workers = ["traced one", "traced two"];
    let (system, supervision) = begin(&scratch, "traced", &workers).await;
    let one: ActorRef<Echo> = system.lookup(workers[0]).expect("it is there");
    let two: ActorRef<Echo> = system.lookup(workers[1]).expect("it is there");
    let first = one.ask(Echo::TraceOf { other: two.clone() }, PATIENCE).await.expect("it answers");
    assert_ne!(first, 0, "both have seen the same trace, and there is one");
    let second = one.ask(Echo::TraceOf { other: two }, PATIENCE).await.expect("it answers");
    assert!(second != 0 && second != first, "another question is another trace");
    end(scratch, system, supervision).await;
}
