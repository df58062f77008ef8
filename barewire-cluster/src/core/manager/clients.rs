//! What clients ask for: sessions, submissions, acknowledgements.

use std::collections::BTreeMap;

use barewire_runtime::layout::Uuid;

use super::ends::{Rule, after};
use super::record::Record;
use super::table::{State, Task};
use super::{Action, Manager, Timer};
use crate::core::Time;
use crate::wire::{Incarnation, Message, Outcome, Submission, TaskOptions};

/// How many keys are remembered after their results were acknowledged.
const MOST_REMEMBERED: usize = 65_536;

/// A client, under whichever incarnation.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Uuid,
    pub(super) attached: Option<Incarnation>,
    /// Since when it is gone.
    pub(super) gone: Option<Time>,
    /// Nobody will ask for its results.
    pub(super) forgotten: bool,
    pub(super) tasks: BTreeMap<u64, u64>,
}

/// What is known of a key.
#[derive(Debug)]
pub(super) enum Keyed {
    /// Its task is here.
    Task(u64),
    /// Its task has ended like that, and was acknowledged.
    Outcome(Outcome),
}

impl Manager {
    /// A client says who it is.
    pub(super) fn open(&mut self, now: Time, from: Incarnation, id: Uuid, floor: u64) {
        let known =
            self.sessions.iter().find(|(_, session)| session.id == id && !session.forgotten);
        let number = match known {
            Some((&number, _)) => number,
            None => {
                let number = self.next_session;
                self.write(&Record::Session { session: number, id });
                self.add_session(number, id);
                number
            }
        };
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if let Some(old) = session.attached.replace(from) {
            self.clients.remove(&old);
        }
        session.gone = None;
        self.clients.insert(from, number);
        let has = session.tasks.range(..floor).map(|(&number, _)| number).collect();
        let waiting: Vec<_> = session.tasks.range(floor..).map(|(_, &id)| id).collect();
        self.acknowledged(number, has);
        for id in waiting {
            if let Some(task) = self.tasks.get(id)
                && let State::Finished(outcome) = &task.state
            {
                let (number, attempts) = (task.number, task.attempt);
                let outcome = outcome.clone();
                self.members.say(now, from, &Message::Finished { number, attempts, outcome });
            }
        }
    }

    pub(super) fn add_session(&mut self, number: u32, id: Uuid) {
        self.next_session = self.next_session.max(number + 1);
        let tasks = BTreeMap::new();
        let session = Session { id, attached: None, gone: None, forgotten: false, tasks };
        self.sessions.insert(number, session);
    }

    /// A client asks for a task.
    pub(super) fn submit(&mut self, now: Time, from: Incarnation, wanted: Submission) {
        let Some(&session) = self.clients.get(&from) else {
            self.members.counters.misplaced += 1;
            return;
        };
        let known = |session: &Session| session.tasks.contains_key(&wanted.number);
        let known = self.sessions.get(&session).is_some_and(known);
        if known && !self.omits(Rule::Known) {
            self.members.counters.known += 1;
            return;
        }
        let reason = if usize::from(wanted.kind) >= self.kinds.len() {
            "the kind was not declared"
        } else if self.tasks.len() >= self.most_tasks {
            "the manager has as many tasks as it takes"
        } else {
            ""
        };
        let number = wanted.number;
        let refuse = |manager: &mut Self, reason: &str| {
            let outcome = Outcome::Rejected { reason: reason.to_owned() };
            let message = Message::Finished { number, attempts: 0, outcome };
            manager.members.say(now, from, &message);
        };
        if !reason.is_empty() {
            return refuse(self, reason);
        }
        let Submission { number, kind, key, options, request } = wanted;
        let labels = options.as_ref().map_or(&[][..], |options| &options.labels);
        let Some(class) = self.class(kind, labels) else {
            return refuse(self, "there are too many combinations of labels");
        };
        let record = Record::Accepted { session, number, kind, key, options, at: now, request };
        self.write(&record);
        let Record::Accepted { options, request, .. } = record else { return };
        self.members.counters.accepted += 1;
        let id = self.accept(session, number, kind, class, key, options, now, request);
        // Its key may be known, and its end with it.
        if let Some(outcome) = self.known_outcome(id) {
            self.finish(now, id, outcome);
        }
    }

    /// The outcome of a task whose key was known when it was accepted.
    pub(super) fn known_outcome(&self, id: u64) -> Option<Outcome> {
        let task = self.tasks.get(id).filter(|task| task.state == State::Follows)?;
        match self.keys.get(&task.key?)? {
            Keyed::Outcome(outcome) => Some(outcome.clone()),
            Keyed::Task(leader) => match &self.tasks.get(*leader)?.state {
                State::Finished(outcome) => Some(outcome.clone()),
                _ => None,
            },
        }
    }

