//! Tuples are structs of `field0`, `field1` and so on.

use std::mem::offset_of;

use super::plain::plain_value;
use super::{Decode, DecodeError, Decoder, Encode, Plain, Sink, Steady};

macro_rules! tuples {
    ($([$($part:ident $index:tt $name:literal),*])*) => {$(
        impl<$($part: Encode),*> Encode for ($($part,)*) {
            // SAFETY: encoding encodes the parts, once each, and nothing else.
            const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[$($part::STEADY.level()),*]) };
            // SAFETY: these are all parts, in order.
            const PLAIN: Plain<Self> = unsafe {
                Plain::of_fields(&[
                    $((offset_of!(Self, $index), size_of::<$part>(), $part::PLAIN.alike())),*
                ])
            };

            #[inline(always)]
            fn encode<S: Sink>(&self, out: &mut S) {
                $(self.$index.encode(out);)*
            }
        }

        impl<'de, $($part: Decode<'de>),*> Decode<'de> for ($($part,)*) {
            const LEAST: usize = 0_usize$(.saturating_add($part::LEAST))*;
            // SAFETY: these are all parts, in order; what they may hold is not limited further.
            const PLAIN: Plain<Self> = unsafe {
                Plain::of_fields(&[
                    $((offset_of!(Self, $index), size_of::<$part>(), $part::PLAIN.alike())),*
                ])
            };

            #[inline]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                if let Some(value) = plain_value(input) {
                    return value;
                }
                Ok(($($part::decode(input).map_err(|error| error.at_field($name))?,)*))
            }

            #[inline]
            fn decode_into(place: &mut Self, input: &mut Decoder<'de>) -> Result<(), DecodeError> {
                if let Some(value) = plain_value(input) {
                    *place = value?;
                    return Ok(());
                }
                $($part::decode_into(&mut place.$index, input)
                    .map_err(|error| error.at_field($name))?;)*
                Ok(())
            }

            #[inline]
            fn verify(input: &mut Decoder<'de>) -> Result<(), DecodeError> {
                if let Some(value) = plain_value::<Self>(input) {
                    return value.map(drop);
                }
                $($part::verify(input).map_err(|error| error.at_field($name))?;)*
                Ok(())
            }
        }
    )*};
}

tuples! {
    [A 0 "field0", B 1 "field1"]
    [A 0 "field0", B 1 "field1", C 2 "field2"]
    [A 0 "field0", B 1 "field1", C 2 "field2", D 3 "field3"]
    [A 0 "field0", B 1 "field1", C 2 "field2", D 3 "field3", E 4 "field4"]
    [A 0 "field0", B 1 "field1", C 2 "field2", D 3 "field3", E 4 "field4", F 5 "field5"]
    [A 0 "field0", B 1 "field1", C 2 "field2", D 3 "field3", E 4 "field4", F 5 "field5",
     G 6 "field6"]
    [A 0 "field0", B 1 "field1", C 2 "field2", D 3 "field3", E 4 "field4", F 5 "field5",
     G 6 "field6", H 7 "field7"]
}

#[cfg(test)]
mod tests {
    use crate::codec::{decode, encode};

    #[test]
    fn a_tuple_is_its_parts_in_order() {
        let pair = (7_u8, "é".to_owned());
        assert_eq!(encode(&pair), [7, 2, 0xc3, 0xa9]);
        assert_eq!(decode::<(u8, String)>(&[7, 2, 0xc3, 0xa9]), Ok(pair));
        let error = decode::<(u8, bool)>(&[7, 2]).expect_err("no bool");
        assert_eq!(error.path(), "field1");
    }
}
