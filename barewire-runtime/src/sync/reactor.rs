//! One thread that sleeps for all tasks of the process that wait on events.
//!
//! A task registers its waker with the event that it waits on. The thread, started by the first
//! registration, sleeps on the sequences of all events with registered tasks at once, and wakes as
//! many tasks of an event as its sequence has risen. Every task has a ticket of its own, so that
//! the wakers of an event know of it until it was woken.
//!
//! A wake is a duty: whoever gets it looks at the condition, or passes it on.
//!
//! | a wake reaches | and then | it is passed on by |
//! |---|---|---|
//! | the thread | no task waits on the event any more | the thread, to another sleeper |
//! | a task | it is dropped before it has looked | the drop of its registration |
//! | a task | it had just found something by itself | the drop of its registration |
//!
//! Every few milliseconds the thread wakes one task of each event, so that it looks for the dead.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{Event, slice};
use crate::sys::futex;
use crate::sys::map::Mapping;

/// How many events one sleep covers; one word is the thread's own.
const MOST_EVENTS: usize = futex::MOST_WORDS - 1;

/// How long a sleep takes at most when there are more events than one sleep covers.
const TURN: Duration = Duration::from_micros(500);

static REACTOR: Reactor = Reactor {
    control: AtomicU32::new(0),
    table: Mutex::new(Table { watches: BTreeMap::new(), next: 0, changed: false, running: false }),
};

struct Reactor {
    /// Changed when the thread must not go on sleeping on what it sleeps on.
    control: AtomicU32,
    table: Mutex<Table>,
}

struct Table {
    /// By the address of the event.
    watches: BTreeMap<usize, Watch>,
    /// The number of the next registration.
    next: u64,
    /// Whether watches have come or gone since the thread has last looked.
    changed: bool,
    running: bool,
}

/// An event that the thread sleeps on, and the tasks that wait for it.
struct Watch {
    place: Place,
    /// The sequence up to which wakes were handed on.
    seen: u32,
    /// By the number of the registration: the longest waiting first.
    waiting: BTreeMap<u64, Waker>,
}

/// An event, together with the mapping in which it stands.
#[derive(Debug, Clone)]
struct Place {
    map: Mapping,
    at: usize,
    reached: bool,
}

impl Place {
    fn event(&self) -> Event<'_> {
        Event { map: &self.map, at: self.at, reached: self.reached }
    }

    fn address(&self) -> usize {
        self.event().sequence().as_ptr().addr()
    }
}

impl Watch {
    /// Hands wakes to up to `count` tasks.
    fn wake(&mut self, count: u32, woken: &mut Vec<Waker>) {
        for _ in 0..count {
            let Some((_, waker)) = self.waiting.pop_first() else { break };
            woken.push(waker);
        }
    }
}

impl Table {
    /// Hands on what has come since the last call; false for a watch that is over.
    fn hand_on(&mut self, woken: &mut Vec<Waker>) {
        let before = self.watches.len();
        self.watches.retain(|_, watch| {
            let now = watch.place.event().sequence().load(Ordering::Acquire);
            let risen = now.wrapping_sub(std::mem::replace(&mut watch.seen, now));
            let empty = watch.waiting.is_empty();
            if risen != 0 && empty {
                // The wake may have been given to this thread, which has no use for it, and the
                // ticket of another was settled. Without the watch it is not given to it again.
                watch.place.event().pass_on(risen);
                return false;
            }
            watch.wake(risen, woken);
            true
        });
        self.changed |= self.watches.len() != before;
    }

    /// Lets one task of each event look for the dead, and ends watches that nobody needs.
    fn look(&mut self, woken: &mut Vec<Waker>) {
        let before = self.watches.len();
        self.watches.retain(|_, watch| {
            let needed = !watch.waiting.is_empty();
            watch.wake(1, woken);
            needed
        });
        self.changed |= self.watches.len() != before;
    }
}

