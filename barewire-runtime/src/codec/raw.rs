//! Writing where there is room already: the room is measured first, then nothing is checked.
//!
//! ```text
//!  item ──► Count ──► at most so many octets ──► room reserved once ──► Cursor: plain stores
//! ```
//!
//! The proof of every store is one sentence: a value that is [`Steady`] gives the same parts each
//! time that it is asked for them, and for each part, [`Count`] counts at least as many octets as
//! [`Cursor`] moves on.

use std::marker::PhantomData;

use super::copy::{copy, copy_over};
use super::encoder::Encode;
use super::sink::{Sink, sealed};

/// How a value gives its parts.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is promised.
    Free,
    /// The same parts each time.
    Steady,
    /// And there are no lists in it whose items have to be looked at to measure them.
    Flat,
}

/// The promise of a type whose values, while nobody changes them, give a sink the same parts, in
/// the same order, each time.
#[doc(hidden)]
#[derive(Debug)]
pub struct Steady<T: ?Sized> {
    level: Level,
    of: PhantomData<fn() -> *const T>,
}

impl<T: ?Sized> Steady<T> {
    /// No promise.
    #[must_use]
    pub const fn free() -> Self {
        Self { level: Level::Free, of: PhantomData }
    }

    /// The promise of a type whose parts are these.
    ///
    /// # Safety
    ///
    /// Encoding a `T` encodes values of these levels and otherwise only what is known from the
    /// value alone, which cannot change while it is borrowed.
    #[must_use]
    pub const unsafe fn of_parts(parts: &[Level]) -> Self {
        let mut lowest = Level::Flat;
        let mut index = 0;
        while index < parts.len() {
            if (parts[index] as u8) < (lowest as u8) {
                lowest = parts[index];
            }
            index += 1;
        }
        Self { level: lowest, of: PhantomData }
    }

    /// How much is promised.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }
}

/// How a value's octets in memory compare with those of its encoding.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alike {
    /// Nothing is promised.
    No,
    /// They are the same, except that deterministic encoding has one NaN.
    UpToNan,
    /// They are the same.
    Always,
}

/// The promise of a type whose octets in memory are those of the encoding, one for one; a type
/// without padding, then.
#[doc(hidden)]
#[derive(Debug)]
pub struct Plain<T: ?Sized> {
    alike: Alike,
    of: PhantomData<fn() -> *const T>,
}

impl<T: ?Sized> Plain<T> {
    /// No promise.
    #[must_use]
    pub const fn no() -> Self {
        Self { alike: Alike::No, of: PhantomData }
    }

    /// How much is promised.
    #[must_use]
    pub const fn alike(&self) -> Alike {
        self.alike
    }

    /// Whether anything is.
    #[must_use]
    pub const fn holds(&self) -> bool {
        !matches!(self.alike, Alike::No)
    }
}

impl<T> Plain<T> {
    /// The promise.
    ///
    /// # Safety
    ///
    /// It holds for `T` on little-endian machines. Where it is given for decoding, any octets are
    /// a value of `T` as well.
    #[must_use]
    pub const unsafe fn new(alike: Alike) -> Self {
        let alike = if cfg!(target_endian = "little") { alike } else { Alike::No };
        Self { alike, of: PhantomData }
    }

    /// The promise of a struct: its fields are plain, and stand one behind the other.
    ///
    /// # Safety
    ///
    /// These are the offset, the size and the promise of each field of `T`, in the order in which
    /// they are encoded, and nothing else is encoded. Where it is given for decoding, any values
    /// of the fields are a value of `T`.
    #[must_use]
    pub const unsafe fn of_fields(fields: &[(usize, usize, Alike)]) -> Self {
        let (mut end, mut lowest, mut index) = (0, Alike::Always, 0);
        while index < fields.len() {
            let (offset, size, alike) = fields[index];
            if (alike as u8) < (lowest as u8) {
                lowest = alike;
            }
            if offset != end {
                return Self::no();
            }
            end += size;
            index += 1;
        }
        if end == size_of::<T>() { Self { alike: lowest, of: PhantomData } } else { Self::no() }
    }
}

/// The octets of plain values, which are those of the encoding.
#[inline(always)]
pub(super) fn octets_of<T: Encode>(items: &[T], deterministic: bool) -> Option<&[u8]> {
    match const { T::PLAIN.alike() } {
        Alike::No => return None,
        Alike::UpToNan if deterministic => return None,
        Alike::UpToNan | Alike::Always => {}
    }
    // SAFETY: a plain type has no padding, so each octet of the items is initialised; the size is
    // that of the items, and the borrow is theirs.
    Some(unsafe { std::slice::from_raw_parts(items.as_ptr().cast(), size_of_val(items)) })
}

