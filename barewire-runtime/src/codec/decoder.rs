//! Reading octets, strictly.

use std::marker::PhantomData;

use super::error::{DecodeError, DecodeErrorKind};
use super::place::{self, Made, Place};
use super::plain;
use super::raw::Plain;
use super::text::is_text;

/// A type whose values can be read from BARE; `'de` is the input that a value may borrow from.
///
/// It is derived together with the rest: `#[derive(BareSchema)]`.
pub trait Decode<'de>: Sized {
    /// The octets of the smallest value; never more than that.
    #[doc(hidden)]
    const LEAST: usize = 1;

    /// Whether any octets, as many as the type takes in memory, are a value, one for one.
    #[doc(hidden)]
    const PLAIN: Plain<Self> = Plain::no();

    /// Reads one value.
    ///
    /// # Errors
    ///
    /// Where and why the octets are no value of the type.
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError>;

    /// Reads one value, and makes it where it is to stand.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    #[doc(hidden)]
    #[inline(always)]
    fn decode_at<'p>(
        place: Place<'p, Self>,
        input: &mut Decoder<'de>,
    ) -> Result<Made<'p, Self>, DecodeError> {
        Ok(place.write(Self::decode(input)?))
    }

    /// Reads one value into the place of another, whose memory is used again.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode); some value of the type stands there then.
    fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        *place = Self::decode(input)?;
        Ok(())
    }

    /// Reads over one value.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        Self::decode(input).map(drop)
    }

    /// Reads `count` values.
    #[doc(hidden)]
    #[inline]
    fn decode_items(count: usize, input: &mut Decoder<'de>) -> Result<Vec<Self>, DecodeError> {
        if let Some(items) = plain::items(count, input) {
            return items;
        }
        let mut items = Vec::with_capacity(input.reserve::<Self>(count));
        // A copy that nobody else sees can be kept in registers.
        let mut ahead = input.clone();
        place::extend(&mut items, count, |index, place| {
            Self::decode_at(place, &mut ahead).map_err(|error| error.at_index(index))
        })?;
        *input = ahead;
        Ok(items)
    }

    /// Reads `count` values into the places of others.
    #[doc(hidden)]
    #[inline]
    fn decode_items_into(
        places: &mut Vec<Self>,
        count: usize,
        input: &mut Decoder<'de>,
    ) -> Result<(), DecodeError> {
        if let Some(done) = plain::items_into(places, count, input) {
            return done;
        }
        places.truncate(count);
        let mut ahead = input.clone();
        for (index, place) in places.iter_mut().enumerate() {
            Self::decode_into(place, &mut ahead).map_err(|error| error.at_index(index))?;
        }
        let known = places.len();
        places.reserve(ahead.reserve::<Self>(count - known));
        place::extend(places, count, |index, place| {
            Self::decode_at(place, &mut ahead).map_err(|error| error.at_index(index))
        })?;
        *input = ahead;
        Ok(())
    }

    /// Reads over `count` values.
    #[doc(hidden)]
    #[inline]
    fn verify_items(count: usize, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        if const { Self::PLAIN.holds() } {
            return input.take(count.saturating_mul(size_of::<Self>())).map(drop);
        }
        let mut ahead = input.clone();
        for index in 0..count {
            Self::verify(&mut ahead).map_err(|error| error.at_index(index))?;
        }
        *input = ahead;
        Ok(())
    }
}

/// The octets that are still to be read.
#[derive(Debug, Clone)]
pub struct Decoder<'de> {
    // Two ends and a place in between, of one slice: with each octet read, one of them moves.
    start: *const u8,
    at: *const u8,
    end: *const u8,
    of: PhantomData<&'de [u8]>,
}

// SAFETY: it stands for a slice of octets, which may be read from any thread.
unsafe impl Send for Decoder<'_> {}
// SAFETY: as above.
unsafe impl Sync for Decoder<'_> {}

