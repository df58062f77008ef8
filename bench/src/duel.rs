//! Pipes against their rivals by turns: short rounds of both, and the middle of their ratios.
//!
//! A machine whose state changes every few seconds changes it for both sides of a round alike, and
//! processes that are started anew for each round stand on other cores and pages each time. So the
//! ratio holds still where figures that were taken minutes apart do not.

use serde_json::{Value, json};

use crate::plan::{Kind, Row};
use crate::stats::median_by;
use crate::systems::OURS;

/// How long each side of a round runs.
pub(crate) const ROUND_MILLIS: u64 = 60;
/// Those that pipes are measured against.
pub(crate) const RIVALS: [&str; 2] = ["unix-socket", "ipc-channel"];

/// A pipe's row against one rival.
pub(crate) struct Duel {
    name: String,
    rival: &'static str,
    kind: Kind,
    /// Ours over the rival's in every round, in ascending order: of rates, or of times.
    ratios: Vec<f64>,
}

impl Duel {
    /// Runs the rounds; `cost` measures one side of one: its rate, or its time.
    pub(crate) fn run(
        row: Row,
        rival: &'static str,
        rounds: usize,
        mut cost: impl FnMut(&'static str) -> Option<f64>,
    ) -> Self {
        let mut ratios = Vec::new();
        for round in 0..rounds {
            // Whoever comes second has the warmer machine.
            let order = if round % 2 == 0 { [OURS, rival] } else { [rival, OURS] };
            let found = order.map(&mut cost);
            if let [Some(first), Some(second)] = found {
                let ratio = first / second;
                ratios.push(if round % 2 == 0 { ratio } else { 1.0 / ratio });
            }
        }
        ratios.sort_by(f64::total_cmp);
        Self { name: row.name(), rival, kind: row.kind, ratios }
    }

    fn median(&self) -> Option<f64> {
        median_by(self.ratios.clone(), |ratio| *ratio)
    }

    /// What half of the rounds lie between.
    fn middle_half(&self) -> Option<(f64, f64)> {
        let quarter = self.ratios.len() / 4;
        Some((*self.ratios.get(quarter)?, *self.ratios.iter().nth_back(quarter)?))
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "rival": self.rival, "rounds": self.ratios.len(),
                "median_of_ratios": self.median(), "middle_half": self.middle_half() })
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
        println!(
            "{name:<22} {median:.2} {what} of {rival} (half: {low:.2} to {high:.2}; {rounds})"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Size;
    use crate::plan::Shape;

    #[test]
    fn a_machine_that_slows_down_during_the_rounds_changes_no_ratio() {
        let row =
            Row { shape: Shape::Pipe, kind: Kind::Roundtrip, size: Size::B64, untuned: false };
        let mut speed = 1.0;
        let duel = Duel::run(row, "unix-socket", 8, |system| {
            speed *= 1.001;
            Some(if system == OURS { 9.0 * speed } else { 10.0 * speed })
        });
        let median = duel.median().expect("there were rounds");
        assert!((median - 0.9).abs() < 0.002, "{median}");
        assert_eq!(duel.ratios.len(), 8);
    }
}
