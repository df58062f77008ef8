//! The client's part, and the desk at which its users leave what they want.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use barewire_runtime::layout::Uuid;

use super::driver::{Flow, Part};
use super::pending::Cell;
use super::shared::{Notice, Shared, lock};
use crate::core::client::{Action, Client};
use crate::core::members::Members;
use crate::core::{Sink, Time};
use crate::error::{ClusterError, TaskError};
use crate::wire::{Declaration, Declared, Incarnation, Refusal, TaskOptions};

/// What a user wants of a client's thread.
enum Wish {
    Task {
        kind: u16,
        key: Option<Uuid>,
        options: Option<TaskOptions>,
        request: Vec<u8>,
        cell: Arc<Cell>,
    },
    Cancel(Arc<Cell>),
    Declare(Declaration),
    Drain(Incarnation),
    Shutdown,
}

#[derive(Default)]
struct Papers {
    wishes: Vec<Wish>,
    unfinished: usize,
    kinds: Vec<(Declaration, Option<Declared>)>,
    closed: bool,
}

/// Where users leave what they want, and the client's thread finds it.
pub(super) struct Desk {
    papers: Mutex<Papers>,
    changed: Condvar,
    /// How many tasks may be unfinished at once.
    window: usize,
    pub(super) shared: Arc<Shared>,
}

impl Desk {
    pub(super) fn new(window: usize, shared: Arc<Shared>) -> Self {
        Self { papers: Mutex::default(), changed: Condvar::new(), window, shared }
    }

    fn leave(&self, wish: Wish) {
        lock(&self.papers).wishes.push(wish);
        self.shared.bell.ring();
    }

    /// Leaves a task; waits while too many are unfinished.
    pub(super) fn submit(
        &self,
        kind: u16,
        key: Option<Uuid>,
        options: Option<TaskOptions>,
        request: Vec<u8>,
    ) -> Arc<Cell> {
        let cell = Arc::new(Cell::default());
        let mut papers = lock(&self.papers);
        while papers.unfinished >= self.window && !papers.closed {
            papers = self.changed.wait(papers).unwrap_or_else(PoisonError::into_inner);
        }
        if papers.closed {
            cell.end(Err(TaskError::Ended), 0);
            return cell;
        }
        papers.unfinished += 1;
        papers.wishes.push(Wish::Task { kind, key, options, request, cell: cell.clone() });
        drop(papers);
        self.shared.bell.ring();
        cell
    }

    pub(super) fn cancel(&self, cell: &Arc<Cell>) {
        self.leave(Wish::Cancel(cell.clone()));
    }

    pub(super) fn drain(&self, worker: Incarnation) {
        self.leave(Wish::Drain(worker));
    }

    pub(super) fn shutdown(&self) {
        self.leave(Wish::Shutdown);
    }

