//! What a client has asked for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use barewire_runtime::layout::Uuid;

use super::follow::{Followed, Follower};
use super::members::{Change, Me, Members, Settings};
use super::{Sink, Time};
use crate::wire::{
    Alive, Declaration, Declared, Incarnation, Message, Outcome, Progress, Refusal, Submission,
    TaskOptions,
};

/// What the driver of a client is to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// A task has come to its end; said once for each.
    Finished { number: u64, attempts: u32, outcome: Outcome },
    /// A task gets on.
    Progressed { number: u64, progress: Progress },
    /// Whether a kind of tasks was taken.
    Declared { index: u16, verdict: Declared },
    /// Somebody was noticed.
    Noticed(Incarnation, Option<Alive>, Change),
    /// This incarnation was declared dead.
    Fenced,
    /// The node is not let in.
    Refused(Refusal),
    /// The cluster ends.
    Shutdown,
}

/// A task that has no result yet.
#[derive(Debug)]
struct Pending {
    /// The client's own number of the kind.
    kind: u16,
    key: Option<Uuid>,
    /// Most have none, and those that have are few enough to stand elsewhere.
    options: Option<Box<TaskOptions>>,
    request: Vec<u8>,
    /// Whether this manager was told.
    told: bool,
    cancelled: bool,
}

/// A kind of tasks, and what this manager says to it.
#[derive(Debug)]
struct Kind {
    declaration: Declaration,
    verdict: Option<Declared>,
}

/// A client's part of the protocol. What it has asked for outlives its incarnation.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) members: Members,
    follower: Follower,
    session: Uuid,
    next: u64,
    kinds: Vec<Kind>,
    pending: BTreeMap<u64, Pending>,
    /// Those that this manager was not told yet, in order.
    untold: VecDeque<u64>,
    received: Vec<u64>,
    /// Workers that are to be let go, and are not known to be gone.
    drains: BTreeSet<Incarnation>,
    actions: VecDeque<Action>,
    due: Vec<Message>,
}

impl Client {
    pub(crate) fn new(me: Me, rules: Settings, session: Uuid) -> Self {
        Self {
            members: Members::new(me, rules),
            follower: Follower::default(),
            session,
            next: 1,
            kinds: Vec::new(),
            pending: BTreeMap::new(),
            untold: VecDeque::new(),
            received: Vec::new(),
            drains: BTreeSet::new(),
            actions: VecDeque::new(),
            due: Vec::new(),
        }
    }

