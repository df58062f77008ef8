//! The manager's part: its state machine and its log.

use std::sync::Arc;

use super::driver::{Flow, Part};
use super::shared::{Notice, Shared};
use crate::core::manager::{Action, Manager};
use crate::core::members::Members;
use crate::core::{Sink, Time};
use crate::error::ClusterError;
use crate::log::Log;
use crate::wire::{Incarnation, Message, Refusal};

/// A manager on its thread.
pub(super) struct ManagerPart {
    pub(super) core: Manager,
    pub(super) log: Log,
    pub(super) shared: Arc<Shared>,
    /// Until when all others are to have heard that the cluster ends.
    pub(super) ends: Option<Time>,
}

/// How long a manager waits for that, in microseconds.
const LINGER: Time = 1_000_000;

impl Part for ManagerPart {
    fn members(&mut self) -> &mut Members {
        &mut self.core.members
    }

    fn receive(&mut self, now: Time, octets: &[u8]) {
        self.core.receive(now, octets);
    }

    fn lost(&mut self, now: Time, node: Incarnation) {
        self.core.lost(now, node);
    }

    fn tick(&mut self, now: Time) {
        self.core.tick(now);
    }

    fn turn(&mut self, now: Time) -> Result<Flow, ClusterError> {
        self.core.turn(now);
        let (records, _) = self.core.take_records();
        self.log.append(&records)?;
        if self.log.has_grown() {
            let core = &self.core;
            self.log.rewrite(|write| core.snapshot(write))?;
        }
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Begun => {
                    // An epoch is never given twice, whatever the durability.
                    self.log.sync()?;
                    let epoch = self.core.epoch();
                    self.shared.set_counters(self.core.members.counters, epoch);
                    self.shared.tell(&Notice::Begun { epoch });
                    self.shared.set_ready(true);
                }
                Action::Finished | Action::Forgotten => {}
                Action::Noticed(node, alive, change) => self.shared.noticed(node, alive, change),
                Action::Refused(Refusal::OtherManager { name, incarnation, epoch }) => {
                    let who = format!("{name:?}, {incarnation}, epoch {epoch}");
                    return Err(ClusterError::SecondManager(who));
                }
                Action::Refused(Refusal::TooManyNodes) => {
                    let reason = "the cluster has too many nodes".to_owned();
                    return Err(ClusterError::Ended(reason));
                }
                Action::SecondManager(node, alive) => {
                    tracing::warn!(name = %alive.name, %node, "there is a second manager");
                    self.shared.tell(&Notice::SecondManager(alive.name));
                }
                Action::Shutdown => {
                    self.core.members.say_all(&Message::Shutdown);
                    self.ends.get_or_insert(now + LINGER);
                }
            }
        }
        let ends = self.ends.is_some_and(|ends| now >= ends || self.core.members.is_all_said());
        Ok(if ends { Flow::End } else { Flow::On })
    }

    fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool {
        self.core.flush(now, send)
    }

    fn deadline(&self) -> Time {
        self.core.deadline()
    }

    fn is_called(&self) -> bool {
        false
    }

    fn epoch(&self) -> u64 {
        self.core.epoch()
    }

    fn tasks(&self) -> usize {
        self.core.tasks()
    }

    fn close(&mut self) {}
}
