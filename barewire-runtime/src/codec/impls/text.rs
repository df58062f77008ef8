//! How text and data are written and read.

use std::borrow::Cow;

use super::super::copy;
use super::super::decoder::{Ahead, Decode, Decoder};
use super::super::encoder::Encode;
use super::super::error::DecodeError;
use super::super::raw::Steady;
use super::super::sink::Sink;

macro_rules! text {
    ($($name:ty),*) => {$(
        impl Encode for $name {
            // SAFETY: encoding gives one text, which cannot change while it is borrowed.
            const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };

            #[inline(always)]
            fn encode<S: Sink>(&self, out: &mut S) {
                out.str(self);
            }
        }
    )*};
}

text!(str, String);

impl<'de> Decode<'de> for String {
    #[inline(always)]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        let Ahead { rest, len } = input.text()?;
        // SAFETY: these are the octets of a `str`.
        Ok(unsafe { Self::from_utf8_unchecked(copy::owned(rest, len)) })
    }

    #[inline(always)]
    fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        let text = input.str()?;
        // SAFETY: what stands there afterwards are the octets of a `str`.
        let octets = unsafe { place.as_mut_vec() };
        copy::replace(octets, text.as_bytes());
        Ok(())
    }

    #[inline(always)]
    fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
        input.str().map(drop)
    }
}

macro_rules! borrowed {
    ($($name:ty: $read:ident, $make:expr;)*) => {$(
        impl<'de> Decode<'de> for $name {
            #[inline(always)]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                input.$read().map($make)
            }
        }
    )*};
}

borrowed! {
    &'de str: str, |text| text;
    &'de [u8]: data, |octets| octets;
    Cow<'de, str>: str, Cow::Borrowed;
    Cow<'de, [u8]>: data, Cow::Borrowed;
}