    /// The same client under another incarnation, after it was fenced.
    pub(crate) fn reborn(self, incarnation: Incarnation) -> Self {
        let Self { mut members, session, next, kinds, mut pending, drains, actions, .. } = self;
        members.reborn(incarnation);
        pending.values_mut().for_each(|one| one.told = false);
        Self {
            members,
            follower: Follower::default(),
            session,
            next,
            kinds,
            pending,
            untold: VecDeque::new(),
            received: Vec::new(),
            drains,
            actions,
            due: Vec::new(),
        }
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The manager that it follows.
    pub(crate) fn manager(&self) -> Option<Incarnation> {
        self.follower.manager()
    }

    /// A kind of tasks that will be asked for; its number for `submit`.
    pub(crate) fn declare(&mut self, now: Time, mut declaration: Declaration) -> u16 {
        let index = self.kinds.len() as u16;
        declaration.index = index;
        if let Some(manager) = self.manager() {
            self.members.say(now, manager, &Message::Declare(declaration.clone()));
        }
        self.kinds.push(Kind { declaration, verdict: None });
        index
    }

    /// Asks for a task; its number.
    pub(crate) fn submit(
        &mut self,
        now: Time,
        kind: u16,
        key: Option<Uuid>,
        options: Option<TaskOptions>,
        request: Vec<u8>,
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        let options = options.map(Box::new);
        let pending = Pending { kind, key, options, request, told: false, cancelled: false };
        self.pending.insert(number, pending);
        self.untold.push_back(number);
        self.tell(now);
        number
    }

    pub(crate) fn cancel(&mut self, now: Time, number: u64) {
        let Some(pending) = self.pending.get_mut(&number) else { return };
        pending.cancelled = true;
        if pending.told
            && let Some(manager) = self.manager()
        {
            self.members.say(now, manager, &Message::Cancel { number });
        }
    }

    /// Asks that a worker be let go; each manager again, until the worker is gone.
    pub(crate) fn drain(&mut self, now: Time, worker: Incarnation) {
        self.drains.insert(worker);
        if let Some(manager) = self.manager() {
            self.members.say(now, manager, &Message::Drain { worker });
        }
    }

    pub(crate) fn shutdown(&mut self, now: Time) {
        if let Some(manager) = self.manager() {
            self.members.say(now, manager, &Message::Shutdown);
        }
    }

    /// Tells the manager what it was not told yet, in order, as far as it knows the kinds.
    fn tell(&mut self, now: Time) {
        let Some(manager) = self.manager() else { return };
        while let Some(&number) = self.untold.front() {
            let Some(pending) = self.pending.get_mut(&number) else {
                self.untold.pop_front();
                continue;
            };
            let verdict = self.kinds.get(usize::from(pending.kind)).map(|kind| &kind.verdict);
            let kind = match verdict {
                Some(Some(Declared::Accepted { kind })) => *kind,
                Some(None) => return,
                Some(Some(Declared::Mismatch { difference })) => {
                    let outcome = Outcome::Rejected { reason: difference.clone() };
                    self.pending.remove(&number);
                    self.untold.pop_front();
                    self.actions.push_back(Action::Finished { number, attempts: 0, outcome });
                    continue;
                }
                None => {
                    self.untold.pop_front();
                    continue;
                }
            };
            // Encoded at once; kept here until there is a result.
            let request = std::mem::take(&mut pending.request);
            let (key, options) = (pending.key, pending.options.as_deref().cloned());
            let message = Message::Submit(Submission { number, kind, key, options, request });
            self.members.say(now, manager, &message);
            if let Message::Submit(submission) = message {
                pending.request = submission.request;
            }
            pending.told = true;
            if pending.cancelled {
                self.members.say(now, manager, &Message::Cancel { number });
            }
            self.untold.pop_front();
        }
    }

    pub(crate) fn receive(&mut self, now: Time, octets: &[u8]) {
        let mut due = std::mem::take(&mut self.due);
        if let Some(from) = self.members.receive(now, octets, &mut due) {
            for message in due.drain(..) {
                self.hear(now, from, message);
            }
            self.changes();
        }
        self.due = due;
    }

    pub(crate) fn lost(&mut self, node: Incarnation) {
        self.members.lost(node);
        self.changes();
    }

    pub(crate) fn tick(&mut self, now: Time) {
        self.members.tick(now);
        self.changes();
    }

    pub(crate) fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool {
        if let Some(manager) = self.manager()
            && !self.received.is_empty()
        {
            let numbers = std::mem::take(&mut self.received);
            self.members.say(now, manager, &Message::Acknowledge { numbers });
        }
        self.members.flush(now, send)
    }

    /// When there is something to do next.
    pub(crate) fn deadline(&self) -> Time {
        self.members.deadline()
    }

    fn changes(&mut self) {
        while let Some((node, alive, change)) = self.members.next_change() {
            if matches!(change, Change::Dead | Change::Left) {
                self.follower.gone(&mut self.members, node);
                // One that is only not heard here may be heard by the manager.
                if change == Change::Left || self.members.rules.tells_deaths {
                    self.drains.remove(&node);
                }
            }
            self.actions.push_back(Action::Noticed(node, alive, change));
        }
    }

    fn hear(&mut self, now: Time, from: Incarnation, message: Message) {
        match message {
            Message::Alive(alive) => {
                let followed = self.follower.meet(now, &mut self.members, from, &alive);
                if followed == Followed::New {
                    self.begin(now, from);
                }
            }
            Message::Fenced if self.manager().is_none_or(|known| known == from) => {
                self.actions.push_back(Action::Fenced);
            }
            Message::Refused(why) => self.actions.push_back(Action::Refused(why)),
            message if self.manager() == Some(from) => self.obey(now, message),
            _ => self.members.counters.misplaced += 1,
        }
    }

    /// Tells a manager everything from the start.
    fn begin(&mut self, now: Time, manager: Incarnation) {
        let floor = self.pending.keys().next().copied().unwrap_or(self.next);
        self.received.clear();
        self.members.say(now, manager, &Message::Open { session: self.session, floor });
        for kind in &mut self.kinds {
            kind.verdict = None;
            self.members.say(now, manager, &Message::Declare(kind.declaration.clone()));
        }
        for &worker in &self.drains {
            self.members.say(now, manager, &Message::Drain { worker });
        }
        self.pending.values_mut().for_each(|one| one.told = false);
        self.untold = self.pending.keys().copied().collect();
    }

    fn obey(&mut self, now: Time, message: Message) {
        match message {
            Message::Declared { index, verdict } => {
                if let Some(kind) = self.kinds.get_mut(usize::from(index)) {
                    kind.verdict = Some(verdict.clone());
                    self.actions.push_back(Action::Declared { index, verdict });
                    self.tell(now);
                }
            }
            Message::Finished { number, attempts, outcome } => {
                // Also if it is known: the manager keeps it until it hears that.
                self.received.push(number);
                if self.pending.remove(&number).is_some() {
                    self.actions.push_back(Action::Finished { number, attempts, outcome });
                }
            }
            Message::Progressed { number, progress } => {
                if self.pending.contains_key(&number) {
                    self.actions.push_back(Action::Progressed { number, progress });
                }
            }
            Message::Shutdown => self.actions.push_back(Action::Shutdown),
            _ => self.members.counters.misplaced += 1,
        }
    }
}
