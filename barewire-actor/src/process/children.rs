//! The thread that starts children, and gives back what processes have left that ended.
//!
//! One per program, and it never ends: a child is killed by the kernel when the thread that has
//! started it ends (`PR_SET_PDEATHSIG`), so that no child outlives its parent. Both things that it
//! does take long, so the thread that tells of ends does neither.

use std::process::{Child, Command};
use std::sync::{Arc, Weak, mpsc};

use barewire_runtime::shared_memory::with_short_turns;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::oneshot;

use super::deaths;
use crate::address::NodeId;
use crate::cause::Cause;
use crate::node::{Node, Remains};

/// A child that is to be started.
pub(crate) struct Starting {
    /// By what number it is known from then on.
    pub(crate) id: NodeId,
    /// The node that it will be, as another node sees it.
    pub(crate) node: Weak<Node>,
    pub(crate) command: Command,
    /// Whether it is another program: signals are for all of its process group, which ends with it.
    pub(crate) group: bool,
}

/// A child that was started: the number of its process, and what will be heard of it.
pub(crate) type Started = std::io::Result<(u32, oneshot::Receiver<Cause>)>;

/// A process that was started here.
pub(super) struct Own {
    pub(super) process: Child,
    pub(super) group: bool,
    pub(super) end: oneshot::Sender<Cause>,
}

impl Own {
    /// Until it is waited for, its number is that of this child, and of its group.
    pub(super) fn signal_group(&self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.process), signal);
    }
}

/// A process that has ended, when those who wait for it have been told.
pub(super) struct Ended {
    pub(super) id: NodeId,
    pub(super) cause: Cause,
    /// Whom, and what they had of it; given back last.
    pub(super) told: Vec<(Arc<Node>, Remains)>,
    /// Who has started it, and may start it again.
    pub(super) parent: Option<oneshot::Sender<Cause>>,
}

pub(super) enum Task {
    Start { child: Box<Starting>, started: oneshot::Sender<Started> },
    Forget(Ended),
}

pub(super) fn run(tasks: &mpsc::Receiver<Task>) {
    while let Ok(task) = tasks.recv() {
        match task {
            Task::Start { child, started } => drop(started.send(start(*child))),
            Task::Forget(ended) => ended.forget(),
        }
    }
}

fn start(child: Starting) -> Started {
    let Starting { id, node, mut command, group } = child;
    deaths::expect(id, node);
    // A process that is killed is dead when each of its threads had one more turn. What a worker is
    // started with is what its threads have; another program is not this one's to change.
    let spawned = if group { command.spawn() } else { with_short_turns(|| command.spawn()) };
    let begun = spawned.and_then(|mut process| match deaths::open(process.id().cast_signed()) {
        Ok(handle) => Ok((process, handle)),
        Err(error) => {
            // Nobody would hear of its end.
            let _ = process.kill();
            let _ = process.wait();
            Err(error)
        }
    });
    let (process, handle) = begun.inspect_err(|_| deaths::started(id, None))?;
    let (number, (end, ended)) = (process.id(), oneshot::channel());
    deaths::started(id, Some((handle, Own { process, group, end })));
    Ok((number, ended))
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
