//! The workers of a library: who is free, who has a call, and who takes the place of the dead.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use barewire_runtime::ipc::Wait;
use barewire_runtime::shared_memory::Mapping;

use crate::arena::{Arena, Block, shared};
use crate::engine::{Answer, Engine, Loaded};
use crate::error::{Error, ErrorKind, Result};
use crate::hello::Hello;
use crate::mailbox::{SCRATCH, SCRATCH_BYTES, Words};
use crate::remote::{Fault, Program, Remote, life};
use crate::sandbox::Level;

/// The library in this process.
pub(crate) struct Local {
    life: u64,
    engine: Engine,
}

/// Whoever makes calls: one at a time.
pub(crate) enum Seat {
    Local(Box<Local>),
    Remote(Box<Remote>),
}

impl Seat {
    pub(crate) fn life(&self) -> u64 {
        match self {
            Self::Local(local) => local.life,
            Self::Remote(remote) => remote.life,
        }
    }

    pub(crate) fn map(&self) -> &Mapping {
        match self {
            Self::Local(local) => &local.engine.mailbox,
            Self::Remote(remote) => &remote.map,
        }
    }

    #[inline]
    pub(crate) fn call(
        &mut self,
        function: u32,
        words: &[u64],
        text: Option<[u64; 2]>,
        how: (Wait, Duration),
    ) -> Result<Answer, Fault> {
        match self {
            Self::Remote(remote) => remote.call(function, words, text, how),
            Self::Local(local) => {
                let mut all = Words::default();
                all[..words.len()].copy_from_slice(words);
                // SAFETY: `Options::in_process` was called by somebody who vouches for it.
                Ok(unsafe { local.engine.call(function, &all, text.unwrap_or_default()) })
            }
        }
    }

    /// Ends a worker, and says how it died; one that dies by itself is not waited for, and keeps
    /// the memory of its last call until then.
    pub(crate) fn end_soon(&mut self, blocks: &mut Vec<Block>) -> ErrorKind {
        match self {
            Self::Local(_) => ErrorKind::Violation,
            Self::Remote(remote) => remote.end_soon(blocks),
        }
    }

    fn is_buried(&mut self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Remote(remote) => remote.is_buried(),
        }
    }

    /// Ends a worker, and says how it died.
    pub(crate) fn end(&mut self) -> ErrorKind {
        match self {
            Self::Local(_) => ErrorKind::Violation,
            Self::Remote(remote) => remote.end(),
        }
    }
}

#[derive(Default)]
struct State {
    idle: Vec<Seat>,
    busy: Vec<u64>,
    /// Those of the busy that are not to have another call.
    condemned: Vec<u64>,
    /// Those that were ended and may not be dead as yet.
    dying: Vec<Seat>,
    spares: Vec<Seat>,
    /// How many are being started, to have calls and to be spares.
    starting: usize,
    starting_spares: usize,
    waiting: usize,
}

/// How long a call goes before the start of the process that replaces the spare it has taken.
const HEAD_START: Duration = Duration::from_millis(5);

