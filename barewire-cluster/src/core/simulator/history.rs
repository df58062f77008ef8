//! What has happened in a simulated cluster, and whether it may have.

use std::collections::{BTreeMap, BTreeSet};

use barewire_runtime::layout::Uuid;

use crate::core::manager::record::Record;
use crate::wire::{Clock, Incarnation, Outcome};

/// What a simulated task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    Ordinary,
    /// Fails so many times, and then succeeds.
    FailsFirst(u8),
    /// Fails each time.
    FailsAlways,
    /// Kills its worker each time.
    Kills,
    /// Is given up by its client, perhaps too late.
    Cancelled,
    /// Takes longer than it may, at first.
    SlowAtFirst,
    /// Reports no progress, at first.
    SilentAtFirst,
    /// No worker has what it asks for.
    Impossible,
}

/// A task that a client has asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) value: u64,
    pub(super) nature: Nature,
    pub(super) cancelled: bool,
    pub(super) delivered: Option<Outcome>,
    /// Its client was killed, and nobody waits for it.
    pub(super) orphan: bool,
}

/// Everything that is checked.
#[derive(Debug, Default)]
pub(super) struct History {
    sessions: BTreeMap<u32, Uuid>,
    accepted: BTreeMap<(Uuid, u64), u64>,
    results: BTreeMap<(Uuid, u64), Outcome>,
    pub(super) asked: BTreeMap<(Uuid, u64), Asked>,
    /// Which client has asked that which worker be let go.
    pub(super) drains: BTreeSet<(Uuid, Incarnation)>,
    pub(super) executions: u64,
    pub(super) faults: Vec<String>,
}

/// What an attempt at a task of that value yields.
pub(super) fn answer(value: u64, attempt: u32) -> Vec<u8> {
    let value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5555;
    [&value.to_le_bytes()[..], &attempt.to_le_bytes()].concat()
}

/// Whether that is an answer, and that of the last attempt, if there was one.
fn is_answer(octets: &[u8], value: u64, attempts: u32) -> bool {
    let right = answer(value, attempts);
    // What is done in another's stead was attempted for that one.
    if attempts == 0 { octets.len() == 12 && octets[..8] == right[..8] } else { octets == right }
}

impl History {
    /// Records are in the log for good. `begun` says how often each was begun.
    pub(super) fn written(&mut self, records: Vec<Record>, begun: &BTreeMap<u64, u8>) {
        for record in records {
            match record {
                Record::Session { session, id } => {
                    self.sessions.insert(session, id);
                }
                Record::Accepted { session, number, .. } => {
                    let Some(&id) = self.sessions.get(&session) else { continue };
                    let times = self.accepted.entry((id, number)).or_default();
                    *times += 1;
                    if *times > 1 {
                        self.faults.push(format!("task {number} of {session} accepted twice"));
                    }
                }
                Record::Finished { session, number, attempts, outcome } => {
                    let Some(&id) = self.sessions.get(&session) else { continue };
                    if let Some(first) = self.results.insert((id, number), outcome.clone()) {
                        let fault = format!("task {number}: {first:?}, and then {outcome:?}");
                        self.faults.push(fault);
                    }
                    self.check_result((id, number), attempts, &outcome, begun);
                }
                _ => {}
            }
        }
    }

    fn check_result(
        &mut self,
        task: (Uuid, u64),
        attempts: u32,
        outcome: &Outcome,
        begun: &BTreeMap<u64, u8>,
    ) {
        let Some(asked) = self.asked.get(&task) else {
            self.faults.push(format!("a result of a task that nobody asked for: {task:?}"));
            return;
        };
        let legal = match outcome {
            Outcome::Done(octets) => is_answer(octets, asked.value, attempts),
            Outcome::Failed { .. } => asked.nature == Nature::FailsAlways,
            Outcome::Cancelled => asked.cancelled,
            Outcome::Late(Clock::ScheduleToStart) => asked.nature == Nature::Impossible,
            // A paused worker can make any attempt late.
            Outcome::Late(_) => {
                matches!(asked.nature, Nature::SlowAtFirst | Nature::SilentAtFirst)
            }
            // A worker that is taken for dead is blamed on what it was doing, as far as is known.
            Outcome::Poisoned { workers } => {
                begun.get(&asked.value).is_some_and(|times| *workers <= u32::from(*times))
            }
            Outcome::Rejected { .. } => false,
        };
        if !legal {
            self.faults.push(format!("task {} is {:?}, and {outcome:?}", task.1, asked.nature));
        }
    }

    /// A client has a result.
    pub(super) fn delivered(&mut self, session: Uuid, number: u64, outcome: Outcome) {
        if self.results.get(&(session, number)) != Some(&outcome) {
            self.faults.push(format!("task {number}: {outcome:?} was not accepted before"));
        }
        let Some(asked) = self.asked.get_mut(&(session, number)) else {
            self.faults.push(format!("a result for nobody: {number}"));
            return;
        };
        if asked.delivered.replace(outcome).is_some() {
            self.faults.push(format!("task {number} was delivered twice"));
        }
    }

    /// How many tasks still wait for their result.
    pub(super) fn open(&self) -> usize {
        let waits = |asked: &&Asked| asked.delivered.is_none() && !asked.orphan;
        self.asked.values().filter(waits).count()
    }
}
