//! Pairs of maps: in which order they are written, and that no key stands twice.

use std::ops::Range;

use super::encoder::{Encode, Encoder};
use super::sink::Sink;

/// In which order the pairs of a map are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they come.
    AsIs,
    /// In ascending order of the encoded keys.
    ByKey,
}

/// Appends the pairs of a map.
pub(super) fn pairs<'p, S: Sink, K: Encode + 'p, V: Encode + 'p>(
    out: &mut S,
    pairs: impl ExactSizeIterator<Item = (&'p K, &'p V)>,
    order: Order,
) {
    out.uint(pairs.len() as u64);
    if order == Order::AsIs && !out.is_deterministic() {
        for (key, value) in pairs {
            key.encode(out);
            value.encode(out);
        }
        return;
    }
    for (key, value) in in_order(pairs, |(key, _)| *key) {
        key.encode(out);
        value.encode(out);
    }
}

/// Items in ascending order of their encoded keys.
pub(crate) fn in_order<'k, P: Copy, K: Encode + 'k>(
    items: impl Iterator<Item = P>,
    key: impl Fn(&P) -> &'k K,
) -> impl Iterator<Item = P> {
    let mut octets = Vec::new();
    let (ranges, items): (Vec<_>, Vec<P>) = items
        .map(|item| {
            let start = octets.len();
            key(&item).encode(&mut Encoder::deterministic(&mut octets));
            (start..octets.len(), item)
        })
        .unzip();
    ascending(&octets, &ranges).into_iter().map(move |index| items[index])
}

/// The places in `ranges`, in ascending order of the octets there. It is compiled once, and not for
/// every type of keys.
pub(crate) fn ascending(octets: &[u8], ranges: &[Range<usize>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    let of = |index: usize| &octets[ranges[index].clone()];
    order.sort_by(|&left, &right| of(left).cmp(of(right)));
    order
}

/// The place in `ranges` of a range whose octets stand in another one too.
pub(crate) fn repeated(octets: &[u8], ranges: &[Range<usize>]) -> Option<usize> {
    let order = ascending(octets, ranges);
    let of = |index: usize| &octets[ranges[index].clone()];
    let twice = order.windows(2).filter(|pair| of(pair[0]) == of(pair[1]));
    twice.map(|pair| pair[1]).min()
}
