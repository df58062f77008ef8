//! The thread that learns from the kernel when a process has ended, and tells who waits for it.
//!
//! One per program. It does nothing that takes long, so that nobody hears late of one end because
//! of another, and has short turns, so that it hears soon of each.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, OnceLock, Weak, mpsc};

use barewire_runtime::shared_memory::with_short_turns;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

use super::children::{self, Ended, Own, Started, Starting, Task};
use crate::address::NodeId;
use crate::cause::Cause;
use crate::node::Node;

enum Order {
    Observe {
        node: Weak<Node>,
        id: NodeId,
    },
    /// A child of that number is about to be started.
    Expect {
        id: NodeId,
        node: Weak<Node>,
    },
    /// It was started, or could not be.
    Started {
        id: NodeId,
        child: Option<(OwnedFd, Own)>,
    },
    Signal {
        id: NodeId,
        signal: Signal,
    },
}

/// The way to this thread, and to the one that does what takes long.
struct Threads {
    orders: mpsc::Sender<Order>,
    bell: PipeWriter,
    tasks: mpsc::Sender<Task>,
}

fn threads() -> Option<&'static Threads> {
    static THREADS: OnceLock<Option<Threads>> = OnceLock::new();
    THREADS.get_or_init(|| start().ok()).as_ref()
}

fn start() -> std::io::Result<Threads> {
    let (listener, bell) = std::io::pipe()?;
    let (orders, inbox) = mpsc::channel();
    let (tasks, later) = mpsc::channel();
    std::thread::Builder::new()
        .name("olivier-children".to_owned())
        .spawn(move || children::run(&later))?;
    let observer = Observer { observed: Vec::new(), expected: Vec::new(), tasks: tasks.clone() };
    std::thread::Builder::new()
        .name("olivier-deaths".to_owned())
        .spawn(move || with_short_turns(|| observer.run(listener, &inbox)))?;
    Ok(Threads { orders, bell, tasks })
}

fn order(order: Order) -> bool {
    let Some(threads) = threads() else { return false };
    threads.orders.send(order).is_ok() && (&threads.bell).write_all(&[0]).is_ok()
}

/// Learns of the end of a node's process, on behalf of another node.
pub(crate) fn observe(node: &Arc<Node>, id: NodeId) {
    if !order(Order::Observe { node: Arc::downgrade(node), id }) {
        tracing::warn!(%id, "the thread that observes processes cannot be started");
    }
}

/// Starts a child.
pub(crate) async fn start_child(child: Starting) -> Started {
    let (started, answer) = oneshot::channel();
    if let Some(threads) = threads() {
        let _ = threads.tasks.send(Task::Start { child: Box::new(child), started });
    }
    answer.await.unwrap_or_else(|_| Err(std::io::Error::other("no thread to start it")))
}

/// Whoever asks for the end of that child from now on hears of it as of one that was started here,
/// however soon it makes itself known.
pub(super) fn expect(id: NodeId, node: Weak<Node>) {
    order(Order::Expect { id, node });
}

/// Learns of the end of a child that was expected, unless it could not be started.
pub(super) fn started(id: NodeId, child: Option<(OwnedFd, Own)>) {
    order(Order::Started { id, child });
}

/// Kills a child; nothing happens if it has ended.
pub(crate) fn kill(id: NodeId) {
    signal(id, Signal::KILL);
}

/// Sends a signal to a child; nothing happens if it has ended.
pub(crate) fn signal(id: NodeId, signal: Signal) {
    order(Order::Signal { id, signal });
}

struct Observed {
    id: NodeId,
    handle: OwnedFd,
    told: Vec<Weak<Node>>,
    child: Option<Own>,
}

struct Observer {
    observed: Vec<Observed>,
    /// Children that are about to be started, and who is to be told of their ends.
    expected: Vec<(NodeId, Vec<Weak<Node>>)>,
    tasks: mpsc::Sender<Task>,
}

