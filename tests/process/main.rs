//! Several real processes on the same segments: races, mismatches, kills and bad input.

mod bad_input;
mod harness;
mod kills;
mod queue;
mod region;
#[cfg(target_arch = "x86_64")]
mod steps;

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    harness::run_child(&[
        ("produce", queue::produce),
        ("consume", queue::consume),
        ("churn", kills::churn),
        ("update", region::update),
        ("hold_region", region::hold_region),
        ("race", bad_input::race),
        #[cfg(target_arch = "x86_64")]
        ("steps", steps::driver),
    ]);
}
