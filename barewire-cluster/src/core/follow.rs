//! Which manager a worker or client follows.

use barewire_runtime::layout::Uuid;

use super::Time;
use super::members::{Change, Members};
use crate::wire::{Alive, Incarnation, Role};

/// Whether somebody else is followed from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    AsBefore,
    New,
}

/// The manager that is followed: the first one, until it is gone or has a successor, which is one
/// with a higher epoch of the same log.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    manager: Option<(Incarnation, Uuid, u64)>,
}

impl Follower {
    pub(crate) fn manager(&self) -> Option<Incarnation> {
        self.manager.map(|(incarnation, ..)| incarnation)
    }

    /// A node has said that it lives.
    pub(crate) fn meet(
        &mut self,
        now: Time,
        members: &mut Members,
        from: Incarnation,
        alive: &Alive,
    ) -> Followed {
        // A manager without an epoch has not read its log yet.
        if alive.role != Role::Manager || alive.epoch == 0 {
            return Followed::AsBefore;
        }
        if let Some((known, log, epoch)) = self.manager {
            let successor = alive.log == log && alive.epoch > epoch;
            if known == from || !(successor || members.seems_dead(now, known)) {
                return Followed::AsBefore;
            }
            if alive.log == log && alive.epoch <= epoch {
                return Followed::AsBefore;
            }
            members.bury(known, Change::Dead);
        }
        self.manager = Some((from, alive.log, alive.epoch));
        (members.epoch, members.log) = (alive.epoch, alive.log);
        members.searching = false;
        Followed::New
    }

    /// A node is gone for good.
    pub(crate) fn gone(&mut self, members: &mut Members, node: Incarnation) {
        if self.manager() == Some(node) {
            self.manager = None;
            members.searching = true;
            members.beat_now();
        }
    }
}
