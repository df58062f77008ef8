//! A whole cluster from one seed: nodes, network, disk, and what goes wrong.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use barewire_runtime::codec::{Encode, Encoder};
use barewire_runtime::layout::Uuid;

use super::history::{Asked, History, Nature};
use super::mail::Mail;
use super::node::{Clock, Core, Node, Threads, Work};
use crate::core::Time;
use crate::core::client::{self, Client};
use crate::core::manager::{Limits, Manager, Rule};
use crate::core::members::{Me, Settings};
use crate::core::random::Random;
use crate::core::worker::{self, Worker};
use crate::log::format;
use crate::transport::Sent;
use crate::wire::{Credits, Deadlines, Declaration, Incarnation, Retry, Role, TaskOptions};

const MS: Time = 1000;
/// Until when things go wrong, and by when all must be well.
const TROUBLE: Time = 1500 * MS;
const END: Time = 60_000 * MS;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Deliver { to: usize, from: usize, octets: Vec<u8> },
    Wake { place: usize, wake: u64 },
    Lost { place: usize, node: Incarnation },
    Submit { place: usize },
    Drain { place: usize },
    Post { place: usize },
    Beat,
    Cancel { place: usize, session: Uuid, number: u64 },
    Trouble,
    Restart { place: usize },
    Heal { one: usize, other: usize },
    Peace,
}

/// How bad the network is, in thousandths, and how slow.
#[derive(Debug, Clone, Copy)]
struct Weather {
    lost: u64,
    doubled: u64,
    delay: Time,
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) work: Work,
    rule: Option<Rule>,
    pub(super) workers: usize,
    pub(super) nodes: Vec<Option<Node>>,
    pub(super) clocks: Vec<Clock>,
    places: BTreeMap<Incarnation, usize>,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    sequence: u64,
    weather: Weather,
    blocked: Vec<(usize, usize)>,
    tells_deaths: bool,
    /// Whether the nodes carry actor systems.
    pub(super) carries: bool,
    peaceful: bool,
    disk: Vec<u8>,
    /// The manager is killed in the middle of its next write.
    tears: bool,
    values: u64,
    submissions: u64,
    pub(super) history: History,
    pub(super) mail: Mail,
    pub(super) restarts: u64,
    pub(super) stale: u64,
}

impl World {
    pub(super) fn new(seed: u64, rule: Option<Rule>) -> Self {
        let mut random = Random::new(seed);
        let workers = 2 + random.below(2) as usize;
        let clients = 1 + random.below(2) as usize;
        let count = 1 + workers + clients;
        let clocks = (0..count)
            .map(|_| Clock {
                offset: 1_000_000 + random.below(1_000_000_000),
                per_mille: 970 + random.below(60),
            })
            .collect();
        let lost = [0, 0, 20, 100, 250][random.below(5) as usize];
        let doubled = [0, 20, 200][random.below(3) as usize];
        let delay = [200, 2 * MS, 15 * MS, 40 * MS][random.below(4) as usize];
        let mut world = Self {
            now: 0,
            rule,
            workers,
            nodes: (0..count).map(|_| None).collect(),
            clocks,
            places: BTreeMap::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            weather: Weather { lost, doubled, delay },
            blocked: Vec::new(),
            tells_deaths: random.below(3) == 0,
            carries: random.below(4) == 0,
            peaceful: false,
            disk: Vec::new(),
            tears: false,
            values: 0,
            submissions: 8 + random.below(14),
            history: History::default(),
            mail: Mail::default(),
            restarts: 0,
            stale: 0,
            work: Work::new(random),
        };
        for place in 0..count {
            let at = world.work.random.below(100 * MS);
            world.at(at, Event::Restart { place });
        }
        for _ in 0..world.submissions {
            let at = 20 * MS + world.work.random.below(TROUBLE - 20 * MS);
            let place = 1 + workers + world.work.random.below(clients as u64) as usize;
            world.at(at, Event::Submit { place });
        }
        for _ in 0..world.work.random.below(3) {
            let at = 20 * MS + world.work.random.below(TROUBLE - 20 * MS);
            let place = 1 + workers + world.work.random.below(clients as u64) as usize;
            world.at(at, Event::Drain { place });
        }
        for _ in 0..world.work.random.below(30) {
            let at = 20 * MS + world.work.random.below(TROUBLE - 20 * MS);
            let place = world.work.random.below(count as u64) as usize;
            world.at(at, Event::Post { place });
        }
        for _ in 0..1 + world.work.random.below(7) {
            let at = world.work.random.below(TROUBLE);
            world.at(at, Event::Trouble);
        }
        world.at(TROUBLE, Event::Peace);
        world
    }

