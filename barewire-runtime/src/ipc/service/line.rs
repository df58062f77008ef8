//! A client's line as its process sees it: which slots are in use, and what is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::shape::SLOTS;
use super::shared::Shared;
use super::slots::{CallId, Cancelled, Progress};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{LEAST_SPINS, Wait};

/// So many looks of a waiter that spins look at the reply alone; later ones also at what became of
/// the call, in words that others are writing. One that sleeps has had them all before.
const SPINNERS_QUICK_LOOKS: u32 = 256;
/// A caller that never waits looks at the clock once in so many looks, ...
const LOOKS_BETWEEN_CLOCKS: u32 = 16;
/// ... and for the dead after so long.
const TIME_BETWEEN_RECOVERIES: Duration = Duration::from_millis(4);

/// A client's line of the service; given back when dropped.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
    /// A bit for each slot that no handle of this client uses. Its server may still have it.
    unused: AtomicU32,
    /// For each slot, the number of its next call if it is known to be free, else 0; written by
    /// who has taken its bit. So the words that a server may be polling are not read first.
    next: [AtomicU64; SLOTS],
    /// How many slots the servers look at; the lowest are used first.
    widest: AtomicU32,
    /// For each slot, what its handle waits for.
    awaited: [Awaited; SLOTS],
    /// Whether a wait set holds the client: then each look is a whole one, so that what the set
    /// reports is found.
    closely: AtomicBool,
}

/// The frame that a handle waits for; written by the handle alone.
#[derive(Debug, Default)]
struct Awaited {
    number: AtomicU64,
    /// The frame's index + 1; 0 while nothing is waited for.
    index: AtomicU64,
}

impl Line {
    pub(super) fn new(shared: &Arc<Shared>, index: usize) -> Self {
        Self {
            shared: Arc::clone(shared),
            index,
            unused: AtomicU32::new((1 << SLOTS) - 1),
            next: Default::default(),
            widest: AtomicU32::new(1),
            awaited: Default::default(),
            closely: AtomicBool::new(false),
        }
    }

    /// Says that the handle of this call waits for the frame of that index.
    #[inline]
    pub(super) fn set_awaited(&self, call: CallId, index: u64) {
        let awaited = &self.awaited[call.slot];
        awaited.number.store(call.number(), Ordering::Relaxed);
        awaited.index.store(index.wrapping_add(1), Ordering::Release);
    }

    /// Says that the handle of this call waits for nothing now.
    #[inline]
    pub(super) fn set_settled(&self, call: CallId) {
        self.awaited[call.slot].index.store(0, Ordering::Release);
    }

    /// Whether something became of a call that is waited for.
    ///
    /// Another thread may begin or end calls meanwhile. What is read of a call that is just being
    /// made may not fit together; but its reply comes later, and with a wake.
    pub(super) fn any_settles(&self) -> bool {
        self.closely.store(true, Ordering::Relaxed);
        self.awaited.iter().enumerate().any(|(slot, awaited)| {
            let Some(index) = awaited.index.load(Ordering::Acquire).checked_sub(1) else {
                return false;
            };
            let call = CallId::new(self.index, slot, awaited.number.load(Ordering::Relaxed));
            self.shared.slots().progress(call, index) != Progress::Waiting
        })
    }

    #[inline]
    pub(super) fn reserve(&self) -> Option<CallId> {
        let mut left = self.unused.load(Ordering::Relaxed);
        while left != 0 {
            let slot = left.trailing_zeros();
            left &= !(1 << slot);
            if self.unused.fetch_and(!(1 << slot), Ordering::Acquire) & 1 << slot == 0 {
                continue;
            }
            let call = match self.next[slot as usize].load(Ordering::Relaxed) {
                0 => self.shared.slots().next_call(self.index, slot as usize),
                number => Some(CallId::new(self.index, slot as usize, number)),
            };
            if call.is_some() {
                if slot >= self.widest.load(Ordering::Relaxed) {
                    self.shared.slots().widen(self.index, slot as usize + 1);
                    self.widest.fetch_max(slot + 1, Ordering::Relaxed);
                }
                return call;
            }
            self.unused.fetch_or(1 << slot, Ordering::Release);
        }
        None
    }

    #[inline]
    pub(super) fn reserve_until(&self, deadline: Option<Instant>) -> Result<CallId> {
        match self.reserve() {
            Some(call) => Ok(call),
            None => self.wait_for_slot(deadline),
        }
    }

