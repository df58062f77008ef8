//! A map with a cap: a count, then pairs without padding.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unalign};

use super::{Layout, List};

/// At most `N` pairs, in the order in which they were stored.
pub type Map<K, V, const N: usize> = List<Pair<K, V>, N>;

/// A key and its value, one right after the other.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Pair<K: Layout, V: Layout> {
    pub(super) key: Unalign<K>,
    pub(super) value: Unalign<V>,
}

impl<K: Layout, V: Layout> Layout for Pair<K, V> {
    type Word = u8;
}

impl<K: Layout, V: Layout> Pair<K, V> {
    /// A pair.
    #[must_use]
    pub fn new(key: K, value: V) -> Self {
        Self { key: Unalign::new(key), value: Unalign::new(value) }
    }

    /// A copy of the key.
    #[must_use]
    pub fn key(&self) -> K {
        self.key.into_inner()
    }

    /// A copy of the value.
    #[must_use]
    pub fn value(&self) -> V {
        self.value.into_inner()
    }
}

impl<K: Layout, V: Layout> std::fmt::Debug for Pair<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}