impl Observer {
    fn run(mut self, mut listener: PipeReader, orders: &mpsc::Receiver<Order>) {
        loop {
            let ready = {
                let mut files = vec![PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN)];
                for one in &self.observed {
                    files.push(PollFd::from_borrowed_fd(one.handle.as_fd(), PollFlags::IN));
                }
                // An interrupted wait is begun again.
                let _ = poll(&mut files, None);
                files.iter().map(|file| !file.revents().is_empty()).collect::<Vec<_>>()
            };
            let mut ended = Vec::new();
            for index in (0..self.observed.len()).rev() {
                if ready[index + 1] {
                    ended.push(self.observed.swap_remove(index).end());
                }
            }
            // By now all who wait for one of them know.
            ended.into_iter().for_each(|ended| self.forget(ended));
            if ready[0] {
                let mut octets = [0; 64];
                let _ = listener.read(&mut octets);
                while let Ok(order) = orders.try_recv() {
                    self.obey(order);
                }
            }
        }
    }

    fn forget(&self, ended: Ended) {
        // The other thread never ends.
        let _ = self.tasks.send(Task::Forget(ended));
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Observe { node, id } => self.observe(&node, id),
            Order::Expect { id, node } => self.expected.push((id, vec![node])),
            Order::Started { id, child } => self.started(id, child),
            Order::Signal { id, signal } => {
                let Some(one) = self.observed.iter().find(|one| one.id == id) else { return };
                match &one.child {
                    Some(own) if own.group => own.signal_group(signal),
                    Some(_) => drop(pidfd_send_signal(&one.handle, signal)),
                    None => {}
                }
            }
        }
    }

    fn started(&mut self, id: NodeId, child: Option<(OwnedFd, Own)>) {
        let Some(index) = self.expected.iter().position(|expected| expected.0 == id) else {
            return;
        };
        let (_, told) = self.expected.swap_remove(index);
        match child {
            Some((handle, child)) => {
                self.observed.push(Observed { id, handle, told, child: Some(child) });
            }
            // It may have lived long enough for somebody to wait for its end.
            None => told.iter().for_each(|node| self.observe(node, id)),
        }
    }

    /// Who is told of an end that is waited for, or will be.
    fn told(&mut self, id: NodeId) -> Option<&mut Vec<Weak<Node>>> {
        let observed = self.observed.iter_mut().map(|one| (one.id, &mut one.told));
        let expected = self.expected.iter_mut().map(|(of, told)| (*of, told));
        observed.chain(expected).find(|(of, _)| *of == id).map(|(_, told)| told)
    }

    fn observe(&mut self, weak: &Weak<Node>, id: NodeId) {
        let Some(node) = weak.upgrade() else { return };
        if let Some(told) = self.told(id) {
            told.retain(|other| other.strong_count() > 0);
            if !told.iter().any(|other| other.ptr_eq(weak)) {
                told.push(weak.clone());
            }
            return;
        }
        let Some(shared) = &node.shared else { return };
        let table = node.registry.read().ok();
        let entry = table.and_then(|table| table.nodes.into_iter().find(|one| one.id == id));
        let handle = entry.and_then(|entry| open(entry.pid).ok());
        // The node was alive after its process was opened, so it is its process that was opened.
        match handle.filter(|_| shared.place.is_alive(id)) {
            Some(handle) => {
                let told = vec![weak.clone()];
                self.observed.push(Observed { id, handle, told, child: None });
            }
            None => {
                let cause = Cause::ProcessEnded;
                if let Some(remains) = node.node_ended(id, &cause) {
                    let told = vec![(node, remains)];
                    self.forget(Ended { id, cause, told, parent: None });
                }
            }
        }
    }
}

impl Observed {
    fn end(self) -> Ended {
        let (mut cause, mut parent) = (Cause::ProcessEnded, None);
        if let Some(mut own) = self.child {
            if own.group {
                own.signal_group(Signal::KILL);
            }
            if let Ok(status) = own.process.wait() {
                cause = cause_of(status);
            }
            parent = Some(own.end);
        }
        let nodes = self.told.iter().filter_map(Weak::upgrade);
        let told = nodes.filter_map(|node| {
            let remains = node.node_ended(self.id, &cause)?;
            Some((node, remains))
        });
        Ended { told: told.collect(), id: self.id, cause, parent }
    }
}

fn cause_of(status: ExitStatus) -> Cause {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Cause::Signalled { signal },
        (None, Some(code)) => Cause::Exited { code },
        (None, None) => Cause::ProcessEnded,
    }
}

pub(super) fn open(pid: i32) -> std::io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
