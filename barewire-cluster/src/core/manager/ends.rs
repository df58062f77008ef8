//! How attempts and tasks end: results, failures, deadlines, deaths.

use super::table::State;
use super::{Action, Manager, Timer};
use crate::core::Time;
use crate::core::manager::record::Record;
use crate::wire::{Clock, Dispatch, Incarnation, Message, Outcome, Progress, Retry};

impl Manager {
    /// Whether a worker may speak of an attempt: it is the last one of the task, in this epoch, and
    /// this worker has it. All else is stale.
    fn is_current(&self, from: Incarnation, dispatch: Dispatch) -> bool {
        let Some(task) = self.tasks.get(dispatch.task) else { return false };
        let State::Held { worker, .. } = task.state else { return false };
        worker == from
            && (self.omits(Rule::Epoch) || dispatch.epoch == self.epoch)
            && (self.omits(Rule::Attempt) || dispatch.attempt == task.attempt)
    }

    /// An attempt has ended.
    pub(super) fn completed(
        &mut self,
        now: Time,
        from: Incarnation,
        dispatch: Dispatch,
        outcome: Outcome,
    ) {
        if let Some(worker) = self.workers.get_mut(&from) {
            worker.revoked.remove(&dispatch);
        }
        if !self.is_current(from, dispatch) {
            self.members.counters.stale += 1;
            return;
        }
        let id = dispatch.task;
        self.let_go(id);
        match outcome {
            Outcome::Failed { reason, retry: true } => {
                self.failed(now, id, Outcome::Failed { reason, retry: true });
            }
            // Nobody has asked for that, so it was not done.
            Outcome::Cancelled => self.requeue(id),
            outcome => self.finish(now, id, outcome),
        }
    }