    fn at(&mut self, time: Time, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((time, self.sequence, event)));
    }

    /// Runs until all tasks have their results, or it is too late.
    pub(super) fn run(&mut self) {
        while let Some(Reverse((time, _, event))) = self.events.pop() {
            self.now = time;
            self.happen(event);
            if !self.history.faults.is_empty() {
                return;
            }
            let done = self.peaceful && self.history.open() == 0 && self.is_clean();
            if done && self.drains_are_done() && self.mail_is_settled() {
                return;
            }
            if self.now > END {
                let open = self.history.open();
                let fault = if done && !self.drains_are_done() {
                    "a worker that was to be drained is still there".to_owned()
                } else if done {
                    self.mail_fault()
                } else {
                    format!("{open} tasks have no result in the end")
                };
                self.history.faults.push(fault);
                return;
            }
        }
    }

    /// Whether the manager has forgotten all that was acknowledged.
    fn is_clean(&self) -> bool {
        let orphans = self.history.asked.values().any(|asked| asked.orphan);
        match &self.nodes[0] {
            Some(Node { core: Core::Manager(manager), .. }) => orphans || manager.tasks() == 0,
            _ => false,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { to, from, octets } => {
                if self.blocked.contains(&(from.min(to), from.max(to))) {
                    return;
                }
                if let Some(thaw) = self.frozen(to) {
                    return self.at(thaw, Event::Deliver { to, from, octets });
                }
                let now = self.now;
                if let Some(node) = &mut self.nodes[to] {
                    node.receive(now, &octets);
                    self.step(to);
                }
            }
            Event::Wake { place, wake } => {
                if let Some(thaw) = self.frozen(place) {
                    return self.at(thaw, Event::Wake { place, wake });
                }
                if self.nodes[place].as_ref().is_some_and(|node| node.wake == wake) {
                    self.step(place);
                }
            }
            Event::Lost { place, node } => {
                if let Some(thaw) = self.frozen(place) {
                    return self.at(thaw, Event::Lost { place, node });
                }
                let now = self.now;
                if let Some(one) = &mut self.nodes[place] {
                    one.lost(now, node);
                    self.step(place);
                }
            }
            Event::Submit { place } => self.submit(place),
            Event::Drain { place } => self.drain(place),
            Event::Post { place } => self.post(place),
            Event::Beat => {
                self.beat();
                self.at(self.now + 100 * MS, Event::Beat);
            }
            Event::Cancel { place, session, number } => self.cancel(place, session, number),
            Event::Trouble => self.trouble(),
            Event::Restart { place } => {
                if self.nodes[place].is_none() {
                    self.start(place);
                }
            }
            Event::Heal { one, other } => self.blocked.retain(|pair| *pair != (one, other)),
            Event::Peace => {
                self.peaceful = true;
                self.at(self.now, Event::Beat);
                self.blocked.clear();
                self.tears = false;
                self.weather = Weather { lost: 0, doubled: 0, delay: MS };
                for place in 0..self.nodes.len() {
                    match &mut self.nodes[place] {
                        Some(node) => node.frozen_until = 0,
                        None => self.at(self.now, Event::Restart { place }),
                    }
                }
            }
        }
    }

    fn frozen(&self, place: usize) -> Option<Time> {
        let until = self.nodes[place].as_ref()?.frozen_until;
        (until > self.now).then_some(until + 1)
    }

    fn trouble(&mut self) {
        let place = self.work.random.below(self.nodes.len() as u64) as usize;
        match self.work.random.below(8) {
            0 | 1 => self.kill(place),
            2 => self.kill(0),
            3 => self.tears = true,
            4 | 5 => {
                let until = self.now + self.work.random.below(700) * MS;
                if let Some(node) = &mut self.nodes[place] {
                    node.frozen_until = until;
                }
            }
            _ => {
                let other = self.work.random.below(self.nodes.len() as u64) as usize;
                let pair = (place.min(other), place.max(other));
                if place != other && !self.blocked.contains(&pair) {
                    self.blocked.push(pair);
                    let until = self.now + self.work.random.below(900) * MS;
                    self.at(until, Event::Heal { one: pair.0, other: pair.1 });
                }
            }
        }
    }

    fn kill(&mut self, place: usize) {
        let Some(node) = self.nodes[place].take() else { return };
        self.restarts += 1;
        self.history.executions += node.threads.executions;
        if let Core::Manager(manager) = &node.core {
            self.stale += manager.members.counters.stale;
        }
        if let Core::Client(_, session) = node.core {
            let own = self.history.asked.iter_mut().filter(|((id, _), _)| *id == session);
            own.for_each(|(_, asked)| asked.orphan = true);
        }
        if self.tells_deaths {
            for other in 0..self.nodes.len() {
                let at = self.now + self.work.random.below(30 * MS);
                self.at(at, Event::Lost { place: other, node: node.incarnation });
            }
        }
        let at = self.now + 10 * MS + self.work.random.below(300 * MS);
        self.at(at, Event::Restart { place });
    }

    fn incarnation(&mut self, place: usize) -> Incarnation {
        let bits = u128::from(self.work.random.next()) << 64 | u128::from(self.work.random.next());
        let incarnation = Incarnation::from_u128(bits);
        self.places.insert(incarnation, place);
        incarnation
    }

    fn rules(&self) -> Settings {
        Settings {
            heartbeat: 100 * MS,
            unreachable_after: 250 * MS,
            dead_after: 600 * MS,
            tells_deaths: self.tells_deaths,
            largest_frame: 1024,
        }
    }

    fn me(&self, place: usize, incarnation: Incarnation) -> Me {
        let role = match place {
            0 => Role::Manager,
            place if place <= self.workers => Role::Worker,
            _ => Role::Client,
        };
        Me { cluster: "mill".to_owned(), incarnation, role, name: format!("node-{place}") }
    }

    fn start(&mut self, place: usize) {
        let incarnation = self.incarnation(place);
        let core = self.core(place, incarnation);
        let (clock, threads) = (self.clocks[place], Threads::default());
        let actors = Uuid(incarnation.as_u128().to_le_bytes());
        let mut node = Node { core, incarnation, actors, clock, threads, wake: 0, frozen_until: 0 };
        if self.carries {
            node.members().carry(actors);
        }
        self.nodes[place] = Some(node);
        self.step(place);
    }

    fn core(&mut self, place: usize, incarnation: Incarnation) -> Core {
        let (me, rules) = (self.me(place, incarnation), self.rules());
        let now = self.clocks[place].local(self.now);
        match me.role {
            Role::Manager => {
                let limits = Limits { most_tasks: 1000, sessions_kept: 2000 * MS, settle: 30 * MS };
                let log = Uuid([7; 16]);
                let mut manager = Manager::new(me, rules, &limits, self.work.random.next(), log);
                manager.omitted = self.rule;
                let whole = format::read(&self.disk, &mut |record| manager.replay(record));
                self.disk.truncate(whole);
                manager.begin(now);
                Core::Manager(Box::new(manager))
            }
            Role::Worker => {
                let labels = vec!["here".to_owned()];
                let credits = Credits { credits: 4, parallel: 2, labels };
                Core::Worker(Box::new(Worker::new(me, rules, credits, vec![declaration()])))
            }
            Role::Client => {
                let session = Uuid(incarnation.as_u128().to_be_bytes());
                let mut client = Client::new(me, rules, session);
                client.declare(now, declaration());
                Core::Client(Box::new(client), session)
            }
        }
    }

    fn submit(&mut self, place: usize) {
        self.values += 1;
        let value = self.values;
        let nature = match self.work.random.below(20) {
            0 | 1 => Nature::FailsFirst(1 + self.work.random.below(2) as u8),
            2 => Nature::FailsAlways,
            3 => Nature::Kills,
            4 | 5 => Nature::Cancelled,
            6 => Nature::SlowAtFirst,
            7 => Nature::SilentAtFirst,
            8 => Nature::Impossible,
            _ => Nature::Ordinary,
        };
        // Sometimes the same work as before, under its key.
        let again = self.work.random.below(8) == 0 && value > 1;
        let old = self.work.natures.get(&(value - 1)).copied();
        let (value, nature, key) = match old {
            Some(Nature::Ordinary) if again => (value - 1, Nature::Ordinary, true),
            _ => (value, nature, nature == Nature::Ordinary),
        };
        self.work.natures.insert(value, nature);
        let mut ids = [0; 16];
        ids[..8].copy_from_slice(&value.to_le_bytes());
        let options = options(nature);
        let now = self.clocks[place].local(self.now);
        let Some(Node { core: Core::Client(client, session), .. }) = &mut self.nodes[place] else {
            return;
        };
        let request = value.to_le_bytes().to_vec();
        let number = client.submit(now, 0, key.then_some(Uuid(ids)), options, request);
        let session = *session;
        let asked = Asked { value, nature, cancelled: false, delivered: None, orphan: false };
        self.history.asked.insert((session, number), asked);
        if nature == Nature::Cancelled {
            let at = self.now + self.work.random.below(150 * MS);
            self.at(at, Event::Cancel { place, session, number });
        }
        self.work_on(place);
    }

    /// Lets a node do what it was asked for, unless it is stopped.
    pub(super) fn work_on(&mut self, place: usize) {
        if self.frozen(place).is_none() {
            self.step(place);
        }
    }

    fn cancel(&mut self, place: usize, session: Uuid, number: u64) {
        let now = self.clocks[place].local(self.now);
        if let Some(Node { core: Core::Client(client, own), .. }) = &mut self.nodes[place]
            && *own == session
        {
            client.cancel(now, number);
            if let Some(asked) = self.history.asked.get_mut(&(session, number)) {
                asked.cancelled = true;
            }
        }
    }

    /// Lets a node do all that it has to do at this time.
    fn step(&mut self, place: usize) {
        self.take_mail(place);
        let Some(mut node) = self.nodes[place].take() else { return };
        let (real, now) = (self.now, node.clock.local(self.now));
        node.tick(real);
        let (mut dies, mut fenced, mut drained) = (false, false, false);
        match &mut node.core {
            Core::Manager(manager) => {
                manager.turn(now);
                while manager.next_action().is_some() {}
                let (records, _) = manager.take_records();
                dies = !records.is_empty() && !self.append(&records);
                if !dies && self.work.random.below(40) == 0 {
                    self.rewrite(manager);
                }
            }
            Core::Worker(worker) => {
                let threads = &mut node.threads;
                loop {
                    dies |= threads.turn(worker, now, real, &mut self.work);
                    let Some(action) = worker.next_action() else { break };
                    fenced |= action == worker::Action::Fenced;
                    drained |= action == worker::Action::Drained;
                    threads.obey(worker, now, real, &action, &mut self.work);
                }
            }
            Core::Client(client, session) => {
                while let Some(action) = client.next_action() {
                    match action {
                        client::Action::Finished { number, outcome, .. } => {
                            self.history.delivered(*session, number, outcome);
                        }
                        client::Action::Fenced => fenced = true,
                        _ => {}
                    }
                }
            }
        }
        if drained {
            node.members().leave();
        }
        let mut frames = Vec::new();
        // What a worker says before it dies of a task has left it, as a rule.
        if !dies || (place != 0 && self.work.random.below(10) > 0) {
            node.flush(real, &mut |to, frame| {
                frames.push((to, frame.to_vec()));
                Sent::Taken
            });
        }
        if fenced {
            node = self.reborn(place, node);
        }
        node.wake += 1;
        let (wake, deadline) = (node.wake, node.deadline().max(real + 1));
        self.nodes[place] = Some(node);
        for (to, frame) in frames {
            self.send(place, to, &frame);
        }
        if dies || drained {
            return self.kill(place);
        }
        self.at(deadline, Event::Wake { place, wake });
        if fenced {
            self.step(place);
        }
    }

    /// A node that was declared dead: the same process as another incarnation.
    fn reborn(&mut self, place: usize, mut node: Node) -> Node {
        let incarnation = self.incarnation(place);
        node.core = match node.core {
            Core::Client(client, session) => {
                Core::Client(Box::new(client.reborn(incarnation)), session)
            }
            // Its threads go on, and report what they do to the new one.
            Core::Worker(mut worker) => {
                worker.reborn(incarnation);
                Core::Worker(worker)
            }
            core => core,
        };
        node.incarnation = incarnation;
        node
    }

    /// Puts records on the disk; false if the manager is killed in the middle of that.
    fn append(&mut self, records: &[u8]) -> bool {
        let mut block = format::head(records).to_vec();
        block.extend_from_slice(records);
        if std::mem::take(&mut self.tears) {
            let torn = self.work.random.below(block.len() as u64) as usize;
            self.disk.extend_from_slice(&block[..torn]);
            return false;
        }
        let mut written = Vec::new();
        format::read(&block, &mut |record| written.push(record));
        self.history.written(written, &self.work.begun);
        self.disk.extend_from_slice(&block);
        true
    }

    /// Writes the log anew, with only what is still needed.
    fn rewrite(&mut self, manager: &Manager) {
        let mut records = Vec::new();
        manager.snapshot(&mut |record| record.encode(&mut Encoder::new(&mut records)));
        self.disk = format::head(&records).to_vec();
        self.disk.extend_from_slice(&records);
    }

    fn send(&mut self, from: usize, to: Incarnation, frame: &[u8]) {
        if to == Incarnation::EVERYBODY {
            for place in (0..self.nodes.len()).filter(|place| *place != from) {
                self.send_to(from, place, frame);
            }
        } else if let Some(&place) = self.places.get(&to) {
            // Also if somebody else lives there by now, as with an address.
            self.send_to(from, place, frame);
        }
    }

    fn send_to(&mut self, from: usize, to: usize, frame: &[u8]) {
        let copies = if self.work.random.below(1000) < self.weather.lost {
            0
        } else if self.work.random.below(1000) < self.weather.doubled {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let at = self.now + 50 + self.work.random.below(self.weather.delay);
            self.at(at, Event::Deliver { to, from, octets: frame.to_vec() });
        }
    }
}

fn declaration() -> Declaration {
    Declaration {
        index: 0,
        name: "square".to_owned(),
        request: "type Request u64".to_owned(),
        response: "type Response u64".to_owned(),
        wire: (Uuid([1; 16]), Uuid([2; 16])),
    }
}

fn options(nature: Nature) -> Option<TaskOptions> {
    let retry = Retry { attempts: 3, first_ms: 10, longest_ms: 50, ..Retry::default() };
    let deadlines = match nature {
        Nature::Ordinary | Nature::Cancelled => return None,
        Nature::SlowAtFirst => Deadlines { start_to_close_ms: Some(250), ..Default::default() },
        Nature::SilentAtFirst => Deadlines { heartbeat_ms: Some(200), ..Default::default() },
        Nature::Impossible => Deadlines { schedule_to_start_ms: Some(300), ..Default::default() },
        _ => Deadlines::default(),
    };
    let labels = match nature {
        Nature::Impossible => vec!["elsewhere".to_owned()],
        _ => vec!["here".to_owned()],
    };
    Some(TaskOptions { labels, deadlines, retry })
}
