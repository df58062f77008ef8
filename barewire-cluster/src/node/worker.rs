//! The worker's part: its state machine and its threads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::driver::{Flow, Part};
use super::pool::{Gate, Job, Pool, Report};
use super::shared::{Notice, Shared};
use crate::core::members::{Change, Members};
use crate::core::worker::{Action, Worker};
use crate::core::{Sink, Time};
use crate::error::ClusterError;
use crate::wire::{Declaration, Declared, Dispatch, Incarnation, Refusal};

/// A worker on its thread.
pub(super) struct WorkerPart {
    pub(super) core: Worker,
    pub(super) declarations: Vec<Declaration>,
    pub(super) accepted: Vec<bool>,
    pub(super) pool: Pool,
    pub(super) shared: Arc<Shared>,
    pub(super) drains: Arc<AtomicBool>,
    pub(super) revoked: HashMap<Dispatch, Arc<AtomicBool>>,
    pub(super) jobs: Vec<Job>,
    pub(super) reports: Vec<Report>,
    /// Open when what they wait for was sent.
    pub(super) gates: Vec<Arc<Gate>>,
}

impl WorkerPart {
    fn reports(&mut self, now: Time) {
        self.pool.out().take(&mut self.reports);
        for report in self.reports.drain(..) {
            match report {
                Report::Starts(dispatch, gate) => {
                    self.core.started(now, dispatch);
                    self.gates.push(gate);
                }
                Report::Progress(dispatch, progress) => self.core.progress(now, dispatch, progress),
                Report::Ends(dispatch, outcome) => {
                    self.revoked.remove(&dispatch);
                    self.core.completed(now, dispatch, outcome);
                }
            }
        }
    }

    /// The same worker as another incarnation; its threads go on.
    fn reborn(&mut self) -> Result<Flow, ClusterError> {
        let incarnation = super::fresh()?;
        let old = self.core.members.me.incarnation;
        tracing::warn!(%old, new = %incarnation, "a worker was taken for dead");
        self.shared.tell(&Notice::Fenced(old));
        self.core.reborn(incarnation);
        for revoked in self.revoked.values() {
            revoked.store(true, Ordering::Relaxed);
        }
        Ok(Flow::Reborn(incarnation))
    }
}

impl Part for WorkerPart {
    fn members(&mut self) -> &mut Members {
        &mut self.core.members
    }

    fn receive(&mut self, now: Time, octets: &[u8]) {
        self.core.receive(now, octets);
    }

    fn lost(&mut self, _: Time, node: Incarnation) {
        self.core.lost(node);
    }

    fn tick(&mut self, now: Time) {
        self.core.tick(now);
    }

    fn turn(&mut self, now: Time) -> Result<Flow, ClusterError> {
        self.reports(now);
        if self.drains.swap(false, Ordering::AcqRel) {
            self.core.drain(now);
        }
        let mut flow = Flow::On;
        while let Some(action) = self.core.next_action() {
            match action {
                Action::Run { dispatch, kind, announce, request } => {
                    let revoked = Arc::new(AtomicBool::new(false));
                    self.revoked.insert(dispatch, revoked.clone());
                    self.jobs.push(Job { dispatch, kind, announce, request, revoked });
                }
                Action::Revoke(dispatch) => {
                    if let Some(revoked) = self.revoked.get(&dispatch) {
                        revoked.store(true, Ordering::Relaxed);
                    }
                }
                Action::Declared { index, verdict: Declared::Mismatch { difference } } => {
                    let kind = self.declarations.get(usize::from(index));
                    let task = kind.map_or(String::new(), |kind| kind.name.clone());
                    return Err(ClusterError::SchemaMismatch { task, difference });
                }
                Action::Declared { index, .. } => {
                    if let Some(accepted) = self.accepted.get_mut(usize::from(index)) {
                        *accepted = true;
                    }
                    if self.accepted.iter().all(|accepted| *accepted) {
                        self.shared.set_ready(true);
                    }
                }
                Action::Noticed(node, alive, change) => {
                    if matches!(change, Change::Dead | Change::Left)
                        && self.core.manager().is_none()
                    {
                        self.shared.set_ready(false);
                    }
                    self.shared.noticed(node, alive, change);
                }
                Action::Fenced => return self.reborn(),
                Action::Refused(Refusal::TooManyNodes) => {
                    let reason = "the cluster has too many nodes".to_owned();
                    return Err(ClusterError::Ended(reason));
                }
                Action::Refused(Refusal::OtherManager { .. }) => {}
                Action::Drained | Action::Shutdown => flow = Flow::End,
            }
        }
        self.pool.give(&mut self.jobs);
        Ok(flow)
    }

    fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool {
        let all = self.core.flush(now, send);
        // If there was no room, the manager may not know in time, and that is all.
        self.gates.drain(..).for_each(|gate| gate.open());
        all
    }

    fn deadline(&self) -> Time {
        self.core.deadline()
    }

    fn is_called(&self) -> bool {
        !self.pool.out().is_empty() || self.drains.load(Ordering::Acquire)
    }

    fn tasks(&self) -> usize {
        self.revoked.len()
    }

    fn close(&mut self) {
        for revoked in self.revoked.values() {
            revoked.store(true, Ordering::Relaxed);
        }
        self.gates.drain(..).for_each(|gate| gate.open());
        self.pool.stop();
    }
}