/// Octets that were taken, and those behind them: a copy that is too long costs nothing, as long as
/// it is still of the input.
pub(super) struct Ahead<'de> {
    /// From the first octet on.
    pub(super) rest: &'de [u8],
    /// How many were taken; `rest` has as many.
    pub(super) len: usize,
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        #[doc = concat!("Reads a `", stringify!($name), "`.\n\n# Errors\n\nIf the input ends.")]
        #[inline]
        pub fn $name(&mut self) -> Result<$name, DecodeError> {
            Ok($name::from_le_bytes(*self.array()?))
        }
    )*};
}

impl<'de> Decoder<'de> {
    /// Reads from the start of `input`.
    #[must_use]
    pub fn new(input: &'de [u8]) -> Self {
        let range = input.as_ptr_range();
        Self { start: range.start, at: range.start, end: range.end, of: PhantomData }
    }

    /// How many octets were read.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at.addr() - self.start.addr()
    }

    /// How many octets are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.end.addr() - self.at.addr()
    }

    /// The octets that are left.
    #[inline(always)]
    fn rest(&self) -> &'de [u8] {
        // SAFETY: from `at` to `end` is a part of the slice that this was made of.
        unsafe { std::slice::from_raw_parts(self.at, self.remaining()) }
    }

    /// Moves on.
    ///
    /// # Safety
    ///
    /// At least `count` octets are left.
    #[inline(always)]
    unsafe fn advance(&mut self, count: usize) {
        // SAFETY: this is at most the end of the slice.
        self.at = unsafe { self.at.add(count) };
    }

    /// All of the input, what was read included.
    pub(crate) fn input(&self) -> &'de [u8] {
        // SAFETY: from `start` to `end` is the slice that this was made of.
        unsafe { std::slice::from_raw_parts(self.start, self.end.addr() - self.start.addr()) }
    }

    /// How many items to make room for at once: a short input must not claim much memory.
    #[inline]
    fn reserve<T>(&self, count: usize) -> usize {
        const FREELY: usize = 1 << 20;
        /// How much more memory than input is given to items that have not been read yet.
        const TIMES: usize = 8;
        let most_bytes = FREELY.max(self.remaining().saturating_mul(TIMES));
        count.min(most_bytes / size_of::<T>().max(1))
    }

    // A decoder that is passed to a function by reference, if only in case of an error, has to
    // stand in memory, which costs with every octet read. So these take numbers.

    #[inline(always)]
    fn fault(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.offset(), kind)
    }

    #[inline(always)]
    fn ended(&self, needed: u64) -> DecodeError {
        ended(self.offset(), needed, self.remaining())
    }

    /// Takes the next `count` octets.
    ///
    /// # Errors
    ///
    /// If fewer are left.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Result<&'de [u8], DecodeError> {
        if count > self.remaining() {
            return Err(self.ended(count as u64));
        }
        // SAFETY: so many are left.
        let octets = unsafe { self.rest().get_unchecked(..count) };
        // SAFETY: as above.
        unsafe { self.advance(count) };
        Ok(octets)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<&'de [u8; N], DecodeError> {
        match self.rest().first_chunk() {
            Some(octets) => {
                // SAFETY: these are N octets that are left.
                unsafe { self.advance(N) };
                Ok(octets)
            }
            None => Err(self.ended(N as u64)),
        }
    }

    numbers!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

    /// Reads a `uint`.
    ///
    /// # Errors
    ///
    /// If the input ends, the number exceeds 64 bits, or is longer than it needs to be.
    #[inline(always)]
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        match self.rest().first() {
            Some(&octet) if octet < 0x80 => {
                // SAFETY: this octet is left.
                unsafe { self.advance(1) };
                Ok(u64::from(octet))
            }
            _ => {
                let (value, octets) = long_uint(self.input(), self.offset())?;
                self.take(octets)?;
                Ok(value)
            }
        }
    }

    /// Reads an `int`.
    ///
    /// # Errors
    ///
    /// As [`uint`](Self::uint).
    #[inline]
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        let value = self.uint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads a `bool`.
    ///
    /// # Errors
    ///
    /// If the input ends, or the octet is neither 0 nor 1.
    #[inline(always)]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.rest().first() {
            Some(&octet @ (0 | 1)) => {
                // SAFETY: this octet is left.
                unsafe { self.advance(1) };
                Ok(octet == 1)
            }
            Some(&octet) => Err(self.fault(DecodeErrorKind::NotBool(octet))),
            None => Err(self.ended(1)),
        }
    }

    /// The length of `data` or a `str`, if the input can hold it.
    #[inline(always)]
    fn len(&mut self) -> Result<usize, DecodeError> {
        let start = self.offset();
        let len = self.uint()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.remaining() => Ok(len),
            _ => Err(ended(start, len, self.remaining())),
        }
    }

    /// Whether the next `count` octets are there and are 0 or 1.
    #[inline(always)]
    pub(super) fn are_bools(&self, count: usize) -> bool {
        plain::are_bools(self.rest(), count)
    }

    /// Reads `data`, borrowed from the input.
    ///
    /// # Errors
    ///
    /// If the input ends, or the length is no `uint`.
    #[inline(always)]
    pub fn data(&mut self) -> Result<&'de [u8], DecodeError> {
        let len = self.len()?;
        self.take(len)
    }

    /// Reads a `str`, borrowed from the input.
    ///
    /// # Errors
    ///
    /// As [`data`](Self::data), or if it is not UTF-8.
    #[inline(always)]
    pub fn str(&mut self) -> Result<&'de str, DecodeError> {
        let Ahead { rest, len } = self.text()?;
        // SAFETY: `text` says that there are so many, and that they are UTF-8.
        let octets = unsafe { rest.get_unchecked(..len) };
        // SAFETY: as above.
        Ok(unsafe { std::str::from_utf8_unchecked(octets) })
    }

    /// Reads a `str`: the first `len` octets of what it gives are UTF-8.
    #[inline(always)]
    pub(super) fn text(&mut self) -> Result<Ahead<'de>, DecodeError> {
        let start = self.offset();
        let len = self.len()?;
        if !is_text(self.rest(), len) {
            return Err(DecodeError::new(start, DecodeErrorKind::NotUtf8));
        }
        self.ahead(len)
    }

    /// Takes the next `count` octets, and shows what follows them.
    #[inline(always)]
    pub(super) fn ahead(&mut self, count: usize) -> Result<Ahead<'de>, DecodeError> {
        let rest = self.rest();
        self.take(count)?;
        Ok(Ahead { rest, len: count })
    }

    /// Reads a count of items that take at least `least` octets each.
    ///
    /// Since every item takes some, a count that the input cannot hold is refused before anything
    /// is allocated.
    ///
    /// # Errors
    ///
    /// If the octets left cannot hold that many items, or the count is no `uint`.
    #[inline]
    pub fn count(&mut self, least: usize) -> Result<usize, DecodeError> {
        let start = self.offset();
        let count = self.uint()?;
        let needed = count.saturating_mul(least.max(1) as u64);
        if needed <= self.remaining() as u64 {
            return Ok(count as usize);
        }
        Err(ended(start, needed, self.remaining()))
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// If octets are left over.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.fault(DecodeErrorKind::Trailing(left as u64))),
        }
    }
}

#[cold]
#[inline(never)]
fn ended(offset: usize, needed: u64, left: usize) -> DecodeError {
    DecodeError::new(offset, DecodeErrorKind::UnexpectedEnd { needed, left: left as u64 })
}

/// A `uint` of more than one octet, and how many they are.
#[inline(never)]
fn long_uint(input: &[u8], offset: usize) -> Result<(u64, usize), DecodeError> {
    let octets = input.get(offset..).unwrap_or_default();
    let mut value = 0_u64;
    for (index, &octet) in octets.iter().take(10).enumerate() {
        if index == 9 && octet > 1 {
            return Err(DecodeError::new(offset, DecodeErrorKind::Overflow));
        }
        value |= u64::from(octet & 0x7f) << (7 * index);
        if octet < 0x80 {
            if octet == 0 && index > 0 {
                return Err(DecodeError::new(offset, DecodeErrorKind::NotMinimal));
            }
            return Ok((value, index + 1));
        }
    }
    Err(ended(offset, octets.len() as u64 + 1, octets.len()))
}
