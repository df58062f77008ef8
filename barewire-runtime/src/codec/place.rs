//! Making values where they are to stand, without moving them there.
//!
//! ```text
//!  Place: room for a T ──► decode_at ──► Made: the T that stands there now, and is owned by it
//! ```
//!
//! A [`Made`] that is dropped drops its value, so a struct of which a field cannot be read drops
//! the fields before it.

use std::marker::PhantomData;
use std::mem::{MaybeUninit, forget};
use std::ptr;

use super::error::DecodeError;

/// Room for a value.
#[doc(hidden)]
#[derive(Debug)]
pub struct Place<'p, T> {
    at: *mut T,
    of: PhantomData<&'p mut MaybeUninit<T>>,
}

/// The value that was made in a place, and belongs to this.
#[doc(hidden)]
#[derive(Debug)]
pub struct Made<'p, T> {
    at: *mut T,
    of: PhantomData<&'p mut T>,
}

impl<'p, T> Place<'p, T> {
    /// Room that is borrowed.
    #[inline(always)]
    pub fn new(room: &'p mut MaybeUninit<T>) -> Self {
        Self { at: room.as_mut_ptr(), of: PhantomData }
    }

    /// Room for a part of what another place has room for.
    ///
    /// # Safety
    ///
    /// `at` is aligned, may be written for `'p`, and nothing else reads or writes there until then.
    #[inline(always)]
    pub unsafe fn part(at: *mut T) -> Self {
        Self { at, of: PhantomData }
    }

    /// Where it is.
    #[inline(always)]
    #[must_use]
    pub fn at(&self) -> *mut T {
        self.at
    }

    /// Puts a value there.
    #[inline(always)]
    pub fn write(self, value: T) -> Made<'p, T> {
        // SAFETY: a place is aligned and may be written.
        unsafe { self.at.write(value) };
        Made { at: self.at, of: PhantomData }
    }

    /// Says that a value stands there.
    ///
    /// # Safety
    ///
    /// It does, and nobody else drops it.
    #[inline(always)]
    pub unsafe fn assume_made(self) -> Made<'p, T> {
        Made { at: self.at, of: PhantomData }
    }
}

impl<T> Drop for Made<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: a value stands there, which belongs to this.
        unsafe { ptr::drop_in_place(self.at) };
    }
}

/// Makes a value in a place of its own.
#[doc(hidden)]
#[inline(always)]
pub fn make<T>(
    fill: impl FnOnce(Place<'_, T>) -> Result<Made<'_, T>, DecodeError>,
) -> Result<T, DecodeError> {
    let mut room = MaybeUninit::uninit();
    let at: *const T = room.as_ptr();
    let made = fill(Place::new(&mut room))?;
    confirm(made, at);
    // SAFETY: `confirm` has seen that the value stands in this room; nobody else owns it.
    Ok(unsafe { room.assume_init() })
}

/// Makes values at the end of a list until there are `count`.
#[inline(always)]
pub(super) fn extend<T>(
    list: &mut Vec<T>,
    count: usize,
    mut fill: impl FnMut(usize, Place<'_, T>) -> Result<Made<'_, T>, DecodeError>,
) -> Result<(), DecodeError> {
    for index in list.len()..count {
        if list.len() == list.capacity() {
            list.reserve(1);
        }
        let Some(room) = list.spare_capacity_mut().first_mut() else { break };
        let at: *const T = room.as_ptr();
        let made = fill(index, Place::new(room))?;
        confirm(made, at);
        // SAFETY: `confirm` has seen that the value stands behind the last; it is the list's now.
        unsafe { list.set_len(index + 1) };
    }
    Ok(())
}

/// Takes the value out of the hands of `made`, which must stand where it was asked for.
///
/// A safe implementation of decoding might bring the value of some other place.
#[inline(always)]
fn confirm<T>(made: Made<'_, T>, at: *const T) {
    assert!(ptr::eq(made.at, at), "a value was decoded into another place than the one given");
    forget(made);
}
