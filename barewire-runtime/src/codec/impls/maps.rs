//! How maps are written and read.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use super::super::decoder::{Decode, Decoder};
use super::super::encoder::Encode;
use super::super::error::{DecodeError, DecodeErrorKind};
use super::super::order::{Order, pairs};
use super::super::raw::{Level, Steady};
use super::super::sink::Sink;

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

/// How much a map promises: its pairs have to be looked at.
const fn of_map(key: Level, value: Level) -> Level {
    match (key, value) {
        (Level::Free, _) | (_, Level::Free) => Level::Free,
        _ => Level::Steady,
    }
}

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    // SAFETY: encoding gives the length and encodes the pairs in the order of the map, none of
    // which changes while borrowed, as far as keys and values promise.
    const STEADY: Steady<Self> =
        unsafe { Steady::of_parts(&[of_map(K::STEADY.level(), V::STEADY.level())]) };

    fn encode<S: Sink>(&self, out: &mut S) {
        pairs(out, self.iter(), Order::AsIs);
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
    // SAFETY: encoding gives the length and encodes the pairs in the order of their encoded keys,
    // none of which changes while borrowed, as far as keys and values promise.
    const STEADY: Steady<Self> =
        unsafe { Steady::of_parts(&[of_map(K::STEADY.level(), V::STEADY.level())]) };

    fn encode<O: Sink>(&self, out: &mut O) {
        pairs(out, self.iter(), Order::ByKey);
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