impl Reactor {
    fn table(&self) -> MutexGuard<'_, Table> {
        // The table is consistent whenever it is unlocked, also by a panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut places: Vec<Place> = Vec::new();
        let mut first = 0;
        let mut next_look = Instant::now() + slice();
        loop {
            let mut woken = Vec::new();
            let mut table = self.table();
            table.hand_on(&mut woken);
            let now = Instant::now();
            if now >= next_look {
                table.look(&mut woken);
                next_look = now + slice();
            }
            if std::mem::take(&mut table.changed) {
                places = table.watches.values().map(|watch| watch.place.clone()).collect();
                first = 0;
            }
            let seen: Vec<u32> = table.watches.values().map(|watch| watch.seen).collect();
            let control = self.control.load(Ordering::Relaxed);
            drop(table);
            for waker in woken {
                // The waker is foreign code; what it does wrong concerns its own task alone.
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
            self.sleep(control, &places, &seen, first, next_look);
            first =
                if places.len() > MOST_EVENTS { (first + MOST_EVENTS) % places.len() } else { 0 };
            if places.is_empty() {
                next_look = Instant::now() + slice();
            }
        }
    }

    /// Sleeps on the events from number `first` on, as many as one sleep covers.
    fn sleep(&self, control: u32, places: &[Place], seen: &[u32], first: usize, until: Instant) {
        let mut words = vec![(&self.control, control)];
        let turn = (0..places.len()).map(|index| (first + index) % places.len()).take(MOST_EVENTS);
        words.extend(turn.filter_map(|index| {
            let place = places.get(index)?;
            Some((place.event().sequence(), *seen.get(index)?))
        }));
        let longest = if places.len() > MOST_EVENTS { TURN } else { Duration::MAX };
        let left = until.saturating_duration_since(Instant::now()).min(longest);
        futex::wait_any(&words, (!places.is_empty()).then_some(left));
    }
}

/// A task's place among those that wait on an event.
///
/// Dropping it passes on a wake that was not [`spent`](Self::spent).
#[derive(Debug)]
pub(crate) struct Registration {
    place: Place,
    /// While the task may be waiting: its number, and the sequence of its ticket.
    waits: Option<(u64, u32)>,
    /// Whether it was woken and has not looked at its condition since.
    owes: bool,
}

impl Registration {
    pub(crate) fn new(event: Event<'_>) -> Self {
        let place = Place { map: event.map.clone(), at: event.at, reached: event.reached };
        Self { place, waits: None, owes: false }
    }

    /// Waits from now on; the caller must look at the condition once more afterwards.
    pub(crate) fn enter(&mut self, waker: &Waker) -> io::Result<()> {
        self.leave();
        let waker = waker.clone();
        let address = self.place.address();
        let mut table = REACTOR.table();
        if !table.running {
            let thread = std::thread::Builder::new().name("barewire-waits".to_owned());
            thread.spawn(|| REACTOR.run())?;
            table.running = true;
        }
        let number = table.next;
        table.next += 1;
        let before = table.watches.len();
        let watch = table.watches.entry(address).or_insert_with(|| Watch {
            place: self.place.clone(),
            seen: self.place.event().sequence().load(Ordering::Acquire),
            waiting: BTreeMap::new(),
        });
        self.waits = Some((number, watch.place.event().enter()));
        watch.waiting.insert(number, waker);
        let new = table.watches.len() != before;
        if new {
            table.changed = true;
            REACTOR.control.fetch_add(1, Ordering::Relaxed);
        }
        drop(table);
        if new {
            futex::wake(&REACTOR.control, 1);
        }
        Ok(())
    }

    /// Waits no longer; whether the task was woken since it began to.
    pub(crate) fn leave(&mut self) -> bool {
        let Some((number, seen)) = self.waits.take() else { return self.owes };
        let mut table = REACTOR.table();
        let watch = table.watches.get_mut(&self.place.address());
        let waker = watch.and_then(|watch| watch.waiting.remove(&number));
        drop(table);
        self.place.event().leave(seen);
        self.owes |= waker.is_none();
        // Dropping a waker may drop a task, which may come here again: the table is free for it.
        drop(waker);
        self.owes
    }

    /// The task has looked at its condition since it was woken.
    pub(crate) fn spent(&mut self) {
        self.owes = false;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if self.leave() {
            self.place.event().notify();
        }
    }
}