    #[cold]
    fn wait_for_slot(&self, deadline: Option<Instant>) -> Result<CallId> {
        let attempt = || Ok::<_, Error>(self.reserve());
        let (shared, event) = (&*self.shared, self.shared.replies(self.index));
        let found = event.wait_as(shared.wait(), deadline, attempt, || shared.recover())?;
        let detail = "all the client's calls stayed in use";
        found.ok_or_else(|| shared.error(ErrorKind::TimedOut, detail))
    }

    /// Gives the slot of a call back to this client's other calls; whether its server is known
    /// to have let it go.
    #[inline]
    pub(super) fn release(&self, call: CallId, free: bool) {
        self.set_settled(call);
        let next = if free { call.next().number() } else { 0 };
        self.next[call.slot].store(next, Ordering::Relaxed);
        self.unused.fetch_or(1 << call.slot, Ordering::SeqCst);
        self.shared.replies(self.index).notify_all();
    }

    /// Gives back the slot of a call that was never made.
    pub(super) fn release_unused(&self, call: CallId) {
        self.next[call.slot].store(call.number(), Ordering::Relaxed);
        self.unused.fetch_or(1 << call.slot, Ordering::SeqCst);
        self.shared.replies(self.index).notify_all();
    }

    /// Ends a call whatever has become of it, and gives its slot back.
    pub(super) fn end(&self, call: CallId) -> Cancelled {
        let outcome = self.shared.slots().cancel(call);
        if outcome == Cancelled::Taken {
            self.shared.room(self.index).notify_all();
        }
        self.release(call, outcome == Cancelled::Untaken);
        outcome
    }

    #[inline]
    pub(super) fn publish(&self, call: CallId, stream: bool) {
        let slots = self.shared.slots();
        slots.prepare(call, stream);
        // Before the reply can come, so that a wait set that is woken by it knows of the call.
        self.set_awaited(call, 0);
        slots.publish(call);
        self.shared.calls().notify();
    }

    /// Waits until the frame of that index has come, or something else became of the call.
    #[inline]
    pub(super) fn wait(
        &self,
        call: CallId,
        index: u64,
        deadline: Option<Instant>,
    ) -> Option<Progress> {
        let (shared, event) = (&*self.shared, self.shared.replies(self.index));
        let slots = shared.slots();
        let quick = match shared.wait() {
            Wait::Spin => SPINNERS_QUICK_LOOKS,
            Wait::SpinThenPark => LEAST_SPINS,
            Wait::Park => 1,
        };
        let mut looks = 0;
        let attempt = || {
            looks += 1;
            let quick = looks < quick;
            let found = if quick { slots.look(call, index) } else { slots.progress(call, index) };
            Ok::<_, std::convert::Infallible>((found != Progress::Waiting).then_some(found))
        };
        match event.wait_as(shared.wait(), deadline, attempt, || shared.recover()) {
            Ok(found) => found,
        }
    }

    pub(super) fn failure(&self, progress: Progress) -> Error {
        match progress {
            Progress::Failed => {
                let detail = "the server that had taken the call died before it answered";
                self.shared.error(ErrorKind::ServerDied, detail)
            }
            Progress::Part(_) => {
                let detail = "the server answers with a stream: use call_stream";
                self.shared.error(ErrorKind::InvalidValue, detail)
            }
            _ => self.shared.error(ErrorKind::Unanswered, "the server let the call go unanswered"),
        }
    }

    pub(super) fn late(&self, outcome: Cancelled) -> Error {
        let detail = match outcome {
            Cancelled::Untaken if self.shared.servers() == 0 => {
                "the deadline passed: no server is attached to the service"
            }
            Cancelled::Untaken => "the deadline passed: every server was busy with other calls",
            _ => "the deadline passed before the server answered",
        };
        self.shared.error(ErrorKind::TimedOut, detail)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.slots().release_line(self.index);
    }
}

/// When a caller that only ever tries looks for the dead.
#[derive(Debug, Default)]
pub(super) struct Looks {
    count: u32,
    recovered: Option<Instant>,
}

impl Looks {
    pub(super) fn look(&mut self, line: &Line, call: CallId, index: u64) -> Progress {
        let slots = line.shared.slots();
        let found = slots.look(call, index);
        if found != Progress::Waiting {
            return found;
        }
        self.count = self.count.wrapping_add(1);
        if !self.count.is_multiple_of(LOOKS_BETWEEN_CLOCKS) {
            let closely = line.closely.load(Ordering::Relaxed);
            return if closely { slots.progress(call, index) } else { Progress::Waiting };
        }
        let now = Instant::now();
        let since = now.duration_since(*self.recovered.get_or_insert(now));
        if since >= TIME_BETWEEN_RECOVERIES {
            self.recovered = Some(now);
            line.shared.recover();
        }
        slots.progress(call, index)
    }
}
