//! What a worker has taken on.

use std::collections::{BTreeMap, VecDeque};

use super::follow::{Followed, Follower};
use super::members::{Change, Me, Members, Settings};
use super::{Sink, Time};
use crate::wire::{
    Alive, Credits, Declaration, Declared, Dispatch, Incarnation, Message, Outcome, Progress,
    Refusal, Wanted,
};

/// What the driver of a worker is to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Do this, and report with `completed`. The kind is the worker's own number.
    Run { dispatch: Dispatch, kind: u16, announce: bool, request: Vec<u8> },
    /// Nobody wants that any more; report when it has ended all the same.
    Revoke(Dispatch),
    /// Whether a kind of tasks was taken.
    Declared { index: u16, verdict: Declared },
    /// Somebody was noticed.
    Noticed(Incarnation, Option<Alive>, Change),
    /// This incarnation was declared dead.
    Fenced,
    /// The node is not let in.
    Refused(Refusal),
    /// It has nothing to do and gets no more.
    Drained,
    /// The cluster ends.
    Shutdown,
}

/// A worker's part of the protocol.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) members: Members,
    follower: Follower,
    credits: Credits,
    declarations: Vec<Declaration>,
    /// The manager's numbers, and ours.
    kinds: BTreeMap<u16, u16>,
    held: BTreeMap<Dispatch, bool>,
    /// Wants to be let go, by whichever manager.
    drains: bool,
    actions: VecDeque<Action>,
    due: Vec<Message>,
}

impl Worker {
    pub(crate) fn new(
        me: Me,
        rules: Settings,
        credits: Credits,
        declarations: Vec<Declaration>,
    ) -> Self {
        Self {
            members: Members::new(me, rules),
            follower: Follower::default(),
            credits,
            declarations,
            kinds: BTreeMap::new(),
            held: BTreeMap::new(),
            drains: false,
            actions: VecDeque::new(),
            due: Vec::new(),
        }
    }

    /// The same worker under another incarnation, after it was fenced. What it does goes on, and
    /// nobody wants it any more.
    pub(crate) fn reborn(&mut self, incarnation: Incarnation) {
        self.members.reborn(incarnation);
        self.follower = Follower::default();
        self.kinds.clear();
        self.held.clear();
        self.actions.clear();
    }

    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The manager that it follows.
    pub(crate) fn manager(&self) -> Option<Incarnation> {
        self.follower.manager()
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
            }
            self.actions.push_back(Action::Noticed(node, alive, change));
        }
    }

    fn hear(&mut self, now: Time, from: Incarnation, message: Message) {
        match message {
            Message::Alive(alive) => self.meet(now, from, &alive),
            Message::Fenced if self.manager().is_none_or(|known| known == from) => {
                self.actions.push_back(Action::Fenced);
            }
            Message::Refused(why) => self.actions.push_back(Action::Refused(why)),
            message if self.manager() == Some(from) => self.obey(message),
            _ => self.members.counters.misplaced += 1,
        }
    }

    fn meet(&mut self, now: Time, from: Incarnation, alive: &Alive) {
        match self.follower.meet(now, &mut self.members, from, alive) {
            Followed::AsBefore => {}
            Followed::New => {
                self.kinds.clear();
                // What the last one wanted, the new one will hand out again.
                for (&dispatch, revoked) in &mut self.held {
                    if !std::mem::replace(revoked, true) {
                        self.actions.push_back(Action::Revoke(dispatch));
                    }
                }
                let credits = Message::Credits(self.credits.clone());
                self.members.say(now, from, &credits);
                for declaration in &self.declarations {
                    self.members.say(now, from, &Message::Declare(declaration.clone()));
                }
                if self.drains {
                    self.drain(now);
                }
            }
        }
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Declared { index, verdict } => {
                if let Declared::Accepted { kind } = verdict {
                    self.kinds.insert(kind, index);
                }
                self.actions.push_back(Action::Declared { index, verdict });
            }
            Message::Assign(Wanted { dispatch, kind, announce, request }) => {
                let Some(&kind) = self.kinds.get(&kind) else {
                    self.members.counters.misplaced += 1;
                    return;
                };
                self.held.insert(dispatch, false);
                self.actions.push_back(Action::Run { dispatch, kind, announce, request });
            }
            Message::Revoke { dispatches } => {
                for dispatch in dispatches {
                    match self.held.get_mut(&dispatch) {
                        Some(revoked) if !*revoked => {
                            *revoked = true;
                            self.actions.push_back(Action::Revoke(dispatch));
                        }
                        _ => {}
                    }
                }
            }
            // Somebody has asked for it, and only this worker outlives its managers.
            Message::Drain { worker } if worker == self.members.me.incarnation => {
                self.drains = true;
            }
            Message::Drained => self.actions.push_back(Action::Drained),
            Message::Shutdown => self.actions.push_back(Action::Shutdown),
            _ => self.members.counters.misplaced += 1,
        }
    }

    /// An attempt that was to be announced starts.
    pub(crate) fn started(&mut self, now: Time, dispatch: Dispatch) {
        self.report(now, &Message::Started { dispatch });
    }

    pub(crate) fn progress(&mut self, now: Time, dispatch: Dispatch, progress: Progress) {
        self.report(now, &Message::Progress { dispatch, progress });
    }

    /// An attempt has ended. Whether anybody wants to know is for the manager to say, so it is
    /// told to whichever there is.
    pub(crate) fn completed(&mut self, now: Time, dispatch: Dispatch, outcome: Outcome) {
        self.held.remove(&dispatch);
        self.report(now, &Message::Completed { dispatch, outcome });
    }

    fn report(&mut self, now: Time, message: &Message) {
        match self.manager() {
            Some(manager) => self.members.say(now, manager, message),
            // Its manager is gone, and the next one hands the task out again.
            None => self.members.counters.stale += 1,
        }
    }

    /// Whether it wants to be let go.
    #[cfg(test)]
    pub(crate) fn drains(&self) -> bool {
        self.drains
    }

    /// Asks for no more tasks, and to be let go.
    pub(crate) fn drain(&mut self, now: Time) {
        self.drains = true;
        let worker = self.members.me.incarnation;
        match self.manager() {
            Some(manager) => self.members.say(now, manager, &Message::Drain { worker }),
            None => self.actions.push_back(Action::Drained),
        }
    }
}

