//! A lock between the threads of one process that costs nothing while one thread uses it.
//!
//! Queues can be shared by threads, but most are used by one. The first thread that comes, the
//! *holder*, takes the lock with plain stores and loads: it says that it is busy, then looks
//! whether it still is the holder. Another thread that wants the lock first ends that role for
//! good and then asks the kernel for a barrier in all threads ([`barrier`]). After it, either the
//! holder's store is visible, or the holder sees that its role is gone. From then on this is an
//! ordinary lock; `busy` never has another user, so a holder that stood still can harm nobody
//! when it goes on.

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};

use crate::sys::barrier;

/// A value that one thread at a time may hold. Others spin: nothing that waits happens inside.
pub(crate) struct Shelf<T> {
    /// The thread that need not lock: 0 before there is one, then its number, then `ENDED`.
    holder: AtomicUsize,
    /// Set while the holder has the value.
    busy: AtomicBool,
    /// Which thread has the value otherwise, 0 if none.
    locked: AtomicUsize,
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

/// No thread has this number: the places that are numbered are bytes of some thread's memory.
const ENDED: usize = usize::MAX;

impl<T> Shelf<T> {
    pub(crate) fn new(value: T) -> Self {
        // Without the kernel's barrier there never is a holder.
        let holder = if barrier::register_this_process() { 0 } else { ENDED };
        Self {
            holder: AtomicUsize::new(holder),
            busy: AtomicBool::new(false),
            locked: AtomicUsize::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the value until what is returned is dropped.
    ///
    /// # Panics
    ///
    /// If this thread has the value already: it would wait for itself for ever.
    #[inline]
    pub(crate) fn lock(&self) -> Taken<'_, T> {
        let me = this_thread();
        if self.holder.load(Ordering::Relaxed) == me {
            // Only this thread writes `busy`.
            assert!(!self.busy.load(Ordering::Relaxed), "{REENTERED}");
            self.busy.store(true, Ordering::Relaxed);
            // The processor may still reorder these two; see the barrier in `lock_slowly`.
            compiler_fence(Ordering::SeqCst);
            if self.holder.load(Ordering::Relaxed) == me {
                compiler_fence(Ordering::SeqCst);
                return Taken { shelf: self, held: true };
            }
            self.busy.store(false, Ordering::Release);
        }
        self.lock_slowly(me)
    }

    #[cold]
    fn lock_slowly(&self, me: usize) -> Taken<'_, T> {
        assert!(self.locked.load(Ordering::Relaxed) != me, "{REENTERED}");
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        while self.locked.compare_exchange_weak(0, me, acquire, relaxed).is_err() {
            std::thread::yield_now();
        }
        match self.holder.load(Ordering::Relaxed) {
            0 => {
                // The first to come. It has the value as the holder from the start.
                self.busy.store(true, Ordering::Relaxed);
                self.holder.store(me, Ordering::Release);
                self.locked.store(0, Ordering::Release);
                return Taken { shelf: self, held: true };
            }
            ENDED => {}
            _ => {
                self.holder.store(ENDED, Ordering::SeqCst);
                // From here on, the holder either is seen to be busy or sees that it lost its role.
                assert!(barrier::in_this_process(), "membarrier worked before and is refused now");
            }
        }
        while self.busy.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        Taken { shelf: self, held: false }
    }
}

const REENTERED: &str = "a message is sent or taken inside `enqueue_with` of the same queue";

impl<T> fmt::Debug for Shelf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

/// The value while it is away from its shelf.
pub(crate) struct Taken<'a, T> {
    shelf: &'a Shelf<T>,
    held: bool,
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
        if self.held {
            self.shelf.busy.store(false, Ordering::Release);
        } else {
            self.shelf.locked.store(0, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shelf;

    #[test]
    fn threads_that_take_turns_never_hold_the_value_at_once() {
        // Many shelves, so that the end of a holder's role is tried often.
        for _ in 0..200 {
            let shelf = Shelf::new((0_u64, 0_u64));
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..500 {
                            let mut pair = shelf.lock();
                            assert_eq!(pair.0, pair.1);
                            pair.0 += 1;
                            pair.1 += 1;
                        }
                    });
                }
            });
            assert_eq!(*shelf.lock(), (1500, 1500));
        }
    }

    #[test]
    #[should_panic(expected = "inside")]
    fn a_thread_that_would_wait_for_itself_panics() {
        let shelf = Shelf::new(());
        let _first = shelf.lock();
        let _second = shelf.lock();
    }
}
