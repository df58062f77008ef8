//! A simulated process: one of the three state machines, its clock, and for a worker its threads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use barewire_runtime::layout::Uuid;

use super::history::{Nature, answer};
use crate::core::client::Client;
use crate::core::manager::Manager;
use crate::core::members::Members;
use crate::core::random::Random;
use crate::core::worker::{Action, Worker};
use crate::core::{Sink, Time};
use crate::wire::{Dispatch, Incarnation, Outcome, Progress};

/// How many tasks a worker runs at once.
const PARALLEL: usize = 2;

pub(super) enum Core {
    Manager(Box<Manager>),
    Worker(Box<Worker>),
    Client(Box<Client>, Uuid),
}

/// A clock that is wrong: by an offset, and by up to some per cent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) offset: Time,
    pub(super) per_mille: u64,
}

impl Clock {
    pub(super) fn local(self, real: Time) -> Time {
        self.offset + real * self.per_mille / 1000
    }

    pub(super) fn real(self, local: Time) -> Time {
        if local == Time::MAX {
            return Time::MAX;
        }
        (local.saturating_sub(self.offset) * 1000).div_ceil(self.per_mille)
    }
}

#[derive(Debug)]
struct Job {
    dispatch: Dispatch,
    announce: bool,
    value: u64,
    nature: Nature,
    fails: bool,
    ends: Time,
}

/// What a worker's threads do.
#[derive(Debug, Default)]
pub(super) struct Threads {
    waiting: VecDeque<Job>,
    running: Vec<Job>,
    revoked: BTreeSet<Dispatch>,
    pub(super) executions: u64,
}

/// What tasks do, and what has come of them so far, in the whole world.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) random: Random,
    pub(super) natures: BTreeMap<u64, Nature>,
    /// How often each task was begun.
    pub(super) begun: BTreeMap<u64, u8>,
}

impl Work {
    pub(super) fn new(random: Random) -> Self {
        Self { random, natures: BTreeMap::new(), begun: BTreeMap::new() }
    }

    /// Begins a task once more; how often that was done.
    fn begin(&mut self, value: u64) -> u8 {
        let times = self.begun.entry(value).or_default();
        *times = times.saturating_add(1);
        *times
    }
}

/// A process.
pub(super) struct Node {
    pub(super) core: Core,
    pub(super) incarnation: Incarnation,
    /// The actor system that it carries, under whichever incarnation.
    pub(super) actors: Uuid,
    pub(super) clock: Clock,
    pub(super) threads: Threads,
    /// Which wake-up is the valid one.
    pub(super) wake: u64,
    pub(super) frozen_until: Time,
}

impl Node {
    pub(super) fn members(&mut self) -> &mut Members {
        match &mut self.core {
            Core::Manager(manager) => &mut manager.members,
            Core::Worker(worker) => &mut worker.members,
            Core::Client(client, _) => &mut client.members,
        }
    }

    pub(super) fn receive(&mut self, real: Time, octets: &[u8]) {
        let now = self.clock.local(real);
        match &mut self.core {
            Core::Manager(manager) => manager.receive(now, octets),
            Core::Worker(worker) => worker.receive(now, octets),
            Core::Client(client, _) => client.receive(now, octets),
        }
    }

    pub(super) fn lost(&mut self, real: Time, node: Incarnation) {
        let now = self.clock.local(real);
        match &mut self.core {
            Core::Manager(manager) => manager.lost(now, node),
            Core::Worker(worker) => worker.lost(node),
            Core::Client(client, _) => client.lost(node),
        }
    }

    pub(super) fn tick(&mut self, real: Time) {
        let now = self.clock.local(real);
        match &mut self.core {
            Core::Manager(manager) => manager.tick(now),
            Core::Worker(worker) => worker.tick(now),
            Core::Client(client, _) => client.tick(now),
        }
    }

    pub(super) fn flush(&mut self, real: Time, send: &mut Sink<'_>) {
        let now = self.clock.local(real);
        match &mut self.core {
            Core::Manager(manager) => manager.flush(now, send),
            Core::Worker(worker) => worker.flush(now, send),
            Core::Client(client, _) => client.flush(now, send),
        };
    }

    /// When it wants to be woken, in real time.
    pub(super) fn deadline(&self) -> Time {
        let local = match &self.core {
            Core::Manager(manager) => manager.deadline(),
            Core::Worker(worker) => worker.deadline(),
            Core::Client(client, _) => client.deadline(),
        };
        let jobs = self.threads.running.iter().map(|job| job.ends);
        jobs.fold(self.clock.real(local), Time::min)
    }
}

impl Threads {
    /// Does what the protocol asks for.
    pub(super) fn obey(
        &mut self,
        worker: &mut Worker,
        now: Time,
        real: Time,
        action: &Action,
        work: &mut Work,
    ) {
        match action {
            Action::Run { dispatch, announce, request, .. } => {
                let value = request.as_slice().try_into().map_or(0, u64::from_le_bytes);
                let (dispatch, announce) = (*dispatch, *announce);
                let nature = work.natures.get(&value).copied().unwrap_or(Nature::Ordinary);
                let job = Job { dispatch, announce, value, nature, fails: false, ends: 0 };
                self.waiting.push_back(job);
                self.begin(worker, now, real, work);
            }
            // Threads that do not ask do not hear of it.
            Action::Revoke(dispatch) if work.random.below(2) == 0 => {
                self.revoked.insert(*dispatch);
            }
            _ => {}
        }
    }

    fn begin(&mut self, worker: &mut Worker, now: Time, real: Time, work: &mut Work) {
        while self.running.len() < PARALLEL
            && let Some(mut job) = self.waiting.pop_front()
        {
            if self.revoked.remove(&job.dispatch) {
                worker.completed(now, job.dispatch, Outcome::Cancelled);
                continue;
            }
            if job.announce {
                worker.started(now, job.dispatch);
            }
            let times = work.begin(job.value);
            job.fails = match job.nature {
                Nature::FailsAlways => true,
                Nature::FailsFirst(most) => times <= most,
                _ => false,
            };
            let slow = matches!(job.nature, Nature::SlowAtFirst | Nature::SilentAtFirst);
            // Some go on for so long that the manager may be another one when they end.
            let most = if work.random.below(5) == 0 { 500_000 } else { 50_000 };
            let takes = if slow && times == 1 { 600_000 } else { 1000 + work.random.below(most) };
            job.ends = real + takes;
            self.running.push(job);
        }
    }

    /// Ends what has come to its end; true if one of them kills the process.
    pub(super) fn turn(
        &mut self,
        worker: &mut Worker,
        now: Time,
        real: Time,
        work: &mut Work,
    ) -> bool {
        while let Some(place) = self.running.iter().position(|job| job.ends <= real) {
            let job = self.running.swap_remove(place);
            self.executions += 1;
            let outcome = match job.nature {
                Nature::Kills => return true,
                _ if self.revoked.remove(&job.dispatch) => Outcome::Cancelled,
                _ if job.fails => Outcome::Failed { reason: "it does so".to_owned(), retry: true },
                _ => Outcome::Done(answer(job.value, job.dispatch.attempt)),
            };
            if work.random.below(4) == 0 {
                let progress = Progress { done: 1, total: 1, note: String::new() };
                worker.progress(now, job.dispatch, progress);
            }
            worker.completed(now, job.dispatch, outcome);
            self.begin(worker, now, real, work);
        }
        false
    }
}
