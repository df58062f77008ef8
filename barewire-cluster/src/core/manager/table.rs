//! Tasks, found by a number that is never given twice in an epoch.

use std::collections::BTreeSet;

use barewire_runtime::layout::Uuid;

use crate::core::Time;
use crate::wire::{Incarnation, Outcome, TaskOptions};

/// Where a task is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for a worker.
    Waiting,
    /// Waits until it may be tried again.
    Resting,
    /// A worker has it; `place` is where it stands among those of the worker.
    Held { worker: Incarnation, place: usize },
    /// Another one with the same key is done in its stead.
    Follows,
    /// It has ended, and its client has not acknowledged that.
    Finished(Outcome),
}

/// A task, from acceptance to acknowledgement.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) session: u32,
    pub(super) number: u64,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) key: Option<Uuid>,
    pub(super) options: Option<Box<TaskOptions>>,
    pub(super) request: Vec<u8>,
    pub(super) accepted: Time,
    /// Where it stands in the order of acceptance.
    pub(super) order: u64,
    pub(super) state: State,
    /// The last attempt.
    pub(super) attempt: u32,
    /// How many have failed, and during how many a worker has died.
    pub(super) failures: u32,
    pub(super) deaths: u32,
    /// Whether a worker has died that had it: from then on its starts are announced.
    pub(super) suspected: bool,
    /// Whether the present attempt has started, as far as that is announced.
    pub(super) started: bool,
    pub(super) ever_started: bool,
    /// When progress was heard of last.
    pub(super) beat: Time,
    /// Those with the same key that get its result.
    pub(super) followers: Vec<u64>,
}

#[derive(Debug, Default)]
struct Slot {
    life: u32,
    task: Option<Task>,
}

/// All tasks. A task's number is its slot and the slot's life.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    accepted: u64,
}

impl Table {
    pub(super) fn insert(&mut self, mut task: Task) -> u64 {
        task.order = self.accepted;
        self.accepted += 1;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.task = Some(task);
        u64::from(slot.life) << 32 | u64::from(index)
    }

    pub(super) fn get(&self, id: u64) -> Option<&Task> {
        let slot = self.slots.get(id as u32 as usize)?;
        slot.task.as_ref().filter(|_| slot.life == (id >> 32) as u32)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Task> {
        let slot = self.slots.get_mut(id as u32 as usize)?;
        slot.task.as_mut().filter(|_| slot.life == (id >> 32) as u32)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Task> {
        let slot = self.slots.get_mut(id as u32 as usize)?;
        if slot.life != (id >> 32) as u32 {
            return None;
        }
        let task = slot.task.take()?;
        slot.life = slot.life.wrapping_add(1);
        self.free.push(id as u32);
        Some(task)
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// All tasks in the order in which they were accepted.
    pub(super) fn in_order(&self) -> Vec<(u64, &Task)> {
        let slots = self.slots.iter().enumerate();
        let mut all: Vec<_> = slots
            .filter_map(|(index, slot)| {
                let id = u64::from(slot.life) << 32 | index as u64;
                slot.task.as_ref().map(|task| (id, task))
            })
            .collect();
        all.sort_unstable_by_key(|(_, task)| task.order);
        all
    }
}

/// Whether a worker has all that a task asks for.
pub(super) fn has_labels(offered: &BTreeSet<String>, wanted: &[String]) -> bool {
    wanted.iter().all(|label| offered.contains(label))
}