#[cfg(test)]
mod tests {
    use barewire_runtime::layout::Uuid;

    use super::*;
    use crate::transport::Sent;
    use crate::wire::{Frame, Header, Role, read};

    const WORKER: Incarnation = Incarnation::from_u128(1);

    fn frame(from: Incarnation, sequence: u64, message: Message) -> Vec<u8> {
        let to = if sequence == 0 { Incarnation::EVERYBODY } else { WORKER };
        let header = Header { sequence, ..Header::new("mill", from, to) };
        Frame { header, messages: vec![message] }.encode()
    }

    fn alive(epoch: u64) -> Message {
        let (name, log) = ("boss".to_owned(), Uuid([7; 16]));
        Message::Alive(Alive { name, role: Role::Manager, beat: 1, epoch, log })
    }

    #[test]
    fn who_is_to_be_drained_says_so_to_the_next_manager_itself() {
        let me = Me {
            cluster: "mill".to_owned(),
            incarnation: WORKER,
            role: Role::Worker,
            name: "hand".to_owned(),
        };
        let rules = Settings {
            heartbeat: 100_000,
            unreachable_after: 500_000,
            dead_after: 1_500_000,
            tells_deaths: false,
            largest_frame: 1024,
        };
        let credits = Credits { credits: 1, parallel: 1, labels: Vec::new() };
        let mut worker = Worker::new(me, rules, credits, Vec::new());
        let (first, second) = (Incarnation::from_u128(2), Incarnation::from_u128(3));
        worker.receive(1, &frame(first, 0, alive(1)));
        worker.receive(2, &frame(first, 1, Message::Drain { worker: WORKER }));
        worker.receive(3, &frame(second, 0, alive(2)));
        assert_eq!(worker.manager(), Some(second), "of the same log, and later");
        let mut said = Vec::new();
        worker.flush(4, &mut |to, octets| {
            if to == second {
                read(octets, "mill", &mut said).expect("a frame");
            }
            Sent::Taken
        });
        assert!(said.contains(&Message::Drain { worker: WORKER }), "{said:?}");
    }
}
