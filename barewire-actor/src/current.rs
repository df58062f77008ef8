//! Which actor runs on this thread just now.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::address::{ActorId, NodeId};
use crate::node::Node;

#[derive(Clone)]
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

/// Makes an actor the running one for as long as the guard lives.
pub(crate) struct Guard(Option<Running>);

pub(crate) fn enter(node: &Arc<Node>, actor: ActorId, trace: u64) -> Guard {
    let running = Running { node: Arc::clone(node), actor, trace };
    Guard(RUNNING.with_borrow_mut(|place| place.replace(running)))
}

impl Drop for Guard {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(|place| *place = self.0.take());
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
