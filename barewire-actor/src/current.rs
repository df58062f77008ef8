//! Which actor runs on this thread just now.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::address::{ActorId, NodeId};
use crate::node::Node;

struct Running {
    node: Arc<Node>,
    actor: ActorId,
    trace: u64,
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// The systems of this process.
static NODES: Mutex<Vec<Weak<Node>>> = Mutex::new(Vec::new());

/// An actor's part: played now and then, with the trace that it had reached the last time.
pub(crate) struct Part(Option<Running>);

/// The part is played for as long as the guard lives.
pub(crate) struct Guard<'p>(&'p mut Part);

impl Part {
    pub(crate) fn new(node: &Arc<Node>, actor: ActorId) -> Self {
        Self(Some(Running { node: Arc::clone(node), actor, trace: 0 }))
    }

    /// Makes the actor the running one of this thread.
    pub(crate) fn play(&mut self) -> Guard<'_> {
        self.change_places();
        Guard(self)
    }

    fn change_places(&mut self) {
        RUNNING.with_borrow_mut(|running| std::mem::swap(running, &mut self.0));
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.change_places();
    }
}

/// Who runs, and which trace the message in hand belongs to.
pub(crate) fn sender() -> (Option<ActorId>, u64) {
    RUNNING.with_borrow(|running| match running {
        Some(running) => (Some(running.actor), running.trace),
        None => (None, 0),
    })
}

pub(crate) fn set_trace(trace: u64) {
    RUNNING.with_borrow_mut(|running| {
        if let Some(running) = running {
            running.trace = trace;
        }
    });
}

pub(crate) fn register(node: &Arc<Node>) {
    let mut nodes = NODES.lock().unwrap_or_else(PoisonError::into_inner);
    nodes.retain(|node| node.strong_count() > 0);
    nodes.push(Arc::downgrade(node));
}

/// The node of that id, if it is in this process.
pub(crate) fn node(id: NodeId) -> Option<Arc<Node>> {
    let running = RUNNING.with_borrow(|running| running.as_ref().map(|one| Arc::clone(&one.node)));
    if let Some(node) = running.filter(|node| node.id == id) {
        return Some(node);
    }
    let nodes = NODES.lock().unwrap_or_else(PoisonError::into_inner);
    nodes.iter().filter_map(Weak::upgrade).find(|node| node.id == id)
}

/// The node whose actor runs here, or else any of this process.
pub(crate) fn home() -> Option<Arc<Node>> {
    let running = RUNNING.with_borrow(|running| running.as_ref().map(|one| Arc::clone(&one.node)));
    running.or_else(|| {
        let nodes = NODES.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.iter().filter_map(Weak::upgrade).find(|node| !node.is_stopped())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ActorSystem;

    #[tokio::test]
    async fn an_actor_goes_on_with_the_trace_that_it_had() {
        let system = ActorSystem::builder("current").local().start().expect("it needs nothing");
        let actor = ActorId::new(system.id(), 7);
        let mut part = Part::new(&system.node, actor);
        let guard = part.play();
        set_trace(5);
        drop(guard);
        assert_eq!(sender(), (None, 0), "nobody runs here");
        let _guard = part.play();
        assert_eq!(sender(), (Some(actor), 5));
    }
}
