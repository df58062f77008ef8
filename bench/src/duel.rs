//! Rows against rivals by turns: short rounds of both, and the middle of their ratios.
//!
//! A machine whose state changes every few seconds changes it for both sides of a round alike, and
//! processes that are started anew for each round stand on other cores and pages each time. So the
//! ratio holds still where figures that were taken minutes apart do not.

use serde_json::{Value, json};

use crate::payload::Size;
use crate::plan::{Kind, Row, Shape};
use crate::stats::median_by;
use crate::systems::OURS;

/// How long each side of a round runs.
pub(crate) const ROUND_MILLIS: u64 = 60;

/// Those that a row is measured against by turns: of pipes all, of others the small ones between
/// two that spin.
pub(crate) fn rivals(row: &Row) -> &'static [&'static str] {
    let alone = row.mesh() == (1, 1) && row.size == Size::B64 && !row.untuned;
    match (row.shape, row.kind) {
        (Shape::Pipe, _) => &["unix-socket", "ipc-channel"],
        (Shape::Topic, Kind::Oneway) if alone => &["iceoryx2", "aeron", "ringfire", "shaq"],
        (Shape::Topic, Kind::Stream { batch: 1, .. }) if alone => {
            &["iceoryx2", "aeron", "ringfire"]
        }
        (Shape::Queue, Kind::Oneway | Kind::Stream { batch: 1, .. }) if alone => {
            &["iceoryx2", "shaq"]
        }
        (Shape::Service, Kind::Roundtrip) if alone => &["iceoryx2", "aeron", "ringfire"],
        _ => &[],
    }
}

/// What one side of a round has found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Its rate, or its time.
    pub(crate) cost: f64,
    /// The same as a multiple of its floor, where it has one.
    pub(crate) multiple: Option<f64>,
}

/// A row against one rival.
pub(crate) struct Duel {
    name: String,
    rival: &'static str,
    kind: Kind,
    /// Ours over the rival's in every round, in ascending order: of rates, or of times.
    ratios: Vec<f64>,
    /// Each side's multiples of its floor, ours first, in ascending order.
    multiples: [Vec<f64>; 2],
}

impl Duel {
    /// Runs the rounds; `measure` measures one side of one.
    pub(crate) fn run(
        row: Row,
        rival: &'static str,
        rounds: usize,
        mut measure: impl FnMut(&'static str) -> Option<Found>,
    ) -> Self {
        let mut ratios = Vec::new();
        let mut multiples = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            // Whoever comes second has the warmer machine.
            let ours_first = round % 2 == 0;
            let order = if ours_first { [OURS, rival] } else { [rival, OURS] };
            let [Some(first), Some(second)] = order.map(&mut measure) else { continue };
            let both = if ours_first { [first, second] } else { [second, first] };
            ratios.push(both[0].cost / both[1].cost);
            for (of_side, found) in multiples.iter_mut().zip(both) {
                of_side.extend(found.multiple);
            }
        }
        ratios.sort_by(f64::total_cmp);
        multiples.iter_mut().for_each(|of_side| of_side.sort_by(f64::total_cmp));
        Self { name: row.name(), rival, kind: row.kind, ratios, multiples }
    }

    fn median(&self) -> Option<f64> {
        median_by(self.ratios.clone(), |ratio| *ratio)
    }

    /// What half of the rounds lie between.
    fn middle_half(&self) -> Option<(f64, f64)> {
        let quarter = self.ratios.len() / 4;
        Some((*self.ratios.get(quarter)?, *self.ratios.iter().nth_back(quarter)?))
    }

    /// The middle of each side's multiples of its floor, ours first.
    fn multiples(&self) -> [Option<f64>; 2] {
        [0, 1].map(|side| median_by(self.multiples[side].clone(), |multiple| *multiple))
    }

    pub(crate) fn json(&self) -> Value {
        let [ours, theirs] = self.multiples();
        json!({ "name": self.name, "rival": self.rival, "rounds": self.ratios.len(),
                "median_of_ratios": self.median(), "middle_half": self.middle_half(),
                "floors": ours, "rival_floors": theirs })
    }
}

/// Prints them.
pub(crate) fn print(duels: &[Duel]) {
    if duels.is_empty() {
        return;
    }
    println!("\nBy turns, the middle of the ratios of all rounds");
    for duel in duels {
        let (Some(median), Some((low, high))) = (duel.median(), duel.middle_half()) else {
            continue;
        };
        let what = match duel.kind {
            Kind::Stream { .. } => "of its rate",
            _ => "of its time",
        };
        let (name, rival, rounds) = (&duel.name, duel.rival, duel.ratios.len());
        let floors = match duel.multiples() {
            [Some(ours), Some(theirs)] => format!("; {ours:.2} to {theirs:.2} × floor"),
            _ => String::new(),
        };
        println!(
            "{name:<22} {median:.2} {what} of {rival} (half: {low:.2} to {high:.2}; {rounds})\
             {floors}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slows_down_during_the_rounds_changes_no_ratio() {
        let row =
            Row { shape: Shape::Pipe, kind: Kind::Roundtrip, size: Size::B64, untuned: false };
        let mut speed = 1.0;
        let duel = Duel::run(row, "unix-socket", 8, |system| {
            speed *= 1.001;
            let cost = if system == OURS { 9.0 * speed } else { 10.0 * speed };
            Some(Found { cost, multiple: Some(cost / speed) })
        });
        let median = duel.median().expect("there were rounds");
        assert!((median - 0.9).abs() < 0.002, "{median}");
        assert_eq!(duel.ratios.len(), 8);
        assert_eq!(duel.multiples(), [Some(9.0), Some(10.0)]);
    }
}