/// All workers of a library.
pub(crate) struct Pool {
    pub(crate) arena: Arc<Arena>,
    pub(crate) level: Level,
    program: Program,
    hello: Hello,
    workers: usize,
    spares: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Pool {
    /// A pool of processes.
    pub(crate) fn remote(
        program: Program,
        hello: Hello,
        (workers, spares): (usize, usize),
        arena: Arc<Arena>,
    ) -> Result<Arc<Self>> {
        let first = Remote::start(&program, &hello, &arena)?;
        let level = first.level;
        let state = State { idle: vec![Seat::Remote(Box::new(first))], ..State::default() };
        let pool = Arc::new(Self {
            arena,
            level,
            program,
            hello,
            workers: workers.max(1),
            spares,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        for _ in 0..spares {
            let spare = pool.start()?;
            pool.lock().spares.push(spare);
        }
        Ok(pool)
    }

    /// The library in this process.
    pub(crate) fn local(functions: Vec<Loaded>, arena: Arc<Arena>) -> Result<Arc<Self>> {
        let (_, map) = shared("farscape-mailbox", SCRATCH + SCRATCH_BYTES)?;
        let engine = Engine::new(functions, map, arena.map.clone());
        let seat = Seat::Local(Box::new(Local { life: life(), engine }));
        let state = State { idle: vec![seat], ..State::default() };
        Ok(Arc::new(Self {
            arena,
            level: Level::default(),
            program: Program::default(),
            hello: Hello::default(),
            workers: 1,
            spares: 0,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self) -> Result<Seat> {
        Ok(Seat::Remote(Box::new(Remote::start(&self.program, &self.hello, &self.arena)?)))
    }

    /// Takes a worker: the one of this life, or any.
    pub(crate) fn take(self: &Arc<Self>, route: Option<u64>, timeout: Duration) -> Result<Seat> {
        let mut state = self.lock();
        state.dying.retain_mut(|seat| !seat.is_buried());
        let mut begin = None;
        loop {
            if let Some(life) = route {
                if let Some(at) = state.idle.iter().position(|seat| seat.life() == life) {
                    let seat = state.idle.swap_remove(at);
                    state.busy.push(life);
                    return Ok(seat);
                }
                if !state.busy.contains(&life) {
                    let detail = "the handle is of a worker that is gone: make it anew";
                    return Err(Error::new(ErrorKind::StaleHandle, "", detail));
                }
            } else if let Some(seat) = state.idle.pop() {
                state.busy.push(seat.life());
                return Ok(seat);
            } else if state.busy.len() + state.starting < self.workers {
                return self.replace(state);
            }
            let passed = begin.get_or_insert_with(Instant::now).elapsed();
            let Some(left) = timeout.checked_sub(passed).filter(|left| !left.is_zero()) else {
                let detail = format!("no worker was free in {timeout:?}");
                return Err(Error::new(ErrorKind::TimedOut, "", detail));
            };
            state.waiting += 1;
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// A worker that was kept in reserve, or a new one.
    fn replace(self: &Arc<Self>, mut state: MutexGuard<'_, State>) -> Result<Seat> {
        if let Some(seat) = state.spares.pop() {
            let life = seat.life();
            state.busy.push(life);
            state.starting_spares += 1;
            drop(state);
            self.refill(life);
            return Ok(seat);
        }
        state.starting += 1;
        drop(state);
        let started = self.start();
        let mut state = self.lock();
        state.starting -= 1;
        match started {
            Ok(seat) => {
                state.busy.push(seat.life());
                Ok(seat)
            }
            Err(error) => {
                self.changed.notify_all();
                Err(error)
            }
        }
    }

    /// Starts a spare in the background, for the one of this life that has a call now. A short call
    /// goes first: starting a process keeps a core busy for longer.
    fn refill(self: &Arc<Self>, first: u64) {
        let pool = Arc::downgrade(self);
        let fill = move || {
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.lock();
            state.waiting += 1;
            let is_busy = |state: &mut State| state.busy.contains(&first);
            let waited = pool.changed.wait_timeout_while(state, HEAD_START, is_busy);
            waited.unwrap_or_else(PoisonError::into_inner).0.waiting -= 1;
            let started = pool.start();
            let mut state = pool.lock();
            state.starting_spares -= 1;
            // What went wrong is told to the call that wants to start one itself.
            if let Ok(seat) = started
                && state.spares.len() < pool.spares
            {
                state.spares.push(seat);
            }
        };
        if std::thread::Builder::new().spawn(fill).is_err() {
            self.lock().starting_spares -= 1;
        }
    }

    /// Gives a worker back; one that is dead is not replaced before somebody wants it.
    pub(crate) fn give(&self, seat: Seat, dead: bool) {
        let mut state = self.lock();
        let life = seat.life();
        state.busy.retain(|busy| *busy != life);
        let condemned = state.condemned.contains(&life);
        state.condemned.retain(|other| *other != life);
        let dropped = if dead {
            state.dying.push(seat);
            None
        } else if condemned {
            Some(seat)
        } else {
            state.idle.push(seat);
            None
        };
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        drop(state);
        drop(dropped);
    }

    /// A block of the arena; if there is none, of what those have who are dying.
    pub(crate) fn block(&self, len: usize) -> Result<Block> {
        self.arena.take(len).or_else(|_| {
            let dying = std::mem::take(&mut self.lock().dying);
            // Waits until they are dead.
            drop(dying);
            self.arena.take(len)
        })
    }

    /// Ends all workers, those with a call once it is done; the next calls find others.
    pub(crate) fn replace_all(&self) {
        let mut state = self.lock();
        let old = std::mem::take(&mut state.idle);
        let (local, remote): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|seat| matches!(seat, Seat::Local(_)));
        if local.is_empty() {
            state.condemned = state.busy.clone();
        }
        state.idle = local;
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        drop(state);
        drop(remote);
    }

    /// How many spares are ready.
    pub(crate) fn ready_spares(&self) -> usize {
        self.lock().spares.len()
    }

    /// The numbers of the processes that wait for calls.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let number = |seat: &Seat| match seat {
            Seat::Remote(remote) => Some(remote.process()),
            Seat::Local(_) => None,
        };
        self.lock().idle.iter().filter_map(number).collect()
    }
}
