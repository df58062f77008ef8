//! A place for one value that one thread at a time may take away and put back.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// Holds a value that whoever comes first takes; the others find the place empty and do without.
pub(crate) struct Shelf<T> {
    away: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through the one `Taken` that exists while `away` is set, and
// is handed from thread to thread by the release and acquire of that flag.
unsafe impl<T: Send> Sync for Shelf<T> {}

impl<T> Shelf<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { away: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Takes the value away until what is returned is dropped; `None` if another has it.
    #[inline]
    pub(crate) fn take(&self) -> Option<Taken<'_, T>> {
        if self.away.swap(true, Ordering::Acquire) {
            return None;
        }
        Some(Taken(self))
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

/// The value while it is away from its shelf.
pub(crate) struct Taken<'a, T>(&'a Shelf<T>);

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: while `away` is set, this is the only `Taken`, and it is borrowed here.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: while `away` is set, this is the only `Taken`, and it is borrowed mutably here.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.away.store(false, Ordering::Release);
    }
}
