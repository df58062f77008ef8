//! How what contains other values is written and read.

use std::borrow::Cow;

use super::super::decoder::{Decode, Decoder};
use super::super::encoder::Encode;
use super::super::error::{DecodeError, DecodeErrorKind};
use super::super::plain;
use super::super::raw::{Level, Plain, Steady};
use super::super::sink::Sink;

/// What owns or borrows one value, and is written as that.
macro_rules! through {
    ($([$($generics:tt)*] $name:ty => $inner:ty;)*) => {$(
        impl<$($generics)*> Encode for $name {
            const STEADY: Steady<Self> = {
                let inner = <$inner as Encode>::STEADY.level();
                // SAFETY: encoding encodes the value behind the pointer, which cannot change while
                // the pointer is borrowed, as far as its own type promises.
                unsafe { Steady::of_parts(&[inner]) }
            };

            #[inline(always)]
            fn encode<S: Sink>(&self, out: &mut S) {
                (**self).encode(out);
            }
        }
    )*};
}

through! {
    [T: Encode + ?Sized] &T => T;
    [T: Encode + ?Sized] Box<T> => T;
    [] Cow<'_, str> => str;
    [T: Encode + Clone] Cow<'_, [T]> => [T];
}

impl<'de, T: Decode<'de>> Decode<'de> for Box<T> {
    const LEAST: usize = T::LEAST;

    #[inline]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        T::decode(input).map(Self::new)
    }

    #[inline]
    fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        T::decode_into(place, input)
    }

    #[inline]
    fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        T::verify(input)
    }
}

impl<T: Encode> Encode for Option<T> {
    // SAFETY: encoding gives a flag and encodes the value, none of which changes while borrowed.
    const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[T::STEADY.level()]) };

    #[inline(always)]
    fn encode<S: Sink>(&self, out: &mut S) {
        match self {
            Some(value) => {
                out.bool(true);
                value.encode(out);
            }
            None => out.bool(false),
        }
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Option<T> {
    #[inline(always)]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        if input.bool()? { T::decode(input).map(Some) } else { Ok(None) }
    }

    #[inline(always)]
    fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        match (input.bool()?, place) {
            (true, Some(value)) => T::decode_into(value, input),
            (true, place) => {
                *place = Some(T::decode(input)?);
                Ok(())
            }
            (false, place) => {
                *place = None;
                Ok(())
            }
        }
    }

    #[inline(always)]
    fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        if input.bool()? { T::verify(input) } else { Ok(()) }
    }
}

/// How much a list promises whose items promise so much.
const fn of_list(plain: bool, item: Level) -> Level {
    match item {
        _ if plain => Level::Flat,
        Level::Free => Level::Free,
        Level::Steady | Level::Flat => Level::Steady,
    }
}

impl<T: Encode> Encode for [T] {
    // SAFETY: encoding gives the length and encodes the items, or gives the octets of items that
    // are plain; none of this changes while borrowed, as far as the items promise.
    const STEADY: Steady<Self> =
        unsafe { Steady::of_parts(&[of_list(T::PLAIN.holds(), T::STEADY.level())]) };

    #[inline(always)]
    fn encode<S: Sink>(&self, out: &mut S) {
        out.uint(self.len() as u64);
        out.items(self);
    }
}

impl<T: Encode> Encode for Vec<T> {
    // SAFETY: encoding encodes the slice.
    const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[<[T]>::STEADY.level()]) };

    #[inline(always)]
    fn encode<S: Sink>(&self, out: &mut S) {
        self.as_slice().encode(out);
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Vec<T> {
    #[inline(always)]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        let count = input.count(T::LEAST)?;
        match plain::items(count, input) {
            Some(items) => items,
            None => T::decode_items(count, input),
        }
    }

    #[inline]
    fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        let count = input.count(T::LEAST)?;
        T::decode_items_into(place, count, input)
    }

    #[inline]
    fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        let count = input.count(T::LEAST)?;
        T::verify_items(count, input)
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    // SAFETY: as a list, with a length that the type says.
    const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[<[T]>::STEADY.level()]) };
    // SAFETY: the items of an array stand one behind the other.
    const PLAIN: Plain<Self> = unsafe { Plain::new(T::PLAIN.alike()) };

    #[inline(always)]
    fn encode<S: Sink>(&self, out: &mut S) {
        out.items(self);
    }
}

/// That the octets left could be `N` items.
#[inline(always)]
fn may_hold<'de, T: Decode<'de>, const N: usize>(input: &Decoder<'de>) -> Result<(), DecodeError> {
    let (needed, left) = (T::LEAST.saturating_mul(N) as u64, input.remaining() as u64);
    if needed <= left {
        return Ok(());
    }
    let kind = DecodeErrorKind::UnexpectedEnd { needed, left };
    Err(DecodeError::new(input.offset(), kind))
}

impl<'de, T: Decode<'de>, const N: usize> Decode<'de> for [T; N] {
    const LEAST: usize = T::LEAST.saturating_mul(N);
    // SAFETY: the items of an array stand one behind the other.
    const PLAIN: Plain<Self> = unsafe { Plain::new(T::PLAIN.alike()) };

    #[inline]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        if let Some(value) = plain::plain_value(input) {
            return value;
        }
        may_hold::<T, N>(input)?;
        plain::array(|index| T::decode(input).map_err(|error| error.at_index(index)))
    }

    #[inline]
    fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        if let Some(value) = plain::plain_value(input) {
            *place = value?;
            return Ok(());
        }
        may_hold::<T, N>(input)?;
        for (index, place) in place.iter_mut().enumerate() {
            T::decode_into(place, input).map_err(|error| error.at_index(index))?;
        }
        Ok(())
    }

    #[inline]
    fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        may_hold::<T, N>(input)?;
        T::verify_items(N, input)
    }
}
