//! From the log to a manager and back.

use super::Manager;
use super::clients::Keyed;
use super::record::Record;
use super::table::State;
use crate::core::Time;

impl Manager {
    /// Takes one record of the log in, in the order in which they were written.
    pub(crate) fn replay(&mut self, record: Record) {
        match record {
            Record::Begun { epoch, log } => {
                self.epoch = self.epoch.max(epoch);
                self.log = log;
            }
            Record::Kind { kind, declaration } => {
                if usize::from(kind) == self.kinds.len() {
                    self.kinds.push(declaration);
                }
            }
            Record::Session { session, id } => self.add_session(session, id),
            Record::Accepted { session, number, kind, key, options, at, request } => {
                let labels = options.as_ref().map_or(&[][..], |options| &options.labels);
                let Some(class) = self.class(kind, labels) else { return };
                self.accept(session, number, kind, class, key, options, at, request);
            }
            Record::Counted { session, number, failures, deaths, started } => {
                if let Some(task) = self.numbered(session, number)
                    && let Some(task) = self.tasks.get_mut(task)
                {
                    (task.failures, task.deaths, task.ever_started) = (failures, deaths, started);
                    task.suspected = deaths > 0;
                }
            }
            Record::Finished { session, number, attempts, outcome } => {
                if let Some(id) = self.numbered(session, number)
                    && let Some(task) = self.tasks.get_mut(id)
                {
                    task.request = Vec::new();
                    // A follower that is finished later has its own record.
                    task.followers = Vec::new();
                    task.attempt = attempts;
                    task.state = State::Finished(outcome);
                    let forgotten = self.sessions.get(&session).is_none_or(|one| one.forgotten);
                    if forgotten {
                        self.drop_task(id);
                    }
                }
            }
            Record::Acknowledged { session, numbers } => {
                for number in numbers {
                    self.forget_number(session, number);
                }
            }
            Record::Forgotten { session } => self.apply_forgotten(session),
            Record::Remembered { key, outcome } => self.remember(key, outcome),
        }
    }

    fn numbered(&self, session: u32, number: u64) -> Option<u64> {
        self.sessions.get(&session)?.tasks.get(&number).copied()
    }

    /// Begins to work with what the log said: as the next epoch.
    pub(super) fn recovered(&mut self, now: Time) {
        for session in self.sessions.values_mut() {
            session.gone = Some(now);
        }
        let all: Vec<_> = self.tasks.in_order().into_iter().map(|(id, _)| id).collect();
        for id in all {
            // Its leader was finished, and the manager killed, before this was said of it as well.
            if let Some(outcome) = self.known_outcome(id) {
                self.finish(now, id, outcome);
                continue;
            }
            if let Some(task) = self.tasks.get_mut(id)
                && !matches!(task.state, State::Finished(_) | State::Follows)
            {
                // Attempts begin anew: with the epoch, no two dispatches are alike.
                task.state = State::Waiting;
            }
        }
    }

    /// Gives all that a log must say for the manager to be as it is now.
    pub(crate) fn snapshot(&self, write: &mut dyn FnMut(&Record)) {
        write(&Record::Begun { epoch: self.epoch, log: self.log });
        for (kind, declaration) in self.kinds.iter().enumerate() {
            write(&Record::Kind { kind: kind as u16, declaration: declaration.clone() });
        }
        for (&session, state) in &self.sessions {
            write(&Record::Session { session, id: state.id });
        }
        for &key in &self.remembered {
            if let Some(Keyed::Outcome(outcome)) = self.keys.get(&key) {
                write(&Record::Remembered { key, outcome: outcome.clone() });
            }
        }
        for (_, task) in self.tasks.in_order() {
            let (session, number) = (task.session, task.number);
            write(&Record::Accepted {
                session,
                number,
                kind: task.kind,
                key: task.key,
                options: task.options.as_deref().cloned(),
                at: task.accepted,
                request: task.request.clone(),
            });
            if task.failures > 0 || task.deaths > 0 || task.ever_started {
                let (failures, deaths) = (task.failures, task.deaths);
                let started = task.ever_started;
                write(&Record::Counted { session, number, failures, deaths, started });
            }
            if let State::Finished(outcome) = &task.state {
                let (attempts, outcome) = (task.attempt, outcome.clone());
                write(&Record::Finished { session, number, attempts, outcome });
            }
        }
        for (&session, state) in &self.sessions {
            if state.forgotten {
                write(&Record::Forgotten { session });
            }
        }
    }
}
