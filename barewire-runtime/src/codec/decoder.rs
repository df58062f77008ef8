//! Reading octets, strictly.

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
        place::extend(&mut items, count, |index, place| {
            Self::decode_at(place, input).map_err(|error| error.at_index(index))
        })?;
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
        for (index, place) in places.iter_mut().enumerate() {
            Self::decode_into(place, input).map_err(|error| error.at_index(index))?;
        }
        let known = places.len();
        places.reserve(input.reserve::<Self>(count - known));
        place::extend(places, count, |index, place| {
            Self::decode_at(place, input).map_err(|error| error.at_index(index))
        })
    }

    /// Reads over `count` values.
    #[doc(hidden)]
    #[inline]
    fn verify_items(count: usize, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        if const { Self::PLAIN.holds() } {
            return input.take(count.saturating_mul(size_of::<Self>())).map(drop);
        }
        for index in 0..count {
            Self::verify(input).map_err(|error| error.at_index(index))?;
        }
        Ok(())
    }
}

/// The octets that are still to be read.
#[derive(Debug, Clone)]
pub struct Decoder<'de> {
    input: &'de [u8],
    rest: &'de [u8],
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
        Self { input, rest: input }
    }

    /// How many octets were read.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.input.len() - self.rest.len()
    }

    /// How many octets are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// All of the input, what was read included.
    pub(crate) fn input(&self) -> &'de [u8] {
        self.input
    }

    /// How many items to make room for at once: a short input must not claim much memory.
    #[inline]
    fn reserve<T>(&self, count: usize) -> usize {
        const FREELY: usize = 1 << 20;
        /// How much more memory than input is given to items that have not been read yet.
        const TIMES: usize = 8;
        let most_bytes = FREELY.max(self.rest.len().saturating_mul(TIMES));
        count.min(most_bytes / size_of::<T>().max(1))
    }

    #[cold]
    fn fault(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.offset(), kind)
    }

    #[cold]
    fn ended(&self, needed: u64) -> DecodeError {
        self.fault(DecodeErrorKind::UnexpectedEnd { needed, left: self.remaining() as u64 })
    }

    /// Takes the next `count` octets.
    ///
    /// # Errors
    ///
    /// If fewer are left.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Result<&'de [u8], DecodeError> {
        match self.rest.split_at_checked(count) {
            Some((octets, rest)) => {
                self.rest = rest;
                Ok(octets)
            }
            None => Err(self.ended(count as u64)),
        }
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<&'de [u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((octets, rest)) => {
                self.rest = rest;
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
        match self.rest.split_first() {
            Some((&octet, rest)) if octet < 0x80 => {
                self.rest = rest;
                Ok(u64::from(octet))
            }
            _ => self.long_uint(),
        }
    }

    #[inline(never)]
    fn long_uint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for (index, &octet) in self.rest.iter().take(10).enumerate() {
            if index == 9 && octet > 1 {
                return Err(self.fault(DecodeErrorKind::Overflow));
            }
            value |= u64::from(octet & 0x7f) << (7 * index);
            if octet < 0x80 {
                if octet == 0 && index > 0 {
                    return Err(self.fault(DecodeErrorKind::NotMinimal));
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(self.ended(self.remaining() as u64 + 1))
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
        match self.rest.split_first() {
            Some((&octet @ (0 | 1), rest)) => {
                self.rest = rest;
                Ok(octet == 1)
            }
            Some((&octet, _)) => Err(self.fault(DecodeErrorKind::NotBool(octet))),
            None => Err(self.ended(1)),
        }
    }

    /// The length of `data` or a `str`, if the input can hold it.
    #[inline(always)]
    fn len(&mut self) -> Result<usize, DecodeError> {
        let start = self.clone();
        let len = self.uint()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.remaining() => Ok(len),
            _ => Err(start.too_long(len, self.remaining())),
        }
    }

    #[cold]
    fn too_long(&self, needed: u64, left: usize) -> DecodeError {
        self.fault(DecodeErrorKind::UnexpectedEnd { needed, left: left as u64 })
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
        let start = self.clone();
        let len = self.len()?;
        if !is_text(self.rest, len) {
            return Err(start.fault(DecodeErrorKind::NotUtf8));
        }
        let octets = self.take(len)?;
        // SAFETY: `is_text` has just said that these octets are UTF-8.
        Ok(unsafe { std::str::from_utf8_unchecked(octets) })
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
        let start = self.clone();
        let count = self.uint()?;
        let needed = count.saturating_mul(least.max(1) as u64);
        if needed <= self.remaining() as u64 {
            return Ok(count as usize);
        }
        Err(start.too_long(needed, self.remaining()))
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
