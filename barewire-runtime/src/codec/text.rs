//! Whether octets are UTF-8: most of the time they are ASCII, which is quick to see.

/// How many octets are looked at at once.
const BLOCK: usize = 32;

/// Whether the first `len` octets of `rest`, which has as many, are UTF-8.
#[inline(always)]
pub(super) fn is_text(rest: &[u8], len: usize) -> bool {
    // Looking beyond the text costs nothing, as long as it is still the input.
    if len <= BLOCK
        && let Some(block) = rest.first_chunk::<BLOCK>()
    {
        return high_bits(block) & mask(len) == 0 || is_utf8(&rest[..len]);
    }
    is_long_text(&rest[..len])
}

/// The lowest `len` bits, of at most 32.
#[inline(always)]
fn mask(len: usize) -> u32 {
    ((1_u64 << len) - 1) as u32
}

/// The highest bit of each octet; that of the first is the lowest.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn high_bits(block: &[u8; BLOCK]) -> u32 {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_movemask_epi8};
    let from = block.as_ptr().cast::<__m128i>();
    // SAFETY: every x86-64 processor has SSE2; these are the first 16 of 32 octets.
    let low = unsafe { _mm_loadu_si128(from) };
    // SAFETY: these are the last 16.
    let high = unsafe { _mm_loadu_si128(from.add(1)) };
    // SAFETY: every x86-64 processor has SSE2.
    let (low, high) = unsafe { (_mm_movemask_epi8(low), _mm_movemask_epi8(high)) };
    (low as u32) | ((high as u32) << 16)
}

/// The highest bit of each octet; that of the first is the lowest.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn high_bits(block: &[u8; BLOCK]) -> u32 {
    let (words, _) = block.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        // Each octet's highest bit, moved by the product into the octet at the top.
        let high = (u64::from_le_bytes(*word) >> 7) & 0x0101_0101_0101_0101;
        bits << 8 | (high.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    })
}

fn is_long_text(octets: &[u8]) -> bool {
    let (blocks, rest) = octets.as_chunks::<BLOCK>();
    let last = match octets.last_chunk::<BLOCK>() {
        Some(block) => high_bits(block) == 0,
        None => rest.is_ascii(),
    };
    last && blocks.iter().all(|block| high_bits(block) == 0) || is_utf8(octets)
}

#[inline(never)]
fn is_utf8(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_that_of_the_standard_library_wherever_the_text_stands() {
        let samples: [&[u8]; 7] =
            [b"a", b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\xa6\x80", b"\xff", b"\xc3", b"\x80"];
        for sample in samples {
            for before in 0..70 {
                for after in 0..70 {
                    let octets = [&vec![b'x'; before], sample, &vec![b'y'; after]].concat();
                    let expected = std::str::from_utf8(&octets).is_ok();
                    assert_eq!(is_text(&octets, octets.len()), expected, "{octets:x?}");
                    // What stands behind the text does not count.
                    let len = before;
                    assert!(is_text(&octets, len), "{len} of {octets:x?}");
                }
            }
        }
    }

    #[test]
    fn the_highest_bit_of_each_octet_is_seen() {
        for at in 0..BLOCK {
            let mut block = [0x7f; BLOCK];
            block[at] = 0x80;
            assert_eq!(high_bits(&block), 1 << at);
        }
    }
}
