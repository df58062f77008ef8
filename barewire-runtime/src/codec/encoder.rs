//! Writing octets.

use super::copy::append;
use super::raw::{Count, Cursor, Level, Plain, Steady, octets_of};
use super::sink::{Sink, sealed};

/// A type whose values can be written as BARE.
///
/// It is derived together with the rest: `#[derive(BareSchema)]`.
pub trait Encode {
    /// Whether values give the same parts each time.
    #[doc(hidden)]
    const STEADY: Steady<Self> = Steady::free();

    /// Whether a value's octets in memory are those of its encoding.
    #[doc(hidden)]
    const PLAIN: Plain<Self> = Plain::no();

    /// Gives the parts of the value to a sink, in order.
    fn encode<S: Sink>(&self, out: &mut S);
}

/// Where octets are appended to.
#[derive(Debug)]
pub struct Encoder<'a> {
    buffer: &'a mut Vec<u8>,
    deterministic: bool,
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        #[doc = concat!("Appends a `", stringify!($name), "`.")]
        #[inline]
        pub fn $name(&mut self, value: $name) {
            Sink::$name(self, value);
        }
    )*};
}

impl<'a> Encoder<'a> {
    /// Appends to `buffer`.
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer, deterministic: false }
    }

    /// Appends to `buffer`, with maps in order and one NaN.
    pub fn deterministic(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer, deterministic: true }
    }

    /// Whether equal values must give equal octets.
    #[must_use]
    pub fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    numbers!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64, bool);

    /// Appends a `uint`: seven bits an octet, the lowest first (LEB128).
    #[inline]
    pub fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    /// Appends an `int`: zig-zag, then as a `uint`.
    #[inline]
    pub fn int(&mut self, value: i64) {
        Sink::int(self, value);
    }

    /// Appends a `str`: its length and its octets.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.data(value.as_bytes());
    }

    /// Appends `data`: its length and its octets.
    #[inline]
    pub fn data(&mut self, value: &[u8]) {
        self.uint(value.len() as u64);
        self.bytes(value);
    }

    /// Appends octets as they are.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        append(self.buffer, value);
    }

    /// Appends a value.
    #[inline]
    pub(super) fn value<T: Encode + ?Sized>(&mut self, value: &T) {
        if const { matches!(T::STEADY.level(), Level::Flat) } && !self.deterministic {
            self.steady(std::iter::once(value));
        } else {
            // Its lists make room for each of their items.
            value.encode(self);
        }
    }

    /// Appends values whose type is steady, not in deterministic mode.
    #[inline(always)]
    fn steady<'v, T: Encode + ?Sized + 'v>(&mut self, values: impl Iterator<Item = &'v T>) {
        assert!(const { !matches!(T::STEADY.level(), Level::Free) });
        let mut len = self.buffer.len();
        for value in values {
            let most = Count::of(value);
            if self.buffer.capacity() - len < most {
                // SAFETY: as below; what was written so far is kept when the buffer moves.
                unsafe { self.buffer.set_len(len) };
                self.buffer.reserve(most);
            }
            // SAFETY: `len` is at most the capacity.
            let at = unsafe { self.buffer.as_mut_ptr().add(len) };
            // SAFETY: the type is steady, and the room behind `at` is as large as was counted.
            let end = unsafe { Cursor::write(value, at) };
            len += end.addr() - at.addr();
        }
        // SAFETY: so many octets are initialised, one value behind the other.
        unsafe { self.buffer.set_len(len) };
    }

    /// All octets of the buffer so far.
    pub(crate) fn written(&self) -> &[u8] {
        self.buffer
    }

    /// Replaces all octets from `start` on.
    pub(crate) fn rewrite(&mut self, start: usize, octets: &[u8]) {
        self.buffer.truncate(start);
        self.bytes(octets);
    }
}

impl sealed::Sealed for Encoder<'_> {}

impl Sink for Encoder<'_> {
    #[inline(always)]
    fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, octets: [u8; N]) {
        self.buffer.extend_from_slice(&octets);
    }

    #[inline(always)]
    fn bytes(&mut self, octets: &[u8]) {
        Self::bytes(self, octets);
    }

    #[inline(always)]
    fn uint(&mut self, value: u64) {
        Self::uint(self, value);
    }

    #[inline(always)]
    fn data(&mut self, octets: &[u8]) {
        Self::data(self, octets);
    }

    #[inline]
    fn items<T: Encode>(&mut self, items: &[T]) {
        let free = const { matches!(T::STEADY.level(), Level::Free) };
        match octets_of(items, self.deterministic) {
            Some(octets) => self.bytes(octets),
            None if free || self.deterministic => items.iter().for_each(|item| item.encode(self)),
            None => self.steady(items.iter()),
        }
    }
}
