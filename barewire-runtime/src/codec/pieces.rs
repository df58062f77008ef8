//! Giving away the large parts of a value where they stand, without a copy.

use super::encoder::{Encode, Encoder};
use super::raw::{Level, octets_of};
use super::sink::{Sink, sealed};

/// From how many octets on it is worth while not to copy a part.
const LARGE_BYTES: usize = 16 << 10;

/// Who takes the parts of a value, in order.
pub(crate) trait Taker {
    /// Where small parts are appended to.
    fn small(&mut self) -> &mut Vec<u8>;

    /// Takes a part that comes after all small ones so far.
    fn large(&mut self, octets: &[u8]);
}

/// Whether values of the type give the same parts each time.
pub(crate) const fn is_steady<T: Encode>() -> bool {
    !matches!(T::STEADY.level(), Level::Free)
}

/// How many octets a value of a steady type has, exactly.
pub(crate) fn length_of<T: Encode>(value: &T) -> usize {
    let mut length = Length(0);
    value.encode(&mut length);
    length.0
}

/// Appends the octets of a value to a buffer.
#[inline]
pub(crate) fn append_value<T: Encode>(value: &T, buffer: &mut Vec<u8>) {
    Encoder::new(buffer).value(value);
}

/// Gives the parts of a value to a taker.
pub(crate) fn give_pieces<T: Encode>(value: &T, taker: &mut impl Taker) {
    value.encode(&mut Pieces(taker));
}

/// Counts octets.
struct Length(usize);

impl sealed::Sealed for Length {}

impl Sink for Length {
    fn is_deterministic(&self) -> bool {
        false
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, _: [u8; N]) {
        self.0 += N;
    }

    #[inline(always)]
    fn bytes(&mut self, octets: &[u8]) {
        self.0 = self.0.saturating_add(octets.len());
    }

    #[inline(always)]
    fn uint(&mut self, value: u64) {
        let bits = (u64::BITS - value.leading_zeros()).max(1);
        self.0 += bits.div_ceil(7) as usize;
    }

    #[inline(always)]
    fn data(&mut self, octets: &[u8]) {
        self.uint(octets.len() as u64);
        self.bytes(octets);
    }

    #[inline(always)]
    fn items<T: Encode>(&mut self, items: &[T]) {
        match octets_of(items, false) {
            Some(octets) => self.bytes(octets),
            None => items.iter().for_each(|item| item.encode(self)),
        }
    }
}

struct Pieces<'t, T>(&'t mut T);

impl<T: Taker> sealed::Sealed for Pieces<'_, T> {}

impl<T: Taker> Sink for Pieces<'_, T> {
    fn is_deterministic(&self) -> bool {
        false
    }

    fn fixed<const N: usize>(&mut self, octets: [u8; N]) {
        self.0.small().extend_from_slice(&octets);
    }

    fn bytes(&mut self, octets: &[u8]) {
        if octets.len() >= LARGE_BYTES {
            self.0.large(octets);
        } else {
            self.0.small().extend_from_slice(octets);
        }
    }

    fn uint(&mut self, value: u64) {
        Encoder::new(self.0.small()).uint(value);
    }

    fn data(&mut self, octets: &[u8]) {
        self.uint(octets.len() as u64);
        self.bytes(octets);
    }

    fn items<I: Encode>(&mut self, items: &[I]) {
        match octets_of(items, false) {
            Some(octets) => self.bytes(octets),
            None => items.iter().for_each(|item| item.encode(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode;

    #[derive(Default)]
    struct Kept {
        small: Vec<u8>,
        whole: Vec<u8>,
        large: usize,
    }

    impl Taker for Kept {
        fn small(&mut self) -> &mut Vec<u8> {
            &mut self.small
        }

        fn large(&mut self, octets: &[u8]) {
            self.whole.append(&mut self.small);
            self.whole.extend_from_slice(octets);
            self.large += 1;
        }
    }

    #[test]
    fn pieces_and_length_are_those_of_the_encoding() {
        for length in [0, 1, 127, 128, LARGE_BYTES - 1, LARGE_BYTES, 1 << 20] {
            let value = (vec![7_u8; length], "é".to_owned(), vec![(1_u64, vec![2_u16; length])]);
            let mut kept = Kept::default();
            give_pieces(&value, &mut kept);
            kept.whole.append(&mut kept.small);
            assert_eq!(kept.whole, encode(&value), "{length}");
            assert_eq!(length_of(&value), kept.whole.len());
            let large = [length, 2 * length].iter().filter(|bytes| **bytes >= LARGE_BYTES).count();
            assert_eq!(kept.large, large, "{length}");
        }
    }
}
