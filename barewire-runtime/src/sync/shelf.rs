//! A lock between the threads of one process that costs nothing while one thread uses it.
//!
//! Queues can be shared by threads, but most are used by one. That one, the *holder*, takes
//! the lock with plain stores and loads: it says that it is busy, then looks whether it still
//! is the holder. Another thread that wants the lock first takes that role away and then asks
//! the kernel for a barrier in all threads ([`barrier`]). After the barrier, either the
//! holder's store is visible, or the holder sees that its role is gone. A lock whose holder
//! changes often becomes an ordinary one.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, compiler_fence};

use crate::sys::barrier;

/// After so many changes of the holder, the lock has none any more.
const MOST_CHANGES: u32 = 32;

/// A value that one thread at a time may hold. Others spin: nothing that waits happens inside.
pub(crate) struct Shelf<T> {
    /// The thread that need not lock, 0 if there is none.
    holder: AtomicUsize,
    /// Set while the holder has the value.
    busy: AtomicBool,
    /// Set while a thread that is not the holder has the value.
    locked: AtomicBool,
    changes: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a `Taken`, and there is one at a time: see `lock`.
unsafe impl<T: Send> Sync for Shelf<T> {}

/// A number that differs between threads that live at the same time, never 0.
#[inline]
fn this_thread() -> usize {
    thread_local! {
        static PLACE: u8 = const { 0 };
    }
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

impl<T> Shelf<T> {
    pub(crate) fn new(value: T) -> Self {
        // Without the kernel's barrier there is never a holder.
        let changes = if barrier::register_this_process() { 0 } else { MOST_CHANGES };
        Self {
            holder: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
            locked: AtomicBool::new(false),
            changes: AtomicU32::new(changes),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value until what is returned is dropped.
    #[inline]
    pub(crate) fn lock(&self) -> Taken<'_, T> {
        let me = this_thread();
        if self.holder.load(Ordering::Relaxed) == me {
            self.busy.store(true, Ordering::Relaxed);
            // The processor may still reorder these two; see the barrier in `lock_slowly`.
            compiler_fence(Ordering::SeqCst);
            if self.holder.load(Ordering::Relaxed) == me {
                compiler_fence(Ordering::SeqCst);
                return Taken { shelf: self, flag: &self.busy };
            }
            self.busy.store(false, Ordering::Release);
        }
        self.lock_slowly(me)
    }

    #[cold]
    fn lock_slowly(&self, me: usize) -> Taken<'_, T> {
        while self.locked.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        if self.holder.swap(0, Ordering::SeqCst) != 0 {
            // From here on, the former holder either is seen to be busy or sees that it lost.
            barrier::in_this_process();
        }
        while self.busy.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        if self.changes.load(Ordering::Relaxed) < MOST_CHANGES {
            self.changes.fetch_add(1, Ordering::Relaxed);
            self.busy.store(true, Ordering::Relaxed);
            self.holder.store(me, Ordering::Release);
            self.locked.store(false, Ordering::Release);
            return Taken { shelf: self, flag: &self.busy };
        }
        Taken { shelf: self, flag: &self.locked }
    }
}

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

/// The value while it is away from its shelf.
pub(crate) struct Taken<'a, T> {
    shelf: &'a Shelf<T>,
    flag: &'a AtomicBool,
}

impl<T> Deref for Taken<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: there is one `Taken` at a time, and it is borrowed here.
        unsafe { &*self.shelf.value.get() }
    }
}

impl<T> DerefMut for Taken<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: there is one `Taken` at a time, and it is borrowed mutably here.
        unsafe { &mut *self.shelf.value.get() }
    }
}

impl<T> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.flag.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::{MOST_CHANGES, Shelf};

    #[test]
    fn threads_that_take_turns_never_hold_the_value_at_once() {
        let shelf = Shelf::new((0_u64, 0_u64));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..20_000 {
                        let mut pair = shelf.lock();
                        assert_eq!(pair.0, pair.1);
                        pair.0 += 1;
                        pair.1 += 1;
                        drop(pair);
                        if round % 1000 == 0 {
                            // Changes of the holder are what is to be tried here.
                            shelf.changes.store(0, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(*shelf.lock(), (80_000, 80_000));
        assert!(shelf.changes.load(Ordering::Relaxed) <= MOST_CHANGES + 4);
    }
}
