//! Workers that clients ask to be let go.

use barewire_runtime::layout::Uuid;

use super::node::{Core, Node};
use super::world::World;

impl World {
    /// A client asks that a worker be let go.
    pub(super) fn drain(&mut self, place: usize) {
        let worker = 1 + self.work.random.below(self.workers as u64) as usize;
        let Some(worker) = self.nodes[worker].as_ref().map(|node| node.incarnation) else { return };
        let now = self.clocks[place].local(self.now);
        let Some(Node { core: Core::Client(client, session), .. }) = &mut self.nodes[place] else {
            return;
        };
        client.drain(now, worker);
        self.history.drains.insert((*session, worker));
        self.work_on(place);
    }

    /// Whether the workers are gone that were to be drained; what a killed client has asked for
    /// may be forgotten, as long as no worker knows of it.
    pub(super) fn drains_are_done(&self) -> bool {
        let living = |place: usize| self.nodes[place].as_ref();
        let lives = |session: Uuid| {
            let clients = (self.workers + 1..self.nodes.len()).filter_map(living);
            clients
                .into_iter()
                .any(|node| matches!(&node.core, Core::Client(_, id) if *id == session))
        };
        (1..=self.workers).filter_map(living).all(|node| {
            let asked = self.history.drains.iter().filter(|(_, it)| *it == node.incarnation);
            let knows = matches!(&node.core, Core::Worker(worker) if worker.drains());
            !knows && !asked.into_iter().any(|(session, _)| lives(*session))
        })
    }
}
