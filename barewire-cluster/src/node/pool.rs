//! A worker's threads, and what a task sees of its worker.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use barewire_runtime::codec::{decode, encode};

use super::shared::{Shared, lock};
use crate::task::{Failure, Value};
use crate::wire::{Dispatch, Outcome, Progress};

/// Does a task: octets in, an outcome out.
pub(super) type Handler = Box<dyn Fn(&[u8], &Context) -> Outcome + Send + Sync>;

/// The octets of a response, from a function of values.
pub(super) fn handler<Q: Value, R: Value>(
    run: impl Fn(Q, &Context) -> Result<R, Failure> + Send + Sync + 'static,
) -> Handler {
    Box::new(move |octets, context| match decode::<Q>(octets) {
        Ok(request) => match run(request, context) {
            Ok(response) => Outcome::Done(encode(&response)),
            Err(Failure { reason, retry }) => Outcome::Failed { reason, retry },
        },
        Err(error) => Outcome::Failed {
            reason: format!("the request is no value of its type: {error}"),
            retry: false,
        },
    })
}

/// A task that waits for a thread.
pub(super) struct Job {
    pub(super) dispatch: Dispatch,
    pub(super) kind: u16,
    pub(super) announce: bool,
    pub(super) request: Vec<u8>,
    pub(super) revoked: Arc<AtomicBool>,
}

/// What a thread has to say.
pub(super) enum Report {
    /// It is about to begin; the gate opens when the manager was told.
    Starts(Dispatch, Arc<Gate>),
    Progress(Dispatch, Progress),
    Ends(Dispatch, Outcome),
}

/// How long a task waits for its start to be announced.
const LONGEST_ANNOUNCEMENT: Duration = Duration::from_secs(1);

/// Holds a thread until something has happened.
#[derive(Default)]
pub(super) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(super) fn open(&self) {
        *lock(&self.0) = true;
        self.1.notify_all();
    }

    /// Waits until it is open; not for ever, since a node that ends opens none.
    fn pass(&self) {
        let open = lock(&self.0);
        let closed = |open: &mut bool| !*open;
        let _ = self.1.wait_timeout_while(open, LONGEST_ANNOUNCEMENT, closed);
    }
}

/// What a task sees of the attempt that it is.
pub struct Context {
    dispatch: Dispatch,
    revoked: Arc<AtomicBool>,
    out: Arc<Out>,
}

impl Context {
    /// Which attempt this is; counted from 1, anew for each epoch of the manager.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.dispatch.attempt
    }

    /// Whether nobody wants the result any more. A task that takes long looks now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }

    /// Says how far the task is, and that it goes on.
    pub fn progress(&self, done: u64, total: u64, note: &str) {
        let progress = Progress { done, total, note: note.to_owned() };
        self.out.report(Report::Progress(self.dispatch, progress));
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("dispatch", &self.dispatch).finish_non_exhaustive()
    }
}

/// Where reports go.
pub(super) struct Out {
    reports: Mutex<Vec<Report>>,
    shared: Arc<Shared>,
}

impl Out {
    fn report(&self, report: Report) {
        lock(&self.reports).push(report);
        self.shared.bell.ring();
    }

    /// Takes what was reported; `into` is empty, and its memory is used again.
    pub(super) fn take(&self, into: &mut Vec<Report>) {
        std::mem::swap(&mut *lock(&self.reports), into);
    }

    pub(super) fn is_empty(&self) -> bool {
        lock(&self.reports).is_empty()
    }
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    idle: usize,
    stops: bool,
}

struct Inner {
    waiting: Mutex<Waiting>,
    more: Condvar,
    handlers: Vec<Handler>,
    out: Arc<Out>,
}

/// The threads.
pub(super) struct Pool {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(
        threads: usize,
        handlers: Vec<Handler>,
        shared: &Arc<Shared>,
    ) -> std::io::Result<Self> {
        let out = Arc::new(Out { reports: Mutex::default(), shared: shared.clone() });
        let (waiting, more) = (Mutex::default(), Condvar::new());
        let inner = Arc::new(Inner { waiting, more, handlers, out });
        let mut pool = Self { inner, threads: Vec::new() };
        for number in 0..threads {
            let inner = pool.inner.clone();
            let thread = std::thread::Builder::new().name(format!("prospero-task-{number}"));
            pool.threads.push(thread.spawn(move || inner.run())?);
        }
        Ok(pool)
    }

    pub(super) fn out(&self) -> &Out {
        &self.inner.out
    }

    /// Gives jobs to the threads.
    pub(super) fn give(&self, jobs: &mut Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut waiting = lock(&self.inner.waiting);
        let wakes = waiting.idle.min(jobs.len());
        waiting.jobs.extend(jobs.drain(..));
        drop(waiting);
        (0..wakes).for_each(|_| self.inner.more.notify_one());
    }

    /// Lets the threads end after what they do now; what waits is dropped.
    pub(super) fn stop(&mut self) {
        let mut waiting = lock(&self.inner.waiting);
        waiting.stops = true;
        waiting.jobs.clear();
        drop(waiting);
        self.inner.more.notify_all();
        // One that waits to be announced would wait for ever.
        let mut reports = Vec::new();
        self.inner.out.take(&mut reports);
        for report in reports {
            if let Report::Starts(_, gate) = report {
                gate.open();
            }
        }
        // A task that does not end must not keep the node from ending.
        self.threads.clear();
    }
}

impl Inner {
    fn run(&self) {
        let mut waiting = lock(&self.waiting);
        loop {
            if waiting.stops {
                return;
            }
            let Some(job) = waiting.jobs.pop_front() else {
                waiting.idle += 1;
                waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                waiting.idle -= 1;
                continue;
            };
            drop(waiting);
            self.do_job(job);
            waiting = lock(&self.waiting);
        }
    }

    fn do_job(&self, job: Job) {
        let Job { dispatch, kind, announce, request, revoked } = job;
        if announce && !revoked.load(Ordering::Relaxed) {
            let gate = Arc::new(Gate::default());
            self.out.report(Report::Starts(dispatch, gate.clone()));
            gate.pass();
        }
        let outcome = match self.handlers.get(usize::from(kind)) {
            _ if revoked.load(Ordering::Relaxed) => Outcome::Cancelled,
            None => Outcome::Failed { reason: "no such kind of tasks".to_owned(), retry: false },
            Some(handler) => {
                let context = Context { dispatch, revoked, out: self.out.clone() };
                let run = || handler(&request, &context);
                catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Outcome::Failed {
                    reason: format!("panicked: {}", words(&*panic)),
                    retry: true,
                })
            }
        };
        self.out.report(Report::Ends(dispatch, outcome));
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words")
}
