//! Percentiles of what was recorded.

use serde::{Deserialize, Serialize};

use crate::machine;

/// The middle, one in a hundred, one in a thousand; in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) p50_ns: f64,
    pub(crate) p99_ns: f64,
    pub(crate) p999_ns: f64,
}

/// Samples in ticks, in room that is reserved beforehand, so that recording one costs a store.
pub(crate) struct Samples {
    ticks: Vec<u32>,
}

impl Samples {
    /// Room for so many.
    pub(crate) fn with_room(most: usize) -> Self {
        // Written once, so that no page is touched for the first time while the clock runs.
        let mut ticks = vec![1; most];
        ticks.clear();
        Self { ticks }
    }

    /// Whether there is room for no more.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.ticks.len() == self.ticks.capacity()
    }

    /// Records one; without room, nothing.
    #[inline(always)]
    pub(crate) fn record(&mut self, ticks: u64) {
        if !self.is_full() {
            self.ticks.push(u32::try_from(ticks).unwrap_or(u32::MAX));
        }
    }

    /// The percentiles, each divided by `parts`: 2 makes one way out of a round trip.
    pub(crate) fn spread(mut self, parts: f64) -> Option<Spread> {
        self.ticks.sort_unstable();
        let last = self.ticks.len().checked_sub(1)?;
        let at = |share: f64| {
            let place = (last as f64 * share).round() as usize;
            f64::from(self.ticks[place]) * machine::ns_per_tick() / parts
        };
        Some(Spread { p50_ns: at(0.5), p99_ns: at(0.99), p999_ns: at(0.999) })
    }
}

/// The one in the middle of those that can be compared, by a key.
pub(crate) fn median_by<T>(mut values: Vec<T>, key: impl Fn(&T) -> f64) -> Option<T> {
    values.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let middle = values.len().checked_sub(1)? / 2;
    values.into_iter().nth(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_sample_at_that_place() {
        let mut samples = Samples::with_room(1001);
        (0..=1000).rev().for_each(|ticks| samples.record(ticks));
        let spread = samples.spread(1.0).expect("there are samples");
        let per_tick = machine::ns_per_tick();
        assert!((spread.p50_ns / per_tick - 500.0).abs() < 1e-6);
        assert!((spread.p99_ns / per_tick - 990.0).abs() < 1e-6);
        assert!((spread.p999_ns / per_tick - 999.0).abs() < 1e-6);
    }

    #[test]
    fn samples_beyond_the_room_are_dropped_not_recorded() {
        let mut samples = Samples::with_room(2);
        (0..9).for_each(|ticks| samples.record(ticks));
        assert!(samples.is_full());
        assert_eq!(samples.ticks, [0, 1]);
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        assert_eq!(median_by(vec![9.0, 1.0, 4.0], |value| *value), Some(4.0));
        assert_eq!(median_by(Vec::<f64>::new(), |value| *value), None);
    }
}
