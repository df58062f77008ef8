//! Looking at sixteen octets at once, by what every x86-64 processor has.

use std::arch::x86_64::{
    __m128i, _mm_and_si128 as and, _mm_andnot_si128 as and_not, _mm_cmpeq_epi8 as equal,
    _mm_cmpgt_epi8 as greater, _mm_loadu_si128 as load, _mm_movemask_epi8 as highest,
    _mm_or_si128 as or, _mm_set1_epi8 as sixteen_of, _mm_subs_epu8 as less,
};

use super::text::NEAR;

/// Sixteen octets.
#[inline(always)]
fn sixteen(near: &[u8; NEAR], at: usize) -> __m128i {
    assert!(at <= NEAR - 16);
    // SAFETY: sixteen are there; every x86-64 processor has SSE2.
    unsafe { load(near.as_ptr().wrapping_add(at).cast()) }
}

/// The highest bit of each octet but the last; that of the first is the lowest.
#[inline(always)]
pub(super) fn high_bits(near: &[u8; NEAR]) -> u64 {
    (0..4).rev().fold(0, |bits, at| {
        // SAFETY: every x86-64 processor has SSE2.
        let sixteen = unsafe { highest(sixteen(near, 16 * at)) };
        bits << 16 | u64::from(sixteen as u16)
    })
}

/// Which octets but the last start a letter of several octets, of three or more, of four; and
/// which start one that cannot be. Those that are not ASCII are `high`.
#[inline(always)]
pub(super) fn leads(near: &[u8; NEAR], high: u64) -> [u64; 4] {
    // Most texts have nothing in the second half.
    if high >> 32 == 0 {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { leads_of::<2>(near) }
    } else {
        // SAFETY: as above.
        unsafe { leads_of::<4>(near) }
    }
}

/// As above, of `N` times sixteen octets.
#[inline]
#[target_feature(enable = "sse2")]
fn leads_of<const N: usize>(near: &[u8; NEAR]) -> [u64; 4] {
    let all = |octet: u8| sixteen_of(octet as i8);
    // What is not less than `octet` keeps its highest bit.
    let from = |octets, octet: u8| less(octets, all(octet - 0x80));
    let mut found = [0; 4];
    for at in (0..N).rev() {
        let (octets, next) = (sixteen(near, 16 * at), sixteen(near, 16 * at + 1));
        // Octets from 0x80 on are negative numbers, the smallest first.
        let (below_90, below_a0) = (greater(all(0x90), next), greater(all(0xa0), next));
        // So that no letter is longer than it has to be, half of a pair, or beyond the last one.
        let c0_c1 = equal(and(octets, all(0xfe)), all(0xc0));
        let e0 = and(equal(octets, all(0xe0)), below_a0);
        let ed = and_not(below_a0, equal(octets, all(0xed)));
        let f0 = and(equal(octets, all(0xf0)), below_90);
        let f4 = and_not(below_90, equal(octets, all(0xf4)));
        let wrong = or(or(or(c0_c1, e0), or(ed, f0)), or(f4, from(octets, 0xf5)));
        let kinds = [from(octets, 0xc0), from(octets, 0xe0), from(octets, 0xf0), wrong];
        for (bits, kind) in found.iter_mut().zip(kinds) {
            *bits = *bits << 16 | u64::from(highest(kind) as u16);
        }
    }
    found
}
