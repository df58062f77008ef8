//! Measuring: every codec in turns, so that what the machine does meanwhile meets them all.

use std::time::Instant;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// A value into a buffer that was used before.
    Serialize,
    /// Octets into a value of its own, which is dropped.
    Deserialize,
    /// Octets into a value that is there already.
    DecodeInto,
    /// Octets into a value that borrows from them.
    Borrow,
    /// Whether octets are a value.
    Verify,
    /// One field of a value that is not decoded.
    Access,
}

impl Operation {
    pub(super) const ALL: [Self; 6] = [
        Self::Serialize,
        Self::Deserialize,
        Self::DecodeInto,
        Self::Borrow,
        Self::Verify,
        Self::Access,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Serialize => "serialize",
            Self::Deserialize => "deserialize",
            Self::DecodeInto => "decode_into",
            Self::Borrow => "borrow",
            Self::Verify => "verify",
            Self::Access => "access",
        }
    }
}

/// One operation of one codec.
pub(super) struct Contender {
    pub(super) system: &'static str,
    pub(super) operation: Operation,
    /// The size of its octets.
    pub(super) bytes: usize,
    /// How often `run` does it.
    pub(super) times: u32,
    pub(super) run: Box<dyn FnMut()>,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Turns of each codec, and how long a turn is.
    pub(super) turns: u32,
    pub(super) turn_ns: u64,
}

/// The middle of all runs of a turn, in nanoseconds, of each contender's best turn.
///
/// On a machine that others share, a turn is now and then slower as a whole: the best of several is
/// what the code does, and it is taken of all contenders alike.
pub(super) fn measure(contenders: &mut [Contender], effort: Effort) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; contenders.len()];
    let mut samples: Vec<u64> = Vec::new();
    for _ in 0..effort.turns {
        for (contender, best) in contenders.iter_mut().zip(&mut best) {
            // The first two bring the value and the buffer near.
            (contender.run)();
            (contender.run)();
            samples.clear();
            let turn = Instant::now();
            while (turn.elapsed().as_nanos() as u64) < effort.turn_ns || samples.is_empty() {
                let start = Instant::now();
                (contender.run)();
                samples.push(start.elapsed().as_nanos() as u64);
            }
            samples.sort_unstable();
            let middle = samples[samples.len() / 2] as f64 / f64::from(contender.times);
            *best = best.min(middle);
        }
    }
    best
}
