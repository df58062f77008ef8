//! The end of a system: its thread, what others are told, what is given back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::core::packet::Signal;
use crate::error::SystemError;
use crate::mailbox::System;
use crate::node::Node;
use crate::process::dispatcher;

/// Ends a system when its last handle outside of its actors is dropped.
pub(crate) struct Life {
    node: Arc<Node>,
    finished: Arc<AtomicBool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Life {
    pub(crate) fn begin(node: &Arc<Node>) -> Result<Self, SystemError> {
        let finished = Arc::new(AtomicBool::new(false));
        drop(node.runtime.spawn(Arc::clone(node).expire_asks()));
        let mut thread = None;
        if let Some(shared) = &node.shared {
            let weak = Arc::downgrade(node);
            shared.executor.set_bell(Some(Box::new(move || {
                if let Some(node) = weak.upgrade() {
                    dispatcher::ring(&node);
                }
            })));
            let (node, finished) = (Arc::clone(node), Arc::clone(&finished));
            drop(node.runtime.spawn(crate::counters::pulse(Arc::clone(&node))));
            let begun =
                std::thread::Builder::new().name("olivier-dispatch".to_owned()).spawn(move || {
                    if let Some(shared) = &node.shared {
                        dispatcher::run(&node, shared, &finished);
                        shared.executor.clear();
                    }
                });
            thread = Some(begun.map_err(|error| SystemError::Start(error.to_string()))?);
        }
        let thread = Mutex::new(thread);
        Ok(Self { node: Arc::clone(node), finished, thread })
    }

    pub(crate) fn join(&self) {
        self.finished.store(true, Ordering::Release);
        if let Some(shared) = &self.node.shared {
            shared.executor.ring();
        }
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
        if let Some(shared) = &self.node.shared {
            shared.close();
        }
        self.node.registry.close();
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for (_, cell) in self.node.cells() {
            cell.signal(System::Signal(Signal::Kill));
        }
        end(&self.node);
        self.join();
    }
}

/// Leaves the system: others are told, and nothing more is sent.
pub(crate) fn end(node: &Arc<Node>) {
    if !node.stop_now() {
        return;
    }
    node.protocol(|protocol, _| protocol.leave());
    if let Err(error) = node.registry.remove_node(node.id) {
        tracing::warn!(%error, "the names of a system that has ended are left");
    }
    node.end_peers();
    node.wake_askers();
}