    /// An attempt has failed: again, or that was the last.
    fn failed(&mut self, now: Time, id: u64, outcome: Outcome) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.failures += 1;
        let retry = task.options.as_ref().map(|options| options.retry).unwrap_or_default();
        if task.failures >= retry.attempts {
            return self.finish(now, id, outcome);
        }
        task.state = State::Resting;
        let failures = task.failures;
        self.count(id);
        let pause = self.pause(&retry, failures);
        self.arm(now + pause, id, Timer::Retry);
    }

    /// How long to wait after so many failures, in microseconds.
    fn pause(&mut self, retry: &Retry, failures: u32) -> Time {
        let doublings = failures.saturating_sub(1).min(32);
        let longest = retry.longest_ms.min(u64::MAX / 2000);
        let pause = (retry.first_ms.min(longest) << doublings.min(20)).min(longest) * 1000;
        let most = pause / 100 * u64::from(retry.jitter_percent.min(100));
        pause - self.random.below(most + 1)
    }

    /// A worker has died while it did the task; true if the task is set aside for that.
    pub(super) fn blame(&mut self, now: Time, id: u64) -> bool {
        let Some(task) = self.tasks.get_mut(id) else { return false };
        task.deaths += 1;
        let workers = task.deaths;
        let retry = task.options.as_ref().map(|options| options.retry).unwrap_or_default();
        self.count(id);
        let poisoned = workers >= retry.poison_limit;
        if poisoned {
            self.revoke(now, id);
            self.finish(now, id, Outcome::Poisoned { workers });
        }
        poisoned
    }

    pub(super) fn started(&mut self, now: Time, from: Incarnation, dispatch: Dispatch) {
        if !self.is_current(from, dispatch) {
            return;
        }
        let id = dispatch.task;
        let Some(task) = self.tasks.get_mut(id) else { return };
        task.started = true;
        task.beat = now;
        let first = !std::mem::replace(&mut task.ever_started, true);
        let clocks = task.options.as_ref().map(|options| options.deadlines).unwrap_or_default();
        if first && clocks.schedule_to_start_ms.is_some() {
            self.count(id);
        }
        if let Some(most) = clocks.start_to_close_ms {
            self.arm(after(now, most), id, Timer::StartToClose(dispatch.attempt));
        }
        if let Some(most) = clocks.heartbeat_ms {
            self.arm(after(now, most), id, Timer::Heartbeat(dispatch.attempt));
        }
    }

    pub(super) fn progress(
        &mut self,
        now: Time,
        from: Incarnation,
        dispatch: Dispatch,
        progress: Progress,
    ) {
        if !self.is_current(from, dispatch) {
            return;
        }
        let Some(task) = self.tasks.get_mut(dispatch.task) else { return };
        task.beat = now;
        let number = task.number;
        let session = self.sessions.get(&task.session);
        if let Some(client) = session.and_then(|session| session.attached) {
            let message = Message::Progressed { number, progress };
            self.members.say_once(now, client, &message);
        }
    }

    /// A timer has run out; it may mean nothing any more.
    pub(super) fn ring(&mut self, now: Time, id: u64, timer: Timer) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        if matches!(task.state, State::Finished(_) | State::Follows) {
            return;
        }
        let held = matches!(task.state, State::Held { .. });
        let clocks = task.options.as_ref().map(|options| options.deadlines).unwrap_or_default();
        match timer {
            Timer::Retry => {
                if task.state == State::Resting {
                    task.state = State::Waiting;
                    self.classes[usize::from(task.class)].queue.push_back(id);
                }
            }
            Timer::ScheduleToStart => {
                if !task.ever_started {
                    self.late(now, id, Clock::ScheduleToStart);
                }
            }
            Timer::ScheduleToClose => self.late(now, id, Clock::ScheduleToClose),
            Timer::StartToClose(attempt) => {
                if held && task.attempt == attempt {
                    self.revoke(now, id);
                    self.failed(now, id, Outcome::Late(Clock::StartToClose));
                }
            }
            Timer::Heartbeat(attempt) => {
                let due = after(task.beat, clocks.heartbeat_ms.unwrap_or_default());
                if !held || task.attempt != attempt {
                } else if now < due {
                    self.arm(due, id, Timer::Heartbeat(attempt));
                } else {
                    self.revoke(now, id);
                    self.failed(now, id, Outcome::Late(Clock::Heartbeat));
                }
            }
        }
    }

    fn late(&mut self, now: Time, id: u64, clock: Clock) {
        self.revoke(now, id);
        self.finish(now, id, Outcome::Late(clock));
    }

    /// The task has come to its end: that is written down, and its client is told.
    pub(super) fn finish(&mut self, now: Time, id: u64, outcome: Outcome) {
        let Some(task) = self.tasks.get_mut(id) else { return };
        let (session, number, attempts) = (task.session, task.number, task.attempt);
        task.request = Vec::new();
        let followers = std::mem::take(&mut task.followers);
        for follower in followers {
            self.finish(now, follower, outcome.clone());
        }
        self.members.counters.finished += 1;
        // Encoded twice, and kept.
        let record = Record::Finished { session, number, attempts, outcome };
        self.write(&record);
        let Record::Finished { outcome, .. } = record else { return };
        self.actions.push_back(Action::Finished);
        let state = self.sessions.get(&session);
        let kept = state.is_some_and(|session| !session.forgotten);
        let outcome = match state.and_then(|session| session.attached) {
            Some(client) => {
                let message = Message::Finished { number, attempts, outcome };
                self.members.say(now, client, &message);
                let Message::Finished { outcome, .. } = message else { return };
                outcome
            }
            None => outcome,
        };
        if let Some(task) = self.tasks.get_mut(id) {
            task.state = State::Finished(outcome);
        }
        if !kept {
            self.drop_task(id);
        }
    }

    /// Writes down what a task has been through.
    pub(super) fn count(&mut self, id: u64) {
        let Some(task) = self.tasks.get(id) else { return };
        let record = Record::Counted {
            session: task.session,
            number: task.number,
            failures: task.failures,
            deaths: task.deaths,
            started: task.ever_started,
        };
        self.write(&record);
    }
}

/// So many milliseconds after a time.
pub(super) fn after(time: Time, ms: u64) -> Time {
    time.saturating_add(ms.saturating_mul(1000))
}

/// A rule that makes a result stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Epoch,
    Attempt,
    /// That a task which is asked for again is known.
    Known,
}
