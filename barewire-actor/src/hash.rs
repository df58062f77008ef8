//! Maps whose keys are numbers that nobody chooses: given in turn, or drawn at random.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map that finds such a number in a few steps.
pub(crate) type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<Mixed>>;

/// 2⁶⁴ divided by the golden ratio: neighbours end up far from each other.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash for which keys of an adversary's choice would be the same.
#[derive(Default)]
pub(crate) struct Mixed(u64);

impl Hasher for Mixed {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        rest.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
