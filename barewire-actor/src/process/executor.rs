//! Tasks that run on the dispatcher's thread, where messages arrive.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Wakes the dispatcher's thread, wherever it sleeps.
pub(crate) type Bell = Box<dyn Fn() + Send + Sync>;

/// The tasks that are ready, and whether the thread that runs them sleeps.
pub(crate) struct Executor {
    ready: Mutex<VecDeque<Arc<Task>>>,
    count: AtomicUsize,
    asleep: AtomicBool,
    bell: Mutex<Option<Bell>>,
}

thread_local! {
    static HERE: RefCell<Here> =
        const { RefCell::new(Here { executor: std::ptr::null(), ready: VecDeque::new() }) };
}

/// What is woken on the thread that is to run it: nobody need be told, and nothing is locked.
struct Here {
    /// Whose thread this is; only compared.
    executor: *const Executor,
    ready: VecDeque<Arc<Task>>,
}

/// This thread runs the tasks for as long as this lives.
pub(crate) struct Settled(());

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Task {
    work: Mutex<Option<Work>>,
    queued: AtomicBool,
    executor: Arc<Executor>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            Executor::push(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Arc::clone(self).wake();
    }
}

impl Task {
    fn run(self: Arc<Self>) {
        self.queued.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self));
        let mut place = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = &mut *place else { return };
        let mut context = Context::from_waker(&waker);
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut context)));
        if polled.is_err() {
            // As a task of tokio would, and the thread goes on.
            tracing::error!("a task on the dispatcher's thread has panicked");
        }
        if !matches!(polled, Ok(Poll::Pending)) {
            *place = None;
        }
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        let left = HERE.with_borrow_mut(|here| {
            here.executor = std::ptr::null();
            std::mem::take(&mut here.ready)
        });
        // What they hold goes with them, and may wake others.
        drop(left);
    }
}

impl Executor {
    pub(crate) fn new() -> Self {
        Self {
            ready: Mutex::default(),
            count: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            bell: Mutex::new(None),
        }
    }

    pub(crate) fn set_bell(&self, bell: Option<Bell>) {
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = bell;
    }

    pub(crate) fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let task = Arc::new(Task {
            work: Mutex::new(Some(Box::pin(work))),
            queued: AtomicBool::new(false),
            executor: Arc::clone(self),
        });
        task.wake();
    }

    /// Makes this thread the one that runs the tasks.
    pub(crate) fn settle(&self) -> Settled {
        HERE.with_borrow_mut(|here| here.executor = std::ptr::from_ref(self));
        Settled(())
    }

    fn push(task: Arc<Task>) {
        let executor = std::ptr::from_ref(&*task.executor);
        let mut task = Some(task);
        // At the end of a thread it may be gone.
        let _ = HERE.try_with(|here| {
            let mut here = here.borrow_mut();
            if here.executor == executor {
                here.ready.extend(task.take());
            }
        });
        if let Some(task) = task {
            Arc::clone(&task.executor).push_from_elsewhere(task);
        }
    }

    fn push_from_elsewhere(&self, task: Arc<Task>) {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_back(task);
        self.count.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence of `falls_asleep`: one of the two sees the other.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            self.ring();
        }
    }

    /// Wakes the thread if it sleeps.
    pub(crate) fn ring(&self) {
        if let Some(bell) = &*self.bell.lock().unwrap_or_else(PoisonError::into_inner) {
            bell();
        }
    }

    /// Runs the tasks that are ready now; whether there were any.
    #[inline]
    pub(crate) fn run_ready(&self) -> bool {
        let here = HERE.with_borrow(|here| here.ready.len());
        for _ in 0..here {
            let next = HERE.with_borrow_mut(|here| here.ready.pop_front());
            next.into_iter().for_each(Task::run);
        }
        let elsewhere = self.count.load(Ordering::Acquire);
        for _ in 0..elsewhere {
            let next = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(task) = next else { break };
            self.count.fetch_sub(1, Ordering::Relaxed);
            task.run();
        }
        here + elsewhere > 0
    }

    /// Whether the thread may sleep: says so to others first, then looks once more.
    pub(crate) fn falls_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let here = HERE.with_borrow(|here| here.ready.len());
        if here + self.count.load(Ordering::Relaxed) > 0 {
            self.wakes_up();
            return false;
        }
        true
    }

    pub(crate) fn wakes_up(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Drops all tasks that are ready; what they hold goes with them.
    pub(crate) fn clear(&self) {
        let left = std::mem::take(&mut *self.ready.lock().unwrap_or_else(PoisonError::into_inner));
        self.count.fetch_sub(left.len(), Ordering::Relaxed);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::sync::Notify;

    use super::*;

    fn counted() -> (Arc<AtomicUsize>, impl Fn() -> usize) {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        (count, move || seen.load(Ordering::Relaxed))
    }

    /// An executor, and how often its bell was rung.
    fn executor() -> (Arc<Executor>, impl Fn() -> usize) {
        let executor = Arc::new(Executor::new());
        let (rung, count) = counted();
        executor.set_bell(Some(Box::new(move || {
            rung.fetch_add(1, Ordering::Relaxed);
        })));
        (executor, count)
    }

    #[test]
    fn a_task_runs_once_for_each_turn_in_which_it_was_woken_here_or_elsewhere() {
        let (executor, rung) = executor();
        let _settled = executor.settle();
        let bell = Arc::new(Notify::new());
        let (turns, count) = counted();
        let notified = Arc::clone(&bell);
        executor.spawn(async move {
            loop {
                notified.notified().await;
                turns.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert!(executor.run_ready() && !executor.run_ready(), "it waits");
        bell.notify_one();
        assert!(executor.run_ready() && !executor.run_ready());
        assert_eq!((count(), rung()), (1, 0), "nobody need be told");
        assert!(executor.falls_asleep());
        std::thread::scope(|scope| drop(scope.spawn(|| bell.notify_one())));
        executor.wakes_up();
        assert!(executor.run_ready() && !executor.run_ready());
        assert_eq!((count(), rung()), (2, 1), "the thread was told");
    }

    #[test]
    fn a_task_that_wakes_itself_leaves_the_turn_to_others_and_keeps_the_thread_awake() {
        let (executor, _) = executor();
        let _settled = executor.settle();
        let (polls, count) = counted();
        executor.spawn(poll_fn(move |context| {
            polls.fetch_add(1, Ordering::Relaxed);
            context.waker().wake_by_ref();
            Poll::Pending
        }));
        assert!(executor.run_ready());
        assert_eq!(count(), 1);
        assert!(!executor.falls_asleep());
        assert!(executor.run_ready());
        assert_eq!(count(), 2);
    }

    #[test]
    fn what_was_woken_is_dropped_with_what_it_holds_when_the_thread_leaves() {
        let (executor, _) = executor();
        let settled = executor.settle();
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        executor.spawn(async move { drop(holds) });
        drop(settled);
        assert_eq!(Arc::strong_count(&held), 1);
        executor.spawn(async {});
        assert!(executor.run_ready(), "what is woken from now on is woken from elsewhere");
    }
}
