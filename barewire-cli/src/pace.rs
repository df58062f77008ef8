//! How often a tool looks, so that those it looks at do not notice.
//!
//! To read a line that others write costs them about as long as it takes to read it: the line has
//! to travel back. So a tool measures how long a look and the printing of it took, and then leaves
//! the others alone for [`REST`] times as long: it takes about 1 % of them at most, whatever the
//! speed of the machine or the size of the queue.

use std::time::{Duration, Instant};

/// How many times as long as it looks a tool sleeps.
const REST: u32 = 200;
const LEAST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_secs(2);
/// Between the looks of a tool that is to miss as little as possible.
const EAGER: Duration = Duration::from_millis(1);

/// The time of looks, and of the rests between them.
#[derive(Debug)]
pub(crate) struct Pace {
    eager: bool,
    begun: Instant,
}

impl Pace {
    pub(crate) fn new(eager: bool) -> Self {
        Self { eager, begun: Instant::now() }
    }

    /// A look begins.
    pub(crate) fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// How long to rest after what was begun.
    pub(crate) fn rest(&self) -> Duration {
        if self.eager { EAGER } else { rest_after(self.begun.elapsed()) }
    }
}

fn rest_after(look: Duration) -> Duration {
    look.saturating_mul(REST).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_look_is_followed_by_a_longer_rest() {
        assert_eq!(rest_after(Duration::from_micros(3)), LEAST);
        assert_eq!(rest_after(Duration::from_millis(2)), Duration::from_millis(400));
        assert_eq!(rest_after(Duration::from_secs(9)), MOST);
    }
}
