//! Which worker gets which task: the least loaded one of those that can do it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Manager;
use super::table::{State, has_labels};
use crate::core::Time;
use crate::wire::{Dispatch, Incarnation, Message, Wanted};

/// The most combinations of kinds and labels.
const MOST_CLASSES: usize = 4096;

/// A worker, as the manager sees it.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) credits: u32,
    pub(super) parallel: u32,
    pub(super) labels: BTreeSet<String>,
    pub(super) kinds: BTreeSet<u16>,
    /// The tasks that it has.
    pub(super) held: Vec<u64>,
    /// What it still does though nobody wants it, and whether it is known to have started.
    pub(super) revoked: BTreeMap<Dispatch, bool>,
    pub(super) reachable: bool,
    pub(super) draining: bool,
    pub(super) drained: bool,
}

impl Worker {
    fn load(&self) -> usize {
        self.held.len() + self.revoked.len()
    }

    /// How full it is, in a thousandth of its threads; `None` if it takes no more.
    fn pressure(&self) -> Option<usize> {
        let takes = self.reachable && !self.draining && self.load() < self.credits as usize;
        takes.then(|| self.load() * 1000 / self.parallel.max(1) as usize)
    }
}

/// Tasks of one kind that ask for the same labels: one of them waits as long as all.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) kind: u16,
    pub(super) labels: Vec<String>,
    pub(super) queue: VecDeque<u64>,
    /// Who can do them.
    able: Vec<Incarnation>,
}

impl Manager {
    /// The class of a task; `None` if there are too many.
    pub(super) fn class(&mut self, kind: u16, labels: &[String]) -> Option<u16> {
        let same = |class: &Class| class.kind == kind && class.labels == labels;
        if let Some(known) = self.classes.iter().position(same) {
            return Some(known as u16);
        }
        if self.classes.len() >= MOST_CLASSES {
            return None;
        }
        let (labels, queue, able) = (labels.to_vec(), VecDeque::new(), Vec::new());
        self.classes.push(Class { kind, labels, queue, able });
        self.workers_changed = true;
        Some((self.classes.len() - 1) as u16)
    }

    fn find_able(&mut self) {
        self.workers_changed = false;
        for class in &mut self.classes {
            let able = self.workers.iter().filter(|(_, worker)| {
                worker.kinds.contains(&class.kind) && has_labels(&worker.labels, &class.labels)
            });
            class.able = able.map(|(&incarnation, _)| incarnation).collect();
        }
    }

    /// Hands out what waits, as far as there are credits.
    pub(super) fn place(&mut self, now: Time) {
        if self.workers_changed {
            self.find_able();
        }
        for class in 0..self.classes.len() {
            while let Some(&id) = self.classes[class].queue.front() {
                let waits = self.tasks.get(id).is_some_and(|task| task.state == State::Waiting);
                if !waits {
                    self.classes[class].queue.pop_front();
                    continue;
                }
                let able = &self.classes[class].able;
                let pressure = |node: &&Incarnation| self.workers.get(node)?.pressure();
                let free = able.iter().filter_map(|node| pressure(&node).map(|load| (load, *node)));
                let Some((_, worker)) = free.min() else { break };
                self.classes[class].queue.pop_front();
                self.dispatch(now, id, worker);
            }
        }
    }

    fn dispatch(&mut self, now: Time, id: u64, node: Incarnation) {
        let (Some(task), Some(worker)) = (self.tasks.get_mut(id), self.workers.get_mut(&node))
        else {
            return;
        };
        task.attempt += 1;
        task.started = false;
        task.beat = now;
        task.state = State::Held { worker: node, place: worker.held.len() };
        worker.held.push(id);
        if task.attempt > 1 {
            self.members.counters.retried += 1;
        }
        let clocks = task.options.as_ref().map(|options| options.deadlines).unwrap_or_default();
        let announce = task.suspected
            || clocks.schedule_to_start_ms.is_some()
            || clocks.start_to_close_ms.is_some()
            || clocks.heartbeat_ms.is_some();
        let dispatch = Dispatch { task: id, attempt: task.attempt, epoch: self.epoch };
        // Encoded at once; kept here for another attempt.
        let request = std::mem::take(&mut task.request);
        let message = Message::Assign(Wanted { dispatch, kind: task.kind, announce, request });
        self.members.say(now, node, &message);
        if let Message::Assign(wanted) = message {
            task.request = wanted.request;
        }
    }

    /// Takes a task from its worker's list.
    pub(super) fn let_go(&mut self, id: u64) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let State::Held { worker, place } = task.state else { return };
        task.state = State::Waiting;
        let Some(worker) = self.workers.get_mut(&worker) else { return };
        worker.held.swap_remove(place);
        let moved = worker.held.get(place).copied();
        if let Some(task) = moved.and_then(|moved| self.tasks.get_mut(moved))
            && let State::Held { place: old, .. } = &mut task.state
        {
            *old = place;
        }
    }

    /// Takes a task from a worker that lives: it is told to give it up, until it says that it has.
    pub(super) fn revoke(&mut self, now: Time, id: u64) {
        let Some(task) = self.tasks.get(id) else { return };
        let State::Held { worker: node, .. } = task.state else { return };
        let dispatch = Dispatch { task: id, attempt: task.attempt, epoch: self.epoch };
        let started = task.started;
        self.let_go(id);
        if let Some(worker) = self.workers.get_mut(&node) {
            worker.revoked.insert(dispatch, started);
            let dispatches = vec![dispatch];
            self.members.say_once(now, node, &Message::Revoke { dispatches });
        }
    }

    /// Puts a task that has lost its worker before all others.
    pub(super) fn requeue(&mut self, id: u64) {
        if let Some(task) = self.tasks.get_mut(id) {
            task.state = State::Waiting;
            self.classes[usize::from(task.class)].queue.push_front(id);
        }
    }

    /// A worker is silent: others get what it has.
    pub(super) fn worker_silent(&mut self, now: Time, node: Incarnation) {
        let Some(worker) = self.workers.get_mut(&node) else { return };
        worker.reachable = false;
        for id in worker.held.clone() {
            self.revoke(now, id);
            self.requeue(id);
        }
    }

    /// A worker is gone for good. `died` is whether a task may be to blame.
    pub(super) fn worker_gone(&mut self, now: Time, node: Incarnation, died: bool) {
        let Some(worker) = self.workers.remove(&node) else { return };
        self.workers_changed = true;
        for id in worker.held {
            let Some(task) = self.tasks.get_mut(id) else { continue };
            task.state = State::Waiting;
            let blamed = died && task.started;
            task.suspected |= died;
            if !blamed || !self.blame(now, id) {
                self.requeue(id);
            }
        }
        for (dispatch, started) in worker.revoked.into_iter().filter(|_| died) {
            let Some(task) = self.tasks.get_mut(dispatch.task) else { continue };
            task.suspected = true;
            if started && !matches!(task.state, State::Finished(_)) {
                self.blame(now, dispatch.task);
            }
        }
    }

    /// Lets workers go that are drained, and repeats what was revoked.
    pub(super) fn remind(&mut self, now: Time) {
        /// How many fit into any frame.
        const AT_ONCE: usize = 40;
        for (&node, worker) in &mut self.workers {
            if worker.draining && !worker.drained && worker.load() == 0 {
                worker.drained = true;
                self.members.say(now, node, &Message::Drained);
            }
            if worker.reachable && !worker.revoked.is_empty() {
                let dispatches = worker.revoked.keys().copied().take(AT_ONCE).collect();
                self.members.say_once(now, node, &Message::Revoke { dispatches });
            }
        }
    }
}
