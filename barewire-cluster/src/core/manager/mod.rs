//! Tasks, from acceptance to acknowledgement: the manager's part of the protocol.
//!
//! What must outlive the process is written as [`Record`]s. The driver puts them into the log
//! **before** it sends anything: so nobody hears of what a restarted manager would not know.
//!
//! | file | what for |
//! |---|---|
//! | `table` | the tasks |
//! | `clients` | sessions, submissions, acknowledgements |
//! | `place` | which worker gets which task |
//! | `ends` | results, failures, deadlines, deaths |
//! | `record`, `recover` | the log's records, and the way from them to a manager and back |

mod clients;
mod ends;
mod place;
pub(crate) mod record;
mod recover;
mod table;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use barewire_runtime::codec::{Encode, Encoder};
use barewire_runtime::layout::Uuid;

use self::clients::{Keyed, Session};
pub(crate) use self::ends::Rule;
use self::place::{Class, Worker};
use self::record::Record;
use self::table::Table;
use super::members::{Change, MOST_PEERS, Me, Members, Settings};
use super::random::Random;
use super::{Sink, Time};
use crate::wire::{Alive, Credits, Declaration, Declared, Incarnation, Message, Refusal, Role};

/// The most kinds of tasks.
const MOST_KINDS: usize = 4096;

/// What the driver of a manager decides.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// How many tasks there may be at once.
    pub(crate) most_tasks: usize,
    /// How long the results of a client that is gone are kept, in microseconds.
    pub(crate) sessions_kept: Time,
    /// How long to look for another manager before beginning, in microseconds.
    pub(crate) settle: Time,
}

/// What the driver of a manager is to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// It works now.
    Begun,
    /// A result was accepted.
    Finished,
    /// A client was forgotten.
    Forgotten,
    /// Somebody was noticed.
    Noticed(Incarnation, Option<Alive>, Change),
    /// There is another manager; this one must not go on.
    Refused(Refusal),
    /// There is another manager, which is not heeded.
    SecondManager(Incarnation, Alive),
    /// A worker or client asks to end the cluster.
    Shutdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Retry,
    ScheduleToStart,
    ScheduleToClose,
    StartToClose(u32),
    Heartbeat(u32),
}

/// A manager's part of the protocol.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(crate) members: Members,
    epoch: u64,
    log: Uuid,
    /// Until when it looks for others; `None` once it has begun.
    starting: Option<Time>,
    sessions_kept: Time,
    most_tasks: usize,
    kinds: Vec<Declaration>,
    sessions: BTreeMap<u32, Session>,
    next_session: u32,
    clients: BTreeMap<Incarnation, u32>,
    workers: BTreeMap<Incarnation, Worker>,
    workers_changed: bool,
    /// Workers that are to be drained, and have not said yet that they are there.
    drains: BTreeSet<Incarnation>,
    classes: Vec<Class>,
    tasks: Table,
    keys: BTreeMap<Uuid, Keyed>,
    remembered: VecDeque<Uuid>,
    timers: BinaryHeap<Reverse<(Time, u64, Timer)>>,
    next_reminder: Time,
    random: Random,
    records: Vec<u8>,
    written: u64,
    actions: VecDeque<Action>,
    due: Vec<Message>,
    #[cfg(test)]
    pub(crate) omitted: Option<Rule>,
}

impl Manager {
    /// A manager that knows nothing; then come the records of its log, then [`begin`](Self::begin).
    pub(crate) fn new(me: Me, rules: Settings, limits: &Limits, seed: u64, log: Uuid) -> Self {
        Self {
            members: Members::new(me, rules),
            epoch: 0,
            log,
            starting: Some(limits.settle),
            sessions_kept: limits.sessions_kept,
            most_tasks: limits.most_tasks,
            kinds: Vec::new(),
            sessions: BTreeMap::new(),
            next_session: 0,
            clients: BTreeMap::new(),
            workers: BTreeMap::new(),
            workers_changed: false,
            drains: BTreeSet::new(),
            classes: Vec::new(),
            tasks: Table::default(),
            keys: BTreeMap::new(),
            remembered: VecDeque::new(),
            timers: BinaryHeap::new(),
            next_reminder: 0,
            random: Random::new(seed),
            records: Vec::new(),
            written: 0,
            actions: VecDeque::new(),
            due: Vec::new(),
            #[cfg(test)]
            omitted: None,
        }
    }

