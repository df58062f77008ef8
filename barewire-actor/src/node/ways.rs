//! The ways from a node to others, and what is left of one that has ended.

use std::sync::{Arc, PoisonError};

use super::{Node, Remains, locked};
use crate::address::NodeId;
use crate::cause::Cause;
use crate::error::{AskError, TellError};
use crate::gateway::Line;
use crate::process::inbox::Lanes;
use crate::process::peer::{Peer, Way};
use crate::system::Event;

impl Node {
    /// The way to a node.
    pub(crate) fn peer(&self, id: NodeId) -> Result<Arc<Peer>, TellError> {
        if let Some(peer) = self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(peer));
        }
        let Some(me) = crate::current::node(self.id) else {
            return Err(TellError::Gone(Cause::SystemStopped));
        };
        let Some(shared) = self.shared.as_ref().filter(|_| !self.is_stopped()) else {
            return Err(TellError::Gone(Cause::Unknown));
        };
        let way = match Lanes::open(&shared.place, id) {
            Ok(lanes) => Way::Memory(Arc::new(lanes)),
            Err(error) if error.is_not_found() => match self.line(id) {
                Some(line) => Way::Line(line),
                None => {
                    let cause = Cause::ProcessEnded;
                    if self.node_ended(id, &cause).is_some() {
                        self.forget(id, &cause);
                    }
                    return Err(TellError::Gone(cause));
                }
            },
            Err(error) => return Err(TellError::Transport(error.to_string())),
        };
        let in_memory = matches!(way, Way::Memory(_));
        let peer = Arc::new(Peer::new(&me, way));
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        let peer = Arc::clone(peers.entry(id).or_insert(peer));
        drop(peers);
        if in_memory {
            crate::process::deaths::observe(&me, id);
        }
        if peer.gone().is_none() {
            self.protocol(|protocol, now| protocol.meet(now, id));
        }
        Ok(peer)
    }

    /// The line to a node that shares no memory with this one, unless that has ended.
    fn line(&self, node: NodeId) -> Option<Line> {
        let gateway = self.config.gateway.as_ref()?;
        let gone = self.protocol(|protocol, _| protocol.is_gone(node));
        // Whoever stands in the table of this machine's nodes is nowhere else.
        let table = self.registry.read();
        let ours = table.is_ok_and(|table| table.nodes.iter().any(|entry| entry.id == node));
        let leads = !gone && !ours && gateway.0.leads_to(node);
        leads.then(|| Line { gateway: Arc::clone(&gateway.0), node })
    }

    /// Sends something with the next stamp for a node; if it is sent, the stamp is used.
    pub(crate) fn stamped<E>(
        &self,
        to: NodeId,
        send: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut outgoing = locked(&self.outgoing);
        send(outgoing.next(to))?;
        outgoing.stamp(to);
        Ok(())
    }

    /// Whether a message from behind a gateway may be delivered.
    pub(crate) fn accepts(&self, from: NodeId, stamp: u64) -> bool {
        let gone = self.protocol(|protocol, _| protocol.is_gone(from));
        !gone && locked(&self.incoming).accepts(from, stamp)
    }

    /// The way to a node, which may be known to have ended.
    pub(crate) fn peer_or_ended(self: &Arc<Self>, id: NodeId) -> Arc<Peer> {
        self.peer(id).unwrap_or_else(|error| {
            let cause = match error {
                TellError::Gone(cause) => cause,
                _ => Cause::Unreachable,
            };
            Arc::new(Peer::ended(self, cause))
        })
    }

    /// The process of a node has ended: everybody who waits for anything of it is told.
    ///
    /// What is left of it is for [`forget`](Self::forget), and takes longer. `None` if its end is
    /// known already.
    pub(crate) fn node_ended(&self, id: NodeId, cause: &Cause) -> Option<Remains> {
        let remains = self.end_peer(id, cause);
        self.protocol(|protocol, _| protocol.node_ended(id, cause)).then_some(remains)
    }

    /// Removes the names of a node that has ended.
    pub(crate) fn forget(&self, id: NodeId, cause: &Cause) {
        if let Err(error) = self.registry.remove_node(id) {
            tracing::warn!(node = %id, %error, "the names of a node that ended are left");
        }
        self.tell(Event::NodeEnded { node: id, cause: cause.clone() });
    }

    /// Lets the task that ends questions see that the node has stopped.
    pub(crate) fn wake_askers(&self) {
        self.asks_changed.notify_one();
    }

    pub(super) fn end_peer(&self, id: NodeId, cause: &Cause) -> Remains {
        let peer = self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let remains = Remains(peer.and_then(|peer| peer.end(cause)));
        locked(&self.outgoing).forget(id);
        locked(&self.incoming).forget(id);
        let waiting = locked(&self.asks).node_ended(id);
        for waiter in waiting {
            waiter.fail(AskError::Gone(cause.clone()));
        }
        remains
    }

    pub(crate) fn end_peers(&self) {
        let peers =
            std::mem::take(&mut *self.peers.write().unwrap_or_else(PoisonError::into_inner));
        peers.values().for_each(|peer| drop(peer.end(&Cause::SystemStopped)));
    }
}