    /// Takes a task in; the same when it is asked for and when the log is read.
    #[expect(clippy::too_many_arguments, reason = "they are what an `Accepted` record has")]
    pub(super) fn accept(
        &mut self,
        session: u32,
        number: u64,
        kind: u16,
        class: u16,
        key: Option<Uuid>,
        options: Option<TaskOptions>,
        at: Time,
        request: Vec<u8>,
    ) -> u64 {
        let follows = key.is_some_and(|key| self.keys.contains_key(&key));
        let id = self.tasks.insert(Task {
            session,
            number,
            kind,
            class,
            key,
            options: options.map(Box::new),
            request: if follows { Vec::new() } else { request },
            accepted: at,
            order: 0,
            state: if follows { State::Follows } else { State::Waiting },
            attempt: 0,
            failures: 0,
            deaths: 0,
            suspected: false,
            started: false,
            ever_started: false,
            beat: at,
            followers: Vec::new(),
        });
        if let Some(session) = self.sessions.get_mut(&session) {
            session.tasks.insert(number, id);
        }
        match key.map(|key| (key, self.keys.get(&key))) {
            Some((_, Some(&Keyed::Task(leader)))) => {
                if let Some(leader) = self.tasks.get_mut(leader) {
                    leader.followers.push(id);
                }
            }
            Some((key, None)) => {
                self.keys.insert(key, Keyed::Task(id));
            }
            _ => {}
        }
        if !follows {
            self.classes[usize::from(class)].queue.push_back(id);
            self.arm_deadlines(id);
        }
        id
    }

    /// The clocks that run from acceptance.
    fn arm_deadlines(&mut self, id: u64) {
        let Some(task) = self.tasks.get(id) else { return };
        let Some(options) = &task.options else { return };
        let (clocks, at) = (options.deadlines, task.accepted);
        if let Some(most) = clocks.schedule_to_start_ms {
            self.arm(after(at, most), id, Timer::ScheduleToStart);
        }
        if let Some(most) = clocks.schedule_to_close_ms {
            self.arm(after(at, most), id, Timer::ScheduleToClose);
        }
    }

    /// A client does not want a task any more.
    pub(super) fn cancel(&mut self, now: Time, from: Incarnation, number: u64) {
        let session = self.clients.get(&from).and_then(|session| self.sessions.get(session));
        let Some(&id) = session.and_then(|session| session.tasks.get(&number)) else { return };
        let Some(task) = self.tasks.get_mut(id) else { return };
        match task.state {
            State::Finished(_) => return,
            // Others want it too.
            State::Follows => {
                let leader = task.key.and_then(|key| self.keys.get(&key));
                if let Some(&Keyed::Task(leader)) = leader
                    && let Some(leader) = self.tasks.get_mut(leader)
                {
                    leader.followers.retain(|follower| *follower != id);
                }
            }
            _ if !task.followers.is_empty() => return,
            _ => self.revoke(now, id),
        }
        self.finish(now, id, Outcome::Cancelled);
    }

    /// A client has these results.
    pub(super) fn acknowledged(&mut self, session: u32, numbers: Vec<u64>) {
        let Some(state) = self.sessions.get(&session) else { return };
        let ended = |number: &u64| {
            let task = state.tasks.get(number).and_then(|&id| self.tasks.get(id));
            task.is_some_and(|task| matches!(task.state, State::Finished(_)))
        };
        let numbers: Vec<u64> = numbers.into_iter().filter(ended).collect();
        if numbers.is_empty() {
            return;
        }
        let record = Record::Acknowledged { session, numbers };
        self.write(&record);
        let Record::Acknowledged { numbers, .. } = record else { return };
        for number in numbers {
            self.forget_number(session, number);
        }
    }

    pub(super) fn forget_number(&mut self, session: u32, number: u64) {
        let state = self.sessions.get_mut(&session);
        if let Some(id) = state.and_then(|state| state.tasks.remove(&number)) {
            self.drop_task(id);
        }
    }

    /// Forgets a task that has ended; not its key.
    pub(super) fn drop_task(&mut self, id: u64) {
        let Some(task) = self.tasks.remove(id) else { return };
        if let Some(session) = self.sessions.get_mut(&task.session) {
            session.tasks.remove(&task.number);
            if session.forgotten && session.tasks.is_empty() {
                self.sessions.remove(&task.session);
            }
        }
        if let (Some(key), State::Finished(outcome)) = (task.key, task.state)
            && matches!(self.keys.get(&key), Some(Keyed::Task(leader)) if *leader == id)
        {
            self.remember(key, outcome);
        }
    }

    pub(super) fn remember(&mut self, key: Uuid, outcome: Outcome) {
        self.keys.insert(key, Keyed::Outcome(outcome));
        self.remembered.push_back(key);
        if self.remembered.len() > MOST_REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.keys.remove(&oldest);
        }
    }

    /// The node of a client is gone; the client may come back as another incarnation.
    pub(super) fn client_gone(&mut self, now: Time, node: Incarnation, left: bool) {
        let Some(number) = self.clients.remove(&node) else { return };
        let Some(session) = self.sessions.get_mut(&number) else { return };
        session.attached = None;
        session.gone = Some(now);
        if left {
            self.forget(number);
        }
    }

    /// A client does not come back. What it has asked for is done; nobody keeps the results.
    pub(super) fn forget(&mut self, number: u32) {
        self.write(&Record::Forgotten { session: number });
        self.apply_forgotten(number);
        self.actions.push_back(Action::Forgotten);
    }

    pub(super) fn apply_forgotten(&mut self, number: u32) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        session.forgotten = true;
        let all: Vec<_> = session.tasks.values().copied().collect();
        if all.is_empty() {
            self.sessions.remove(&number);
        }
        for id in all {
            let ended = self.tasks.get(id).map(|task| matches!(task.state, State::Finished(_)));
            if ended == Some(true) {
                self.drop_task(id);
            }
        }
    }
}