    /// Whether a rule is left out, to show that the tests see it.
    #[cfg(test)]
    fn omits(&self, rule: Rule) -> bool {
        self.omitted == Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "as in tests")]
    fn omits(&self, _: Rule) -> bool {
        false
    }

    /// The log was read: looks for another manager, and if there is none, begins.
    pub(crate) fn begin(&mut self, now: Time) {
        self.starting = Some(now + self.starting.unwrap_or_default());
    }

    fn settle(&mut self, now: Time) {
        self.starting = None;
        self.epoch += 1;
        (self.members.epoch, self.members.log) = (self.epoch, self.log);
        self.members.searching = false;
        self.write(&Record::Begun { epoch: self.epoch, log: self.log });
        self.recovered(now);
        self.members.beat_now();
        self.actions.push_back(Action::Begun);
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn write(&mut self, record: &Record) {
        record.encode(&mut Encoder::new(&mut self.records));
        self.written += 1;
    }

    /// The records that must be in the log before anything is sent, and how many they are.
    pub(crate) fn take_records(&mut self) -> (Vec<u8>, u64) {
        (std::mem::take(&mut self.records), std::mem::take(&mut self.written))
    }

    fn arm(&mut self, at: Time, id: u64, timer: Timer) {
        self.timers.push(Reverse((at, id, timer)));
    }

    /// How many tasks it knows, finished ones that are not acknowledged among them.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn receive(&mut self, now: Time, octets: &[u8]) {
        let mut due = std::mem::take(&mut self.due);
        if let Some(from) = self.members.receive(now, octets, &mut due) {
            for message in due.drain(..) {
                self.hear(now, from, message);
            }
            self.changes(now);
        }
        self.due = due;
    }

    pub(crate) fn lost(&mut self, now: Time, node: Incarnation) {
        self.members.lost(node);
        self.changes(now);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Time) {
        self.members.tick(now);
        self.changes(now);
        match self.starting {
            Some(until) if now < until => return,
            Some(_) => self.settle(now),
            None => {}
        }
        while let Some(&Reverse((at, id, timer))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            self.ring(now, id, timer);
        }
        if now >= self.next_reminder {
            self.next_reminder = now + self.members.rules.heartbeat;
            self.remind(now);
            self.forget_old(now);
        }
    }

    fn forget_old(&mut self, now: Time) {
        let old = self.sessions.iter().filter(|(_, session)| {
            let gone = session.gone.filter(|_| !session.forgotten);
            gone.is_some_and(|since| now.saturating_sub(since) > self.sessions_kept)
        });
        let old: Vec<u32> = old.map(|(&number, _)| number).collect();
        old.into_iter().for_each(|number| self.forget(number));
    }

    /// Hands out what waits. Then come the records, and only then [`flush`](Self::flush).
    pub(crate) fn turn(&mut self, now: Time) {
        if self.starting.is_none() {
            self.place(now);
        }
    }

    /// Sends what is to be sent; whether there was room for all of it.
    pub(crate) fn flush(&mut self, now: Time, send: &mut Sink<'_>) -> bool {
        debug_assert!(self.records.is_empty(), "records are written before anything is sent");
        self.members.flush(now, send)
    }

    /// When there is something to do next.
    pub(crate) fn deadline(&self) -> Time {
        // What is due waits until it has begun.
        let own = self.starting.unwrap_or_else(|| {
            let timer = self.timers.peek().map_or(Time::MAX, |Reverse((at, ..))| *at);
            timer.min(self.next_reminder)
        });
        self.members.deadline().min(own)
    }

    fn changes(&mut self, now: Time) {
        while let Some((node, alive, change)) = self.members.next_change() {
            match change {
                Change::Joined => {}
                Change::Unreachable => self.worker_silent(now, node),
                Change::Reachable => {
                    if let Some(worker) = self.workers.get_mut(&node) {
                        worker.reachable = true;
                    }
                }
                Change::Dead | Change::Left => {
                    self.drains.remove(&node);
                    self.worker_gone(now, node, change == Change::Dead);
                    self.client_gone(now, node, change == Change::Left);
                }
            }
            self.actions.push_back(Action::Noticed(node, alive, change));
        }
    }

    fn hear(&mut self, now: Time, from: Incarnation, message: Message) {
        match message {
            Message::Alive(alive) if alive.role == Role::Manager => self.rival(now, from, alive),
            Message::Alive(_) => {}
            Message::Refused(why) => {
                if self.starting.is_some() {
                    self.actions.push_back(Action::Refused(why));
                }
            }
            _ if self.starting.is_some() => self.members.counters.misplaced += 1,
            Message::Credits(credits) => self.credits(now, from, credits),
            Message::Declare(declaration) => self.declare(now, from, declaration),
            Message::Open { session, floor } => self.open(now, from, session, floor),
            Message::Submit(wanted) => self.submit(now, from, wanted),
            Message::Cancel { number } => self.cancel(now, from, number),
            Message::Acknowledge { numbers } => {
                if let Some(&session) = self.clients.get(&from) {
                    self.acknowledged(session, numbers);
                }
            }
            Message::Started { dispatch } => self.started(now, from, dispatch),
            Message::Progress { dispatch, progress } => {
                self.progress(now, from, dispatch, progress);
            }
            Message::Completed { dispatch, outcome } => {
                self.completed(now, from, dispatch, outcome);
            }
            Message::Drain { worker } => {
                if self.drains.len() < MOST_PEERS && !self.members.is_gone(worker) {
                    self.drains.insert(worker);
                }
                self.drain(now, worker);
            }
            Message::Shutdown => self.actions.push_back(Action::Shutdown),
            _ => self.members.counters.misplaced += 1,
        }
    }

    /// Another manager has spoken.
    fn rival(&mut self, now: Time, from: Incarnation, alive: Alive) {
        let same_log = alive.log == self.log && alive.epoch > 0;
        // The lock on the log says that this one's predecessors are dead.
        let predecessor = same_log && alive.epoch <= self.epoch;
        if predecessor {
            self.members.bury(from, Change::Dead);
            return;
        }
        if same_log {
            // This one is itself a predecessor: somebody has opened its log behind its back.
            let (name, epoch) = (alive.name, alive.epoch);
            let why = Refusal::OtherManager { name, incarnation: from, epoch };
            self.actions.push_back(Action::Refused(why));
            return;
        }
        if self.starting.is_some() {
            // Of two that start, the one that is in the way is the one with the lower incarnation.
            if alive.epoch > 0 || from < self.members.me.incarnation {
                let (name, epoch) = (alive.name, alive.epoch);
                let why = Refusal::OtherManager { name, incarnation: from, epoch };
                self.actions.push_back(Action::Refused(why));
            }
            return;
        }
        let me = &self.members.me;
        let (name, incarnation) = (me.name.clone(), me.incarnation);
        let why = Refusal::OtherManager { name, incarnation, epoch: self.epoch };
        self.members.say_once(now, from, &Message::Refused(why));
        self.actions.push_back(Action::SecondManager(from, alive));
    }

    /// Gives a worker no more tasks, if it is there; it then asks the managers to come for that.
    fn drain(&mut self, now: Time, worker: Incarnation) {
        if let Some(known) = self.workers.get_mut(&worker)
            && self.drains.remove(&worker)
            && !std::mem::replace(&mut known.draining, true)
        {
            self.next_reminder = now;
            self.members.say(now, worker, &Message::Drain { worker });
        }
    }

    fn credits(&mut self, now: Time, from: Incarnation, credits: Credits) {
        let reachable = self.members.is_reachable(from);
        let worker = self.workers.entry(from).or_default();
        worker.credits = credits.credits;
        worker.parallel = credits.parallel;
        worker.labels = credits.labels.into_iter().collect();
        worker.reachable = reachable;
        self.workers_changed = true;
        self.drain(now, from);
    }

    fn declare(&mut self, now: Time, from: Incarnation, declaration: Declaration) {
        let index = declaration.index;
        let known = self.kinds.iter().position(|kind| kind.name == declaration.name);
        let verdict = match known {
            Some(kind) if self.kinds[kind].wire == declaration.wire => {
                Declared::Accepted { kind: kind as u16 }
            }
            Some(kind) => {
                let difference = crate::schema::difference(&self.kinds[kind], &declaration);
                Declared::Mismatch { difference }
            }
            None if self.kinds.len() < MOST_KINDS => {
                let kind = self.kinds.len() as u16;
                self.write(&Record::Kind { kind, declaration: declaration.clone() });
                self.kinds.push(declaration);
                Declared::Accepted { kind }
            }
            None => Declared::Mismatch { difference: "there are too many kinds".to_owned() },
        };
        if let Declared::Accepted { kind } = verdict
            && let Some(worker) = self.workers.get_mut(&from)
        {
            worker.kinds.insert(kind);
            self.workers_changed = true;
        }
        self.members.say(now, from, &Message::Declared { index, verdict });
    }
}
