//! What a supervisor does when a child ends: decided here, without doing it.

use std::collections::VecDeque;
use std::time::Duration;

/// Which children are started again when one has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That one.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That one, and those that were started after it.
    RestForOne,
}

/// When a child is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// Whenever it has ended.
    #[default]
    Permanent,
    /// If it failed, was killed, or its process ended otherwise than with code 0.
    Transient,
    /// Never.
    Temporary,
}

/// How long a supervisor waits before it starts a child again: twice as long each time, until
/// restarts become rare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first of several restarts.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::ZERO, longest: Duration::from_secs(10) }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing: the child is not to be started again.
    Leave,
    /// Stop those that still live (last first), wait, and start all of them (first first).
    Restart { children: std::ops::Range<usize>, only: Option<usize>, after: Duration },
    /// Too many failures: stop all, and fail.
    GiveUp,
}

/// The restarts of one supervisor.
#[derive(Debug)]
pub(crate) struct Restarts {
    pub(crate) strategy: Strategy,
    pub(crate) most: usize,
    pub(crate) within: Duration,
    pub(crate) backoff: Backoff,
    /// When children were started again.
    recent: VecDeque<Duration>,
}

impl Restarts {
    pub(crate) fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            most: 3,
            within: Duration::from_secs(5),
            backoff: Backoff::default(),
            recent: VecDeque::new(),
        }
    }

    /// What follows from the end of a child at `now`, of `count` children.
    pub(crate) fn ended(
        &mut self,
        now: Duration,
        child: usize,
        count: usize,
        restart: Restart,
        normal: bool,
    ) -> Decision {
        let wanted = match restart {
            Restart::Permanent => true,
            Restart::Transient => !normal,
            Restart::Temporary => false,
        };
        if !wanted {
            return Decision::Leave;
        }
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) > self.within) {
            self.recent.pop_front();
        }
        if self.recent.len() >= self.most {
            return Decision::GiveUp;
        }
        let doublings = u32::try_from(self.recent.len()).unwrap_or(u32::MAX).min(20);
        let after = (self.backoff.first * (1 << doublings)).min(self.backoff.longest);
        self.recent.push_back(now);
        match self.strategy {
            Strategy::OneForOne => {
                Decision::Restart { children: child..child + 1, only: Some(child), after }
            }
            Strategy::OneForAll => Decision::Restart { children: 0..count, only: None, after },
            Strategy::RestForOne => Decision::Restart { children: child..count, only: None, after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn children(decision: Decision) -> std::ops::Range<usize> {
        match decision {
            Decision::Restart { children, .. } => children,
            other => panic!("no restart: {other:?}"),
        }
    }

    #[test]
    fn each_strategy_restarts_its_own_children() {
        for (strategy, wanted) in
            [(Strategy::OneForOne, 1..2), (Strategy::OneForAll, 0..4), (Strategy::RestForOne, 1..4)]
        {
            let decision = Restarts::new(strategy).ended(SECOND, 1, 4, Restart::Permanent, false);
            assert_eq!(children(decision), wanted);
        }
    }

    #[test]
    fn more_failures_than_allowed_in_the_time_are_too_many() {
        let mut restarts = Restarts::new(Strategy::OneForOne);
        (restarts.most, restarts.within) = (2, 10 * SECOND);
        let mut at =
            |seconds: u32| restarts.ended(SECOND * seconds, 0, 1, Restart::Permanent, false);
        children(at(0));
        children(at(5));
        assert_eq!(at(9), Decision::GiveUp);
        children(at(12));
        assert_eq!(at(13), Decision::GiveUp);
    }

    #[test]
    fn what_ended_as_it_was_meant_to_is_started_again_only_if_it_is_permanent() {
        for (restart, normal, left) in [
            (Restart::Permanent, true, false),
            (Restart::Transient, true, true),
            (Restart::Transient, false, false),
            (Restart::Temporary, false, true),
        ] {
            let mut restarts = Restarts::new(Strategy::OneForOne);
            let decision = restarts.ended(SECOND, 0, 1, restart, normal);
            assert_eq!(decision == Decision::Leave, left, "{restart:?} {normal}");
        }
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest() {
        let mut restarts = Restarts::new(Strategy::OneForOne);
        restarts.most = 10;
        restarts.backoff = Backoff { first: SECOND, longest: 3 * SECOND };
        let mut after = || match restarts.ended(SECOND, 0, 1, Restart::Permanent, false) {
            Decision::Restart { after, .. } => after,
            other => panic!("no restart: {other:?}"),
        };
        assert_eq!([after(), after(), after()], [SECOND, 2 * SECOND, 3 * SECOND]);
    }
}
