//! How numbers, and what is as simple, are written and read.

use barewire_schema::{BareSchema, Type};

use super::super::decoder::{Decode, Decoder};
use super::super::encoder::Encode;
use super::super::error::DecodeError;
use super::super::plain;
use super::super::raw::{Alike, Plain, Steady};
use super::super::sink::Sink;

/// A BARE `uint`: 64 bits in 1 to 10 octets. A field can be a `u64` with `#[bare(varint)]` instead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UInt(pub u64);

/// A BARE `int`: 64 bits in 1 to 10 octets. A field can be an `i64` with `#[bare(varint)]` instead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int(pub i64);

impl BareSchema for UInt {
    const TYPE: &'static Type = &Type::UInt;
}

impl BareSchema for Int {
    const TYPE: &'static Type = &Type::Int;
}

macro_rules! long {
    ($($name:ident: $method:ident),*) => {$(
        impl Encode for $name {
            // SAFETY: encoding gives one number, which cannot change while it is borrowed.
            const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };

            #[inline(always)]
            fn encode<S: Sink>(&self, out: &mut S) {
                out.$method(self.0);
            }
        }

        impl<'de> Decode<'de> for $name {
            #[inline(always)]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                input.$method().map(Self)
            }
        }
    )*};
}

long!(UInt: uint, Int: int);

macro_rules! numbers {
    ($($number:ident),*: $alike:ident) => {$(
        impl Encode for $number {
            // SAFETY: encoding gives one number, which cannot change while it is borrowed.
            const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };
            // SAFETY: a number is encoded as it stands in the memory of little-endian machines.
            const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::$alike) };

            #[inline(always)]
            fn encode<S: Sink>(&self, out: &mut S) {
                out.$number(*self);
            }
        }

        impl<'de> Decode<'de> for $number {
            const LEAST: usize = size_of::<Self>();
            // SAFETY: as for encoding, and any octets are a number.
            const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::$alike) };

            #[inline(always)]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                input.$number()
            }

            #[inline(always)]
            fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
                input.take(size_of::<Self>()).map(drop)
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i8, i16, i32, i64: Always);
numbers!(f32, f64: UpToNan);

impl Encode for bool {
    // SAFETY: encoding gives one octet, which cannot change while it is borrowed.
    const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };
    // SAFETY: a `bool` is an octet of 0 or 1, as it is encoded.
    const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::Always) };

    #[inline(always)]
    fn encode<S: Sink>(&self, out: &mut S) {
        out.bool(*self);
    }
}

impl<'de> Decode<'de> for bool {
    #[inline(always)]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.bool()
    }

    #[inline(always)]
    fn decode_items(count: usize, input: &mut Decoder<'de>) -> Result<Vec<Self>, DecodeError> {
        let mut items = plain::room_for(count.min(input.remaining()));
        plain::bools_into(&mut items, count, input)?;
        Ok(items)
    }

    #[inline]
    fn decode_items_into(
        places: &mut Vec<Self>,
        count: usize,
        input: &mut Decoder<'de>,
    ) -> Result<(), DecodeError> {
        plain::bools_into(places, count, input)
    }

    #[inline]
    fn verify_items(count: usize, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        plain::over_bools(count, input)
    }
}

impl Encode for () {
    // SAFETY: encoding gives nothing.
    const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };

    #[inline(always)]
    fn encode<S: Sink>(&self, _: &mut S) {}
}

impl<'de> Decode<'de> for () {
    const LEAST: usize = 0;

    #[inline(always)]
    fn decode(_: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        Ok(())
    }
}
