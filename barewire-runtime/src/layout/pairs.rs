//! How Rust's maps are laid out.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use barewire_schema::{Max, PairCaps};
use zerocopy::Unalign;

use super::fixed::least_size;
use super::{FixedLayout, LayoutError, LayoutErrorKind, Map, Pair};
use crate::codec::{
    DecodeError, DecodeErrorKind, Decoder, Encode, Encoder, ascending, in_order, repeated,
};

macro_rules! map {
    (
        $map:ident, [$($bound:path),*], |$pairs:ident| $order:expr
        $(, $hasher:ident: $($more:path),*)?
    ) => {
        impl<K, V, C, const N: usize $(, $hasher)?> FixedLayout<Max<N, C>>
            for $map<K, V $(, $hasher)?>
        where
            C: PairCaps,
            K: FixedLayout<C::Key> $(+ $bound)*,
            V: FixedLayout<C::Value>,
            $($hasher: $($more +)*)?
        {
            type Layout = Map<K::Layout, V::Layout, N>;

            const WHOLE: bool = K::WHOLE || V::WHOLE;

            fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
                let places = out.start(self.len())?;
                let $pairs = self.iter();
                for (index, ((key, value), place)) in $order.zip(places).enumerate() {
                    store_unaligned(key, &mut place.key)
                        .map_err(|error| error.at_field("key").at_index(index))?;
                    store_unaligned(value, &mut place.value)
                        .map_err(|error| error.at_field("value").at_index(index))?;
                }
                Ok(())
            }

            fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
                let mut map = Self::default();
                for (index, pair) in layout.as_slice()?.iter().enumerate() {
                    let key = K::load(&pair.key())
                        .map_err(|error| error.at_field("key").at_index(index))?;
                    let value = V::load(&pair.value())
                        .map_err(|error| error.at_field("value").at_index(index))?;
                    if map.insert(key, value).is_some() {
                        let error = LayoutError::new(LayoutErrorKind::DuplicateKey);
                        return Err(error.at_field("key").at_index(index));
                    }
                }
                Ok(map)
            }

            fn encode_layout(
                layout: &Self::Layout,
                out: &mut Encoder<'_>,
            ) -> Result<(), LayoutError> {
                encode_pairs::<K, V, C>(layout.as_slice()?, out)
            }

            fn decode_layout(
                input: &mut Decoder<'_>,
                out: &mut Self::Layout,
            ) -> Result<(), DecodeError> {
                let start = input.offset();
                let least = least_size::<K, C::Key>().saturating_add(least_size::<V, C::Value>());
                let count = input.count(least)?;
                let places = out.start(count).map_err(|error| error.while_decoding(start))?;
                decode_pairs::<K, V, C>(input, places)
            }
        }
    };
}

map!(BTreeMap, [Ord], |pairs| pairs);
// As encoding does: never in the order of the hashes.
map!(
    HashMap, [Eq, Hash, Encode], |pairs| in_order(pairs, |(key, _)| *key),
    S: BuildHasher, Default
);

fn store_unaligned<T: FixedLayout<C>, C>(
    value: &T,
    place: &mut Unalign<T::Layout>,
) -> Result<(), LayoutError> {
    let mut layout = place.into_inner();
    value.store(&mut layout)?;
    place.set(layout);
    Ok(())
}

fn encode_pairs<K, V, C>(
    pairs: &[Pair<K::Layout, V::Layout>],
    out: &mut Encoder<'_>,
) -> Result<(), LayoutError>
where
    C: PairCaps,
    K: FixedLayout<C::Key>,
    V: FixedLayout<C::Value>,
{
    out.uint(pairs.len() as u64);
    let (start, sorts) = (out.written().len(), out.is_deterministic());
    let (mut keys, mut ends) = (Vec::with_capacity(pairs.len()), Vec::new());
    for (index, pair) in pairs.iter().enumerate() {
        let key_start = out.written().len();
        K::encode_layout(&pair.key(), out)
            .map_err(|error| error.at_field("key").at_index(index))?;
        keys.push(key_start..out.written().len());
        V::encode_layout(&pair.value(), out)
            .map_err(|error| error.at_field("value").at_index(index))?;
        ends.push(out.written().len());
    }
    if let Some(index) = repeated(out.written(), &keys) {
        let error = LayoutError::new(LayoutErrorKind::DuplicateKey);
        return Err(error.at_field("key").at_index(index));
    }
    if sorts {
        let written = out.written();
        let octets: Vec<u8> = ascending(written, &keys)
            .into_iter()
            .flat_map(|index| &written[keys[index].start..ends[index]])
            .copied()
            .collect();
        out.rewrite(start, &octets);
    }
    Ok(())
}

fn decode_pairs<K, V, C>(
    input: &mut Decoder<'_>,
    places: &mut [Pair<K::Layout, V::Layout>],
) -> Result<(), DecodeError>
where
    C: PairCaps,
    K: FixedLayout<C::Key>,
    V: FixedLayout<C::Value>,
{
    let mut keys = Vec::with_capacity(places.len());
    for (index, place) in places.iter_mut().enumerate() {
        let start = input.offset();
        decode_unaligned::<K, C::Key>(input, &mut place.key)
            .map_err(|error| error.at_field("key").at_index(index))?;
        keys.push(start..input.offset());
        decode_unaligned::<V, C::Value>(input, &mut place.value)
            .map_err(|error| error.at_field("value").at_index(index))?;
    }
    // A strict decoder accepts one encoding of a value, so equal keys are equal octets.
    match repeated(input.input(), &keys) {
        Some(index) => {
            let error = DecodeError::new(keys[index].start, DecodeErrorKind::DuplicateKey);
            Err(error.at_field("key").at_index(index))
        }
        None => Ok(()),
    }
}

fn decode_unaligned<T: FixedLayout<C>, C>(
    input: &mut Decoder<'_>,
    place: &mut Unalign<T::Layout>,
) -> Result<(), DecodeError> {
    let mut layout = place.into_inner();
    T::decode_layout(input, &mut layout)?;
    place.set(layout);
    Ok(())
}
