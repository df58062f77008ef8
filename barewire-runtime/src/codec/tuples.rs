//! Tuples are structs of `field0`, `field1` and so on.

use super::{Decode, DecodeError, Decoder, Encode, Encoder};

macro_rules! tuples {
    ($([$($part:ident $index:tt $name:literal),*])*) => {$(
        impl<$($part: Encode),*> Encode for ($($part,)*) {
            #[inline]
            fn encode(&self, out: &mut Encoder<'_>) {
                $(self.$index.encode(out);)*
            }
        }

        impl<'de, $($part: Decode<'de>),*> Decode<'de> for ($($part,)*) {
            const LEAST: usize = 0_usize$(.saturating_add($part::LEAST))*;

            #[inline]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                Ok(($($part::decode(input).map_err(|error| error.at_field($name))?,)*))
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
