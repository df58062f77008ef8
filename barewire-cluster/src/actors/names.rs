//! Names of actors, as nodes have published them.

use std::collections::BTreeMap;

use crate::wire::Incarnation;

/// How many names are known at most.
pub(super) const MOST_NAMES: usize = 65_536;

/// Who leads where; this node itself is [`Incarnation::EVERYBODY`], and so comes first.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: BTreeMap<String, BTreeMap<Incarnation, Vec<u8>>>,
    count: usize,
}

impl Names {
    /// A name leads there from now on; false if there are too many.
    pub(super) fn add(&mut self, node: Incarnation, name: String, reference: Vec<u8>) -> bool {
        let fits = self.count < MOST_NAMES;
        if fits && self.names.entry(name).or_default().insert(node, reference).is_none() {
            self.count += 1;
        }
        fits
    }

    /// A name does not lead there any more.
    pub(super) fn remove(&mut self, node: Incarnation, name: &str) {
        let Some(found) = self.names.get_mut(name) else { return };
        if found.remove(&node).is_some() {
            self.count -= 1;
        }
        if found.is_empty() {
            self.names.remove(name);
        }
    }

    /// No name leads to that node any more.
    pub(super) fn remove_node(&mut self, node: Incarnation) {
        let count = &mut self.count;
        self.names.retain(|_, found| {
            *count -= usize::from(found.remove(&node).is_some());
            !found.is_empty()
        });
    }

    /// Only what this node has published stays.
    pub(super) fn remove_others(&mut self) {
        self.names.retain(|_, found| {
            found.retain(|node, _| *node == Incarnation::EVERYBODY);
            !found.is_empty()
        });
        self.count = self.names.len();
    }

    /// What this node has published under that name.
    pub(super) fn own(&self, name: &str) -> Option<&[u8]> {
        self.names.get(name)?.get(&Incarnation::EVERYBODY).map(Vec::as_slice)
    }

    /// Where a name leads.
    pub(super) fn all(&self, name: &str) -> Vec<Vec<u8>> {
        self.names.get(name).map_or_else(Vec::new, |found| found.values().cloned().collect())
    }
}
