//! A value that is almost never there.

use std::mem::ManuallyDrop;

/// An optional boxed value, whose drop is one comparison where it is not there.
///
/// With an ordinary `Option<Box<_>>`, the code that frees it would stand in every caller, and keep
/// what holds it from being a few registers there.
#[derive(Debug)]
pub(super) struct Rare<T>(ManuallyDrop<Option<Box<T>>>);

impl<T> Rare<T> {
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self(ManuallyDrop::new(None))
    }
    pub(super) fn some(value: T) -> Self {
        Self(ManuallyDrop::new(Some(Box::new(value))))
    }
    #[inline(always)]
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    #[cold]
    #[inline(never)]
    fn free(&mut self) {
        // SAFETY: only `drop` calls this, once.
        unsafe { ManuallyDrop::drop(&mut self.0) }
    }
}

impl<T> Drop for Rare<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0.is_some() {
            self.free();
        }
    }
}