/// The most octets that a number of variable length takes.
const LONGEST_UINT: u64 = 10;

/// How many octets behind the last one of a value may be written, so that copies may be too long.
const SLACK: u64 = 8;

/// At most how many octets a value takes.
pub(super) struct Count {
    /// What types say. It grows by at most 16 with each part, so it does not overflow.
    fixed: u64,
    /// What lengths say.
    varying: usize,
}

impl Count {
    #[inline(always)]
    pub(super) fn of<T: Encode + ?Sized>(value: &T) -> usize {
        let mut count = Self { fixed: 0, varying: 0 };
        value.encode(&mut count);
        let fixed = count.fixed + SLACK;
        count.varying.saturating_add(usize::try_from(fixed).unwrap_or(usize::MAX))
    }
}

impl sealed::Sealed for Count {}

impl Sink for Count {
    #[inline(always)]
    fn is_deterministic(&self) -> bool {
        false
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, _: [u8; N]) {
        if N <= 16 {
            self.fixed += N as u64;
        } else {
            self.varying = self.varying.saturating_add(N);
        }
    }

    #[inline(always)]
    fn bytes(&mut self, octets: &[u8]) {
        self.varying = self.varying.saturating_add(octets.len());
    }

    #[inline(always)]
    fn uint(&mut self, _: u64) {
        self.fixed += LONGEST_UINT;
    }

    #[inline(always)]
    fn data(&mut self, octets: &[u8]) {
        self.uint(0);
        self.bytes(octets);
    }

    #[inline(always)]
    fn items<T: Encode>(&mut self, items: &[T]) {
        match octets_of(items, false) {
            Some(octets) => self.bytes(octets),
            None => items.iter().for_each(|item| item.encode(self)),
        }
    }
}

/// A place with room, which moves on with each part.
pub(super) struct Cursor {
    at: *mut u8,
}

impl Cursor {
    /// Writes a value; says where it ends. All octets up to there are initialised then.
    ///
    /// # Safety
    ///
    /// The type is steady, and from `at`, as many octets as [`Count::of`] says of the value may be
    /// written; the last eight of them only in passing.
    #[inline(always)]
    pub(super) unsafe fn write<T: Encode + ?Sized>(value: &T, at: *mut u8) -> *mut u8 {
        let mut cursor = Self { at };
        value.encode(&mut cursor);
        cursor.at
    }
}

impl sealed::Sealed for Cursor {}

impl Sink for Cursor {
    #[inline(always)]
    fn is_deterministic(&self) -> bool {
        false
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, octets: [u8; N]) {
        // SAFETY: `Count::fixed` has counted N octets for this part.
        unsafe { self.at.cast::<[u8; N]>().write_unaligned(octets) };
        // SAFETY: as above; this is at most the end of what was counted.
        self.at = unsafe { self.at.add(N) };
    }

    #[inline(always)]
    fn bytes(&mut self, octets: &[u8]) {
        // SAFETY: `Count::bytes` has counted the octets of this part, and eight may be written
        // wherever a part ends; what is reserved for writing is nowhere read from.
        unsafe { copy_over(octets, self.at) };
        // SAFETY: as above; this is at most the end of what was counted.
        self.at = unsafe { self.at.add(octets.len()) };
    }

    #[inline(always)]
    fn uint(&mut self, value: u64) {
        if value < 0x80 {
            return self.u8(value as u8);
        }
        self.long_uint(value);
    }

    #[inline(always)]
    fn data(&mut self, octets: &[u8]) {
        self.uint(octets.len() as u64);
        // SAFETY: `Count::data` has counted the octets; what is reserved is nowhere read from.
        unsafe { copy(octets, self.at) };
        // SAFETY: as above; this is at most the end of what was counted.
        self.at = unsafe { self.at.add(octets.len()) };
    }

    #[inline(always)]
    fn items<T: Encode>(&mut self, items: &[T]) {
        match octets_of(items, false) {
            Some(octets) => self.bytes(octets),
            None => items.iter().for_each(|item| item.encode(self)),
        }
    }
}

impl Cursor {
    fn long_uint(&mut self, mut value: u64) {
        // 64 bits are ten times seven at most, so no more than `LONGEST_UINT` octets are written.
        while value >= 0x80 {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }
}
