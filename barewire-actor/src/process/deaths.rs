//! The thread that starts children, and learns from the kernel when a process has ended.
//!
//! One per program, and it never ends: a child is killed by the kernel when the thread that has
//! started it ends (`PR_SET_PDEATHSIG`), so that no child outlives its parent.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak, mpsc};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;

use crate::address::NodeId;
use crate::cause::Cause;
use crate::node::{Node, Remains};

enum Order {
    Observe { node: Weak<Node>, id: NodeId },
    Start { child: Box<Starting>, started: Answer },
    Signal { id: NodeId, signal: Signal },
}

/// A child that is to be started.
pub(crate) struct Starting {
    /// By what number it is known from then on.
    pub(crate) id: NodeId,
    /// The node that it will be, as another node sees it.
    pub(crate) node: Weak<Node>,
    pub(crate) command: Command,
    /// Whether signals are for all of its process group, which ends with it.
    pub(crate) group: bool,
}

/// A child that was started: the number of its process, and what will be heard of it.
pub(crate) type Started = std::io::Result<(u32, oneshot::Receiver<Cause>)>;

type Answer = oneshot::Sender<Started>;

struct Thread {
    orders: mpsc::Sender<Order>,
    bell: PipeWriter,
}

static THREAD: OnceLock<Option<Mutex<Thread>>> = OnceLock::new();

fn order(order: Order) -> bool {
    let thread = THREAD.get_or_init(|| start().ok().map(Mutex::new));
    let Some(thread) = thread else { return false };
    let mut thread = thread.lock().unwrap_or_else(PoisonError::into_inner);
    thread.orders.send(order).is_ok() && thread.bell.write_all(&[0]).is_ok()
}

fn start() -> std::io::Result<Thread> {
    let (listener, bell) = std::io::pipe()?;
    let (orders, inbox) = mpsc::channel();
    std::thread::Builder::new()
        .name("olivier-deaths".to_owned())
        .spawn(move || Observer { observed: Vec::new() }.run(listener, &inbox))?;
    Ok(Thread { orders, bell })
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
    order(Order::Start { child: Box::new(child), started });
    answer.await.unwrap_or_else(|_| Err(std::io::Error::other("no thread to start it")))
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

/// A process that was started here.
struct Own {
    process: Child,
    group: bool,
    end: oneshot::Sender<Cause>,
}

impl Own {
    /// Until it is waited for, its number is that of this child, and of its group.
    fn signal_group(&self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.process), signal);
    }
}

struct Observer {
    observed: Vec<Observed>,
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
            // Cleaning up may take long; by now all who wait for one of them know.
            ended.into_iter().for_each(Ended::forget);
            if ready[0] {
                let mut octets = [0; 64];
                let _ = listener.read(&mut octets);
                while let Ok(order) = orders.try_recv() {
                    self.obey(order);
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Observe { node, id } => self.observe(&node, id),
            Order::Start { child, started } => {
                let Starting { id, node, mut command, group } = *child;
                let begun = command.spawn().and_then(|process| {
                    let handle = open(process.id().cast_signed())?;
                    Ok((process, handle))
                });
                let answer = begun.map(|(process, handle)| {
                    let (end, ended) = oneshot::channel();
                    let number = process.id();
                    let child = Some(Own { process, group, end });
                    self.observed.push(Observed { id, handle, told: vec![node], child });
                    (number, ended)
                });
                let _ = started.send(answer);
            }
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

    fn observe(&mut self, weak: &Weak<Node>, id: NodeId) {
        let Some(node) = weak.upgrade() else { return };
        if let Some(known) = self.observed.iter_mut().find(|one| one.id == id) {
            known.told.retain(|other| other.strong_count() > 0);
            if !known.told.iter().any(|other| other.ptr_eq(weak)) {
                known.told.push(weak.clone());
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
                if node.node_ended(id, &cause).is_some() {
                    node.forget(id, &cause);
                }
            }
        }
    }
}

/// A process that has ended, when those who wait for it have been told.
struct Ended {
    id: NodeId,
    cause: Cause,
    /// Whom, and what they had of it; given back last.
    told: Vec<(Arc<Node>, Remains)>,
    /// Who has started it, and may start it again.
    parent: Option<oneshot::Sender<Cause>>,
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

impl Ended {
    fn forget(self) {
        for (node, _) in &self.told {
            node.forget(self.id, &self.cause);
        }
        if let Some(parent) = self.parent {
            let _ = parent.send(self.cause);
        }
        for (node, remains) in self.told {
            drop(remains);
            let removed = node.shared.as_ref().map(|shared| shared.place.remove_abandoned());
            if let Some(Err(error)) = removed {
                tracing::warn!(node = %self.id, %error, "what a process that ended had is left");
            }
        }
    }
}

fn cause_of(status: ExitStatus) -> Cause {
    match (status.signal(), status.code()) {
        (Some(signal), _) => Cause::Signalled { signal },
        (None, Some(code)) => Cause::Exited { code },
        (None, None) => Cause::ProcessEnded,
    }
}

fn open(pid: i32) -> std::io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
