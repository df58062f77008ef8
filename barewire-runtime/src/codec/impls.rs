//! How Rust's own types are written and read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use barewire_schema::{BareSchema, Type};
use zerocopy::IntoBytes;

use super::decoder::{Decode, Decoder};
use super::encoder::{Encode, Encoder, Order};
use super::error::{DecodeError, DecodeErrorKind};

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

impl Encode for UInt {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        out.uint(self.0);
    }
}

impl<'de> Decode<'de> for UInt {
    #[inline]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.uint().map(Self)
    }
}

impl Encode for Int {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        out.int(self.0);
    }
}

impl<'de> Decode<'de> for Int {
    #[inline]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.int().map(Self)
    }
}

macro_rules! decode_number {
    ($number:ident) => {
        impl<'de> Decode<'de> for $number {
            const LEAST: usize = size_of::<Self>();

            #[inline]
            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                input.$number()
            }

            fn decode_items(
                count: usize,
                input: &mut Decoder<'de>,
            ) -> Result<Vec<Self>, DecodeError> {
                let octets = input.take(count.saturating_mul(size_of::<Self>()))?;
                let (items, _) = octets.as_chunks();
                Ok(items.iter().map(|item| Self::from_le_bytes(*item)).collect())
            }
        }
    };
}

macro_rules! integers {
    ($($number:ident),*) => {$(
        impl Encode for $number {
            #[inline]
            fn encode(&self, out: &mut Encoder<'_>) {
                out.$number(*self);
            }

            #[inline]
            fn encode_slice(items: &[Self], out: &mut Encoder<'_>) {
                out.bytes(items.as_bytes());
            }
        }

        decode_number!($number);
    )*};
}

integers!(u8, u16, u32, u64, i8, i16, i32, i64);

macro_rules! floats {
    ($($number:ident),*) => {$(
        impl Encode for $number {
            #[inline]
            fn encode(&self, out: &mut Encoder<'_>) {
                out.$number(*self);
            }

            fn encode_slice(items: &[Self], out: &mut Encoder<'_>) {
                if out.is_deterministic() {
                    items.iter().for_each(|item| out.$number(*item));
                } else {
                    out.bytes(items.as_bytes());
                }
            }
        }

        decode_number!($number);
    )*};
}

floats!(f32, f64);

impl Encode for bool {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        out.bool(*self);
    }

    fn encode_slice(items: &[Self], out: &mut Encoder<'_>) {
        out.bytes(items.as_bytes());
    }
}

impl<'de> Decode<'de> for bool {
    #[inline]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.bool()
    }
}

impl Encode for () {
    fn encode(&self, _: &mut Encoder<'_>) {}
}

impl<'de> Decode<'de> for () {
    const LEAST: usize = 0;

    fn decode(_: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

impl Encode for str {
    fn encode(&self, out: &mut Encoder<'_>) {
        out.str(self);
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Encoder<'_>) {
        out.str(self);
    }
}

impl<'de> Decode<'de> for String {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.str().map(str::to_owned)
    }
}

impl<'de> Decode<'de> for &'de str {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.str()
    }
}

impl<'de> Decode<'de> for &'de [u8] {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.data()
    }
}

impl<'de> Decode<'de> for Cow<'de, str> {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.str().map(Cow::Borrowed)
    }
}

impl<'de> Decode<'de> for Cow<'de, [u8]> {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        input.data().map(Cow::Borrowed)
    }
}

impl<T: Encode + ToOwned + ?Sized> Encode for Cow<'_, T> {
    fn encode(&self, out: &mut Encoder<'_>) {
        self.as_ref().encode(out);
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut Encoder<'_>) {
        (**self).encode(out);
    }
}

impl<T: Encode + ?Sized> Encode for Box<T> {
    fn encode(&self, out: &mut Encoder<'_>) {
        (**self).encode(out);
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Box<T> {
    const LEAST: usize = T::LEAST;

    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        T::decode(input).map(Self::new)
    }
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        out.bool(self.is_some());
        if let Some(value) = self {
            value.encode(out);
        }
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Option<T> {
    #[inline]
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        if input.bool()? { T::decode(input).map(Some) } else { Ok(None) }
    }
}

impl<T: Encode> Encode for [T] {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        out.uint(self.len() as u64);
        T::encode_slice(self, out);
    }
}

impl<T: Encode> Encode for Vec<T> {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        self.as_slice().encode(out);
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Vec<T> {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        let count = input.count(T::LEAST)?;
        T::decode_items(count, input)
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    #[inline]
    fn encode(&self, out: &mut Encoder<'_>) {
        T::encode_slice(self, out);
    }
}

impl<'de, T: Decode<'de>, const N: usize> Decode<'de> for [T; N] {
    const LEAST: usize = T::LEAST.saturating_mul(N);

    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        let needed = Self::LEAST as u64;
        let left = input.remaining() as u64;
        let short = DecodeErrorKind::UnexpectedEnd { needed, left };
        let offset = input.offset();
        if needed > left {
            return Err(DecodeError::new(offset, short));
        }
        let items = T::decode_items(N, input)?;
        items.try_into().map_err(|_| DecodeError::new(offset, short))
    }
}

/// Reads pairs, and gives each to `insert`, which says whether its key is new.
fn decode_pairs<'de, K: Decode<'de>, V: Decode<'de>>(
    input: &mut Decoder<'de>,
    mut insert: impl FnMut(K, V) -> bool,
) -> Result<(), DecodeError> {
    let count = input.count(const { K::LEAST.saturating_add(V::LEAST) })?;
    for index in 0..count {
        let start = input.offset();
        let key = K::decode(input).map_err(|error| error.at_field("key").at_index(index))?;
        let value = V::decode(input).map_err(|error| error.at_field("value").at_index(index))?;
        if !insert(key, value) {
            let error = DecodeError::new(start, DecodeErrorKind::DuplicateKey);
            return Err(error.at_field("key").at_index(index));
        }
    }
    Ok(())
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, out: &mut Encoder<'_>) {
        out.pairs(self.iter(), Order::AsIs);
    }
}

impl<'de, K: Decode<'de> + Ord, V: Decode<'de>> Decode<'de> for BTreeMap<K, V> {
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        let mut map = Self::new();
        decode_pairs(input, |key, value| map.insert(key, value).is_none())?;
        Ok(map)
    }
}

/// Pairs are written in the order of their encoded keys, never in that of the hashes.
impl<K: Encode, V: Encode, S> Encode for HashMap<K, V, S> {
    fn encode(&self, out: &mut Encoder<'_>) {
        out.pairs(self.iter(), Order::ByKey);
    }
}

impl<'de, K, V, S> Decode<'de> for HashMap<K, V, S>
where
    K: Decode<'de> + Eq + Hash,
    V: Decode<'de>,
    S: BuildHasher + Default,
{
    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        let mut map = Self::default();
        decode_pairs(input, |key, value| map.insert(key, value).is_none())?;
        Ok(map)
    }
}
