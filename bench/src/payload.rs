//! What is sent: messages of four sizes, every byte written, every byte checked.

use std::fmt::Debug;
use std::mem::MaybeUninit;

use barewire::BareSchema;
use barewire::codec::{Decode, Encode};
use barewire::layout::FixedLayout;
use iceoryx2::prelude::ZeroCopySend;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Odd, so that every byte of a word changes from one stamp to the next (splitmix64's constant).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// How large a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Size {
    B64,
    KiB1,
    KiB8,
    MiB1,
}

impl Size {
    /// As it stands in a row's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Size::B64 => "64B",
            Size::KiB1 => "1KiB",
            Size::KiB8 => "8KiB",
            Size::MiB1 => "1MiB",
        }
    }

    /// How many messages a queue of this size holds, the same for every system.
    pub(crate) fn depth(self) -> usize {
        match self {
            Size::B64 | Size::KiB1 => 1024,
            Size::KiB8 => 64,
            Size::MiB1 => 4,
        }
    }
}

/// A message of one size, as each system wants it.
pub(crate) trait Payload: 'static {
    /// Its bytes.
    const BYTES: usize;
    /// The words themselves, for systems that send plain values.
    type Words: Copy + Debug + ZeroCopySend + Send + Sync + AsRef<[u64]> + AsMut<[u64]> + 'static;
    /// The same as a type of barewire's.
    type Message: FixedLayout + Encode + for<'de> Decode<'de> + Debug;

    /// A message with a stamp.
    fn words(stamp: u64) -> Self::Words;
    /// A message of barewire's with a stamp.
    fn message(stamp: u64) -> Self::Message;
    /// The words of a message of barewire's.
    fn words_of(message: &Self::Message) -> &[u64];
    /// A message of barewire's that is there already, with another stamp.
    fn restamp(message: &mut Self::Message, stamp: u64);
    /// The words in place.
    fn placed(layout: &<Self::Message as FixedLayout>::Layout) -> &[u64];
    /// The words in place, to be written.
    fn placed_mut(layout: &mut <Self::Message as FixedLayout>::Layout) -> &mut [u64];
}

macro_rules! payloads {
    ($($payload:ident, $message:ident, $words:literal;)*) => {$(
        /// A size of message.
        pub(crate) struct $payload;

        /// A message of this size.
        #[derive(BareSchema, Debug, Clone, PartialEq)]
        pub(crate) struct $message {
            words: [u64; $words],
        }

        impl Payload for $payload {
            const BYTES: usize = 8 * $words;
            type Words = [u64; $words];
            type Message = $message;

            #[inline(always)]
            fn words(stamp: u64) -> Self::Words {
                let mut words = [0; $words];
                fill(&mut words, stamp);
                words
            }

            #[inline(always)]
            fn message(stamp: u64) -> Self::Message {
                $message { words: Self::words(stamp) }
            }

            #[inline(always)]
            fn words_of(message: &Self::Message) -> &[u64] {
                &message.words
            }

            #[inline(always)]
            fn restamp(message: &mut Self::Message, stamp: u64) {
                fill(&mut message.words, stamp);
            }

            #[inline(always)]
            fn placed(layout: &<Self::Message as FixedLayout>::Layout) -> &[u64] {
                &layout.words
            }

            #[inline(always)]
            fn placed_mut(layout: &mut <Self::Message as FixedLayout>::Layout) -> &mut [u64] {
                &mut layout.words
            }
        }
    )*};
}

payloads! {
    B64, Message64, 8;
    KiB1, Message1KiB, 128;
    KiB8, Message8KiB, 1024;
    MiB1, Message1MiB, 131_072;
}

/// The word at a place of a message with that stamp.
#[inline(always)]
fn word(stamp: u64, place: u64) -> u64 {
    stamp.wrapping_mul(MIX).wrapping_add(place)
}

/// Writes every word of a message.
#[inline(always)]
pub(crate) fn fill(words: &mut [u64], stamp: u64) {
    for (place, slot) in (0..).zip(words.iter_mut()) {
        *slot = word(stamp, place);
    }
    if let Some(first) = words.first_mut() {
        *first = stamp;
    }
}

/// Writes a message into memory that holds none.
#[inline(always)]
pub(crate) fn fill_new<P: Payload>(slot: &mut MaybeUninit<P::Words>, stamp: u64) {
    const { assert!(size_of::<P::Words>() == P::BYTES && P::BYTES.is_multiple_of(8)) };
    let start = slot.as_mut_ptr().cast::<MaybeUninit<u64>>();
    // SAFETY: the slot is as many words as said, aligned as words are, since it is an array of
    // them; it is borrowed for as long, and nothing is assumed of what is in it.
    let slots = unsafe { std::slice::from_raw_parts_mut(start, P::BYTES / 8) };
    for (place, slot) in (0..).zip(slots.iter_mut()) {
        slot.write(word(stamp, place));
    }
    if let Some(first) = slots.first_mut() {
        first.write(stamp);
    }
}

/// Reads every word of a message; its stamp, if all of them belong to it.
#[inline(always)]
pub(crate) fn check(words: &[u64]) -> Outcome<u64> {
    let Some((&stamp, rest)) = words.split_first() else {
        return Err(torn(0));
    };
    let mut wrong = 0;
    for (place, found) in (1..).zip(rest) {
        wrong |= found ^ word(stamp, place);
    }
    if wrong == 0 { Ok(stamp) } else { Err(torn(stamp)) }
}

/// As [`check`], for octets that need not be aligned.
#[inline(always)]
pub(crate) fn check_bytes(octets: &[u8]) -> Outcome<u64> {
    let (words, _) = octets.as_chunks::<8>();
    let Some((first, rest)) = words.split_first() else {
        return Err(torn(0));
    };
    let stamp = u64::from_le_bytes(*first);
    let mut wrong = 0;
    for (place, found) in (1..).zip(rest) {
        wrong |= u64::from_le_bytes(*found) ^ word(stamp, place);
    }
    if wrong == 0 { Ok(stamp) } else { Err(torn(stamp)) }
}

#[cold]
fn torn(stamp: u64) -> Box<dyn std::error::Error> {
    format!("a message arrived whose words do not belong together (stamp {stamp:#x})").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_bit_anywhere_is_found() {
        for place in 0..8 {
            let mut words = B64::words(77);
            words[place] ^= 1 << 40;
            assert!(check(&words).is_err(), "word {place}");
        }
        assert_eq!(check(&B64::words(77)).expect("whole"), 77);
    }

    #[test]
    fn octets_are_checked_as_words_are() {
        let octets: Vec<u8> = KiB1::words(5).iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(check_bytes(&octets).expect("whole"), 5);
        let mut torn = octets.clone();
        torn[1000] ^= 4;
        assert!(check_bytes(&torn).is_err());
    }

    #[test]
    fn every_byte_of_the_next_message_differs() {
        let (one, next) = (B64::words(1), B64::words(2));
        for (a, b) in one[1..].iter().zip(&next[1..]) {
            assert!(a.to_le_bytes().iter().zip(b.to_le_bytes()).all(|(a, b)| *a != b));
        }
    }
}
