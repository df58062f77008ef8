//! Whether octets are UTF-8: most of the time they are ASCII, which is quick to see.

/// How many octets are looked at at once: as many as a word has bits, and the one behind them.
pub(super) const NEAR: usize = BITS + 1;
const BITS: usize = 64;

/// Whether the first `len` octets of `rest`, which has as many, are UTF-8.
#[inline(always)]
pub(super) fn is_text(rest: &[u8], len: usize) -> bool {
    // Looking beyond the text costs nothing, as long as it is still the input. One look for short
    // and for longer texts: a processor has nothing to guess then.
    if len < BITS
        && let Some(near) = rest.first_chunk::<NEAR>()
    {
        let high = high_bits(near) & mask(len);
        return high == 0 || is_near_text(near, high, len);
    }
    is_other_text(&rest[..len])
}

/// The lowest `len` bits, of less than 64.
#[inline(always)]
fn mask(len: usize) -> u64 {
    (1_u64 << len) - 1
}

/// Whether the first `len` octets, less than 64, are text; the bits of those that are not ASCII
/// are `high`.
#[inline(never)]
fn is_near_text(near: &[u8; NEAR], high: u64, len: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let within = mask(len);
        let [any, three, four, wrong] = super::sse2::leads(near, high).map(|bits| bits & within);
        // Each octet that is not ASCII starts a letter, or is one that a letter asks for. What is
        // asked for behind the last octet is not there.
        any << 1 | three << 2 | four << 3 == high & !any && wrong == 0
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        // From the first to the last octet that is not ASCII. What follows is ASCII or nothing,
        // so a letter of several octets ends there, or the text is broken.
        let (first, end) = (high.trailing_zeros() as usize, BITS - high.leading_zeros() as usize);
        let between = near.get(first..end.min(len)).unwrap_or_default();
        automaton::walk(automaton::START, between) == automaton::START
    }
}

/// The highest bit of each octet but the last; that of the first is the lowest.
#[inline(always)]
fn high_bits(near: &[u8; NEAR]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        super::sse2::high_bits(near)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let (words, _) = near.as_chunks::<8>();
        words.iter().rev().fold(0, |bits, word| {
            // Each octet's highest bit, moved by the product into the octet at the top.
            let high = (u64::from_le_bytes(*word) >> 7) & 0x0101_0101_0101_0101;
            bits << 8 | (high.wrapping_mul(0x0102_0408_1020_4080) >> 56)
        })
    }
}

/// Whether these are text: long ones, and those at the end of the input.
#[inline(never)]
fn is_other_text(mut octets: &[u8]) -> bool {
    while let Some((near, _)) = octets.split_first_chunk::<NEAR>() {
        let high = high_bits(near);
        if high == 0 {
            octets = &octets[BITS..];
            continue;
        }
        // Up to the start of a letter: one is of four octets at most.
        let mut len = BITS - 1;
        while len > BITS - 4 && near[len] & 0xc0 == 0x80 {
            len -= 1;
        }
        if !is_near_text(near, high & mask(len), len) {
            return false;
        }
        octets = &octets[len..];
    }
    octets.is_ascii() || automaton::walk(automaton::START, octets) == automaton::START
}

mod automaton {
    //! UTF-8 as an automaton whose state is a shift: one table look-up and one shift an octet.
    //!
    //! Each entry of the table holds, at the place of every state, the state that follows on it.

    const WIDTH: u64 = 6;
    /// Between two letters.
    pub(super) const START: u64 = 0;
    /// No text, whatever follows.
    const BROKEN: u64 = WIDTH;
    /// One, two, three more octets from 80 to BF.
    const ONE: u64 = 2 * WIDTH;
    const TWO: u64 = 3 * WIDTH;
    const THREE: u64 = 4 * WIDTH;
    /// After E0: A0 to BF, so that nothing is longer than it has to be.
    const AFTER_E0: u64 = 5 * WIDTH;
    /// After ED: 80 to 9F, so that nothing is half of a pair.
    const AFTER_ED: u64 = 6 * WIDTH;
    /// After F0: 90 to BF, as for E0.
    const AFTER_F0: u64 = 7 * WIDTH;
    /// After F4: 80 to 8F, so that nothing is beyond the last letter.
    const AFTER_F4: u64 = 8 * WIDTH;

    const fn next(state: u64, octet: u8) -> u64 {
        match (state, octet) {
            (START, 0x00..=0x7f) => START,
            (START, 0xc2..=0xdf) => ONE,
            (START, 0xe0) => AFTER_E0,
            (START, 0xed) => AFTER_ED,
            (START, 0xe1..=0xef) => TWO,
            (START, 0xf0) => AFTER_F0,
            (START, 0xf1..=0xf3) => THREE,
            (START, 0xf4) => AFTER_F4,
            (ONE, 0x80..=0xbf) => START,
            (TWO, 0x80..=0xbf) | (AFTER_E0, 0xa0..=0xbf) | (AFTER_ED, 0x80..=0x9f) => ONE,
            (THREE, 0x80..=0xbf) | (AFTER_F0, 0x90..=0xbf) | (AFTER_F4, 0x80..=0x8f) => TWO,
            _ => BROKEN,
        }
    }

    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut octet = 0;
        while octet < 256 {
            let mut state = START;
            while state <= AFTER_F4 {
                table[octet] |= next(state, octet as u8) << state;
                state += WIDTH;
            }
            octet += 1;
        }
        table
    };

    /// The state after some octets.
    #[inline(always)]
    pub(super) fn walk(state: u64, octets: &[u8]) -> u64 {
        // A shift looks at the lowest six bits alone, and those are the state.
        let step = |state: u64, octet: &u8| TABLE[usize::from(*octet)].wrapping_shr(state as u32);
        octets.iter().fold(state, step) & ((1 << WIDTH) - 1)
    }
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
                    let more = [&octets[..], &[0xff; NEAR]].concat();
                    assert_eq!(is_text(&more, octets.len()), expected, "{octets:x?} before others");
                }
            }
        }
    }

    #[test]
    fn every_pair_and_every_telling_run_of_four_is_judged_as_the_standard_library_does() {
        let judge = |octets: &[u8]| {
            let expected = std::str::from_utf8(octets).is_ok();
            assert_eq!(is_text(octets, octets.len()), expected, "{octets:x?}");
            // Within what is looked at at once, and across its end.
            for (before, behind) in [(30, 0xff), (BITS - 2, b'y')] {
                let mut long = vec![b'x'; before];
                long.extend(octets);
                let len = long.len();
                long.extend([behind; NEAR]);
                let len = if behind == b'y' { long.len() } else { len };
                assert_eq!(is_text(&long, len), expected, "{octets:x?} after {before}");
            }
        };
        for first in 0..=255 {
            for second in 0..=255 {
                judge(&[first, second]);
            }
        }
        const TELLING: [u8; 22] = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
            0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5,
        ];
        for first in TELLING {
            for second in TELLING {
                for third in TELLING {
                    judge(&[first, second, third]);
                    for fourth in TELLING {
                        judge(&[first, second, third, fourth]);
                    }
                }
            }
        }
    }

    #[test]
    fn the_highest_bit_of_each_octet_is_seen() {
        for at in 0..BITS {
            let mut near = [0x7f; NEAR];
            near[at] = 0x80;
            assert_eq!(high_bits(&near), 1 << at);
        }
    }
}
