//! The words that a protocol works on: those of a mapping, or those of a model.
//!
//! Protocols are written against [`Words`], so that the very code that runs between processes also
//! runs under loom, which tries every interleaving that the memory model allows.

use std::sync::atomic::Ordering;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::sys::map::Mapping;

/// One word, as the protocols use it.
#[allow(dead_code, reason = "not every protocol needs every step")]
pub(crate) trait Atomic<V> {
    fn load(&self, order: Ordering) -> V;
    fn store(&self, value: V, order: Ordering);
    /// Replaces whatever stands there.
    fn swap(&self, value: V, order: Ordering) -> V;
    /// Replaces `from` by `to`; whether it stood there. A failure orders nothing.
    fn exchange(&self, from: V, to: V, order: Ordering) -> bool;
    fn fetch_add(&self, value: V, order: Ordering) -> V;
    fn fetch_sub(&self, value: V, order: Ordering) -> V;
    fn fetch_or(&self, value: V, order: Ordering) -> V;
    fn fetch_and(&self, value: V, order: Ordering) -> V;
}

/// Words at byte offsets, shared by all who have them.
#[allow(dead_code, reason = "not every protocol needs every step")]
pub(crate) trait Words {
    type U64: Atomic<u64>;
    type U32: Atomic<u32>;
    /// The word at `offset`, a multiple of 8.
    fn u64(&self, offset: usize) -> &Self::U64;
    /// The words from `offset` on, a multiple of 8.
    fn several<const N: usize>(&self, offset: usize) -> [&Self::U64; N] {
        std::array::from_fn(|index| self.u64(offset + index * 8))
    }
    /// The word at `offset`, a multiple of 4. The same bytes are never used in both widths.
    fn u32(&self, offset: usize) -> &Self::U32;
    /// As [`std::sync::atomic::fence`].
    fn fence(&self, order: Ordering);
    /// A hint that the cache line at `offset` will be read soon.
    fn prefetch_read(&self, _offset: usize) {}
    /// A hint that the cache line at `offset` will be written soon.
    fn prefetch_write(&self, _offset: usize) {}
}

macro_rules! atomic {
    ($($atomic:ty, $value:ty;)*) => {$(
        impl Atomic<$value> for $atomic {
            #[inline]
            fn load(&self, order: Ordering) -> $value {
                <$atomic>::load(self, order)
            }
            #[inline]
            fn store(&self, value: $value, order: Ordering) {
                <$atomic>::store(self, value, order);
            }
            #[inline]
            fn swap(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::swap(self, value, order)
            }
            #[inline]
            fn exchange(&self, from: $value, to: $value, order: Ordering) -> bool {
                self.compare_exchange(from, to, order, Ordering::Relaxed).is_ok()
            }
            #[inline]
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_add(self, value, order)
            }
            #[inline]
            fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_sub(self, value, order)
            }
            #[inline]
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_or(self, value, order)
            }
            #[inline]
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                <$atomic>::fetch_and(self, value, order)
            }
        }
    )*};
}

atomic! {
    AtomicU64, u64;
    AtomicU32, u32;
}

impl Words for Mapping {
    type U64 = AtomicU64;
    type U32 = AtomicU32;

    #[inline]
    fn u64(&self, offset: usize) -> &AtomicU64 {
        Mapping::u64(self, offset)
    }
    #[inline]
    fn several<const N: usize>(&self, offset: usize) -> [&AtomicU64; N] {
        Mapping::several(self, offset)
    }
    #[inline]
    fn u32(&self, offset: usize) -> &AtomicU32 {
        Mapping::u32(self, offset)
    }
    #[inline]
    fn fence(&self, order: Ordering) {
        std::sync::atomic::fence(order);
    }
    #[inline]
    fn prefetch_read(&self, offset: usize) {
        Mapping::prefetch_read(self, offset);
    }
    #[inline]
    fn prefetch_write(&self, offset: usize) {
        Mapping::prefetch_write(self, offset);
    }
}

#[cfg(test)]
pub(crate) mod model {
    //! The words of a loom model.

    use std::collections::BTreeMap;
    use std::sync::atomic::Ordering;

    use loom::sync::atomic::{AtomicU32, AtomicU64};

    use super::{Atomic, Words};

    atomic! {
        AtomicU64, u64;
        AtomicU32, u32;
    }

    /// Words of each width, all zero.
    pub(crate) struct Model {
        wide: BTreeMap<usize, AtomicU64>,
        narrow: BTreeMap<usize, AtomicU32>,
    }

    impl Model {
        /// All words of so many bytes.
        #[allow(dead_code, reason = "for protocols with few words")]
        pub(crate) fn new(bytes: usize) -> Self {
            Self {
                wide: (0..bytes).step_by(8).map(|at| (at, AtomicU64::new(0))).collect(),
                narrow: (0..bytes).step_by(4).map(|at| (at, AtomicU32::new(0))).collect(),
            }
        }

        /// Only the 64-bit words at these offsets: each one costs time in every execution.
        pub(crate) fn of(offsets: impl IntoIterator<Item = usize>) -> Self {
            let wide = offsets.into_iter().map(|at| (at, AtomicU64::new(0))).collect();
            Self { wide, narrow: BTreeMap::new() }
        }
    }

    impl Words for Model {
        type U64 = AtomicU64;
        type U32 = AtomicU32;

        fn u64(&self, offset: usize) -> &AtomicU64 {
            &self.wide[&offset]
        }
        fn u32(&self, offset: usize) -> &AtomicU32 {
            &self.narrow[&offset]
        }
        fn fence(&self, order: Ordering) {
            loom::sync::atomic::fence(order);
        }
    }
}
