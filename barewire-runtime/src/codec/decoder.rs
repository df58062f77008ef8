//! Reading octets, strictly.

use super::error::{DecodeError, DecodeErrorKind};

/// A type whose values can be read from BARE; `'de` is the input that a value may borrow from.
///
/// It is derived together with the rest: `#[derive(BareSchema)]`.
pub trait Decode<'de>: Sized {
    /// The octets of the smallest value; never more than that.
    #[doc(hidden)]
    const LEAST: usize = 1;

    /// Reads one value.
    ///
    /// # Errors
    ///
    /// Where and why the octets are no value of the type.
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError>;

    /// Reads `count` values.
    #[doc(hidden)]
    fn decode_items(count: usize, input: &mut Decoder<'de>) -> Result<Vec<Self>, DecodeError> {
        let mut items = Vec::with_capacity(reserve::<Self>(count));
        for index in 0..count {
            items.push(Self::decode(input).map_err(|error| error.at_index(index))?);
        }
        Ok(items)
    }
}

/// How many items to make room for at once: a short input must not claim much memory.
fn reserve<T>(count: usize) -> usize {
    const MOST_BYTES: usize = 1 << 20;
    count.min(MOST_BYTES / size_of::<T>().max(1))
}

/// The octets that are still to be read.
#[derive(Debug, Clone)]
pub struct Decoder<'de> {
    input: &'de [u8],
    offset: usize,
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
        Self { input, offset: 0 }
    }

    /// How many octets were read.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// How many octets are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.input.len() - self.offset
    }

    /// All of the input, what was read included.
    pub(crate) fn input(&self) -> &'de [u8] {
        self.input
    }

    #[cold]
    fn fault(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.offset, kind)
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
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'de [u8], DecodeError> {
        match self.input[self.offset..].get(..count) {
            Some(octets) => {
                self.offset += count;
                Ok(octets)
            }
            None => Err(self.ended(count as u64)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<&'de [u8; N], DecodeError> {
        match self.input[self.offset..].first_chunk() {
            Some(octets) => {
                self.offset += N;
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
    #[inline]
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        match self.input.get(self.offset) {
            Some(&octet) if octet < 0x80 => {
                self.offset += 1;
                Ok(u64::from(octet))
            }
            _ => self.long_uint(),
        }
    }

    fn long_uint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for (index, &octet) in self.input[self.offset..].iter().take(10).enumerate() {
            if index == 9 && octet > 1 {
                return Err(self.fault(DecodeErrorKind::Overflow));
            }
            value |= u64::from(octet & 0x7f) << (7 * index);
            if octet < 0x80 {
                if octet == 0 && index > 0 {
                    return Err(self.fault(DecodeErrorKind::NotMinimal));
                }
                self.offset += index + 1;
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
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.input.get(self.offset) {
            Some(&octet @ (0 | 1)) => {
                self.offset += 1;
                Ok(octet == 1)
            }
            Some(&octet) => Err(self.fault(DecodeErrorKind::NotBool(octet))),
            None => Err(self.ended(1)),
        }
    }

    /// Reads `data`, borrowed from the input.
    ///
    /// # Errors
    ///
    /// If the input ends, or the length is no `uint`.
    #[inline]
    pub fn data(&mut self) -> Result<&'de [u8], DecodeError> {
        let start = self.offset;
        let len = self.uint()?;
        match usize::try_from(len) {
            Ok(len) if len <= self.remaining() => self.take(len),
            _ => {
                let left = self.remaining() as u64;
                let kind = DecodeErrorKind::UnexpectedEnd { needed: len, left };
                Err(DecodeError::new(start, kind))
            }
        }
    }

    /// Reads a `str`, borrowed from the input.
    ///
    /// # Errors
    ///
    /// As [`data`](Self::data), or if it is not UTF-8.
    #[inline]
    pub fn str(&mut self) -> Result<&'de str, DecodeError> {
        let start = self.offset;
        let octets = self.data()?;
        std::str::from_utf8(octets).map_err(|_| DecodeError::new(start, DecodeErrorKind::NotUtf8))
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
        let start = self.offset;
        let count = self.uint()?;
        let needed = count.saturating_mul(least.max(1) as u64);
        let left = self.remaining() as u64;
        if needed <= left {
            return Ok(count as usize);
        }
        Err(DecodeError::new(start, DecodeErrorKind::UnexpectedEnd { needed, left }))
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
