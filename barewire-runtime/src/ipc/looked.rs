//! What somebody finds who looks at messages without taking them.

use std::sync::atomic::Ordering;

use super::message::MessageHeader;
use crate::sys::map::Mapping;

/// A message that was looked at, not taken: a copy, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Who sent it, when, and which one it is.
    pub header: MessageHeader,
    /// Its octets: the fixed layout, or BARE if the type is unbounded.
    pub bytes: Vec<u8>,
}

/// What has passed since the last look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// The messages that were seen.
    pub messages: Vec<Looked>,
    /// How many others have passed.
    pub missed: u64,
}

/// Copies bytes from a multiple of 8, word by word, that others may be writing just now. The last
/// word lies inside the mapping as a whole, since everything in a segment has room to a multiple
/// of 8.
#[inline]
pub(super) fn copied(map: &Mapping, at: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (index, chunk) in bytes.chunks_mut(8).enumerate() {
        let word = map.u64(at + index * 8).load(Ordering::Relaxed);
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    bytes
}