    /// Makes a kind of tasks known, and waits until the manager has taken it; its number.
    pub(super) fn declare(
        &self,
        mut declaration: Declaration,
        patience: Duration,
    ) -> Result<u16, ClusterError> {
        let deadline = Instant::now().checked_add(patience);
        let mut papers = lock(&self.papers);
        let same = |known: &(Declaration, Option<Declared>)| {
            known.0.name == declaration.name && known.0.wire == declaration.wire
        };
        let index = papers.kinds.iter().position(same).unwrap_or_else(|| {
            declaration.index = papers.kinds.len() as u16;
            papers.kinds.push((declaration.clone(), None));
            papers.wishes.push(Wish::Declare(declaration.clone()));
            self.shared.bell.ring();
            papers.kinds.len() - 1
        });
        loop {
            match papers.kinds.get(index).map(|kind| &kind.1) {
                Some(Some(Declared::Accepted { .. })) => return Ok(index as u16),
                Some(Some(Declared::Mismatch { difference })) => {
                    let (task, difference) = (declaration.name, difference.clone());
                    return Err(ClusterError::SchemaMismatch { task, difference });
                }
                _ => {}
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.unwrap_or(Duration::from_secs(3600));
            if papers.closed {
                return Err(ClusterError::Ended("it was stopped".to_owned()));
            }
            if left.is_zero() {
                let what = format!("no manager has taken the tasks {:?}", declaration.name);
                return Err(ClusterError::TimedOut(what));
            }
            let waited = self.changed.wait_timeout(papers, left);
            papers = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn is_empty(&self) -> bool {
        lock(&self.papers).wishes.is_empty()
    }
}

/// A client on its thread.
pub(super) struct ClientPart {
    /// Taken out only while it becomes another incarnation.
    core: Option<Client>,
    desk: Arc<Desk>,
    cells: HashMap<u64, Arc<Cell>>,
    wishes: Vec<Wish>,
}

impl ClientPart {
    pub(super) fn new(core: Client, desk: Arc<Desk>) -> Self {
        Self { core: Some(core), desk, cells: HashMap::new(), wishes: Vec::new() }
    }

    fn core(&mut self) -> &mut Client {
        self.core.as_mut().unwrap_or_else(|| unreachable!("it is put back at once"))
    }

    fn wishes(&mut self, now: Time) {
        std::mem::swap(&mut lock(&self.desk.papers).wishes, &mut self.wishes);
        let mut wishes = std::mem::take(&mut self.wishes);
        for wish in wishes.drain(..) {
            match wish {
                Wish::Task { kind, key, options, request, cell } => {
                    let number = self.core().submit(now, kind, key, options, request);
                    cell.set_number(number);
                    self.cells.insert(number, cell);
                }
                Wish::Cancel(cell) => {
                    if let Some(number) = cell.number() {
                        self.core().cancel(now, number);
                    }
                }
                Wish::Declare(declaration) => {
                    self.core().declare(now, declaration);
                }
                Wish::Drain(worker) => self.core().drain(now, worker),
                Wish::Shutdown => self.core().shutdown(now),
            }
        }
        self.wishes = wishes;
    }

    /// The same client as another incarnation; what it has asked for is still its own.
    fn reborn(&mut self) -> Result<Flow, ClusterError> {
        let incarnation = super::fresh()?;
        let old = self.core().members.me.incarnation;
        tracing::warn!(%old, new = %incarnation, "a client was taken for dead");
        self.desk.shared.tell(&Notice::Fenced(old));
        self.core = self.core.take().map(|core| core.reborn(incarnation));
        Ok(Flow::Reborn(incarnation))
    }
}

impl Part for ClientPart {
    fn tasks(&self) -> usize {
        lock(&self.desk.papers).unfinished
    }

    fn members(&mut self) -> &mut Members {
        &mut self.core().members
    }

    fn receive(&mut self, now: Time, octets: &[u8]) {
        self.core().receive(now, octets);
    }

    fn lost(&mut self, _: Time, node: Incarnation) {
        self.core().lost(node);
    }

    fn tick(&mut self, now: Time) {
        self.core().tick(now);
    }

    fn turn(&mut self, now: Time) -> Result<Flow, ClusterError> {
        self.wishes(now);
        let (mut ended, mut flow) = (0, Flow::On);
        while let Some(action) = self.core().next_action() {
            match action {
                Action::Finished { number, attempts, outcome } => {
                    if let Some(cell) = self.cells.remove(&number) {
                        cell.end(Ok(outcome), attempts);
                        ended += 1;
                    }
                }
                Action::Progressed { number, progress } => {
                    if let Some(cell) = self.cells.get(&number) {
                        cell.progress(progress);
                    }
                }
                Action::Declared { index, verdict } => {
                    let mut papers = lock(&self.desk.papers);
                    if let Some(kind) = papers.kinds.get_mut(usize::from(index)) {
                        kind.1 = Some(verdict);
                    }
                    drop(papers);
                    self.desk.changed.notify_all();
                    self.desk.shared.set_ready(true);
                }
                Action::Noticed(node, alive, change) => {
                    self.desk.shared.noticed(node, alive, change);
                }
                Action::Fenced => return self.reborn(),
                Action::Refused(Refusal::TooManyNodes) => {
                    let reason = "the cluster has too many nodes".to_owned();
                    return Err(ClusterError::Ended(reason));
                }
                Action::Refused(Refusal::OtherManager { .. }) => {}
                Action::Shutdown => flow = Flow::End,
            }
        }
        if ended > 0 {
            lock(&self.desk.papers).unfinished -= ended;
            self.desk.changed.notify_all();
        }
        Ok(flow)
    }

    fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool {
        self.core().flush(now, send)
    }

    fn deadline(&self) -> Time {
        self.core.as_ref().map_or(0, Client::deadline)
    }

    fn is_called(&self) -> bool {
        !self.desk.is_empty()
    }

    fn close(&mut self) {
        let mut papers = lock(&self.desk.papers);
        papers.closed = true;
        let wishes = std::mem::take(&mut papers.wishes);
        drop(papers);
        self.desk.changed.notify_all();
        for wish in wishes {
            if let Wish::Task { cell, .. } = wish {
                cell.end(Err(TaskError::Ended), 0);
            }
        }
        for (_, cell) in self.cells.drain() {
            cell.end(Err(TaskError::Ended), 0);
        }
    }
}
