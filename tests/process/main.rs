//! Several real processes on the same segments: races, mismatches, kills and bad input.

mod bad_input;
mod harness;
mod kills;
mod queue;
mod region;
mod waiting;

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    harness::run_child(&[
        ("produce", queue::produce),
        ("consume", queue::consume),
        ("churn", kills::churn),
        ("update", region::update),
        ("hold_region", region::hold_region),
        ("take_and_stop", waiting::take_and_stop),
        ("wait", waiting::wait),
        ("race", bad_input::race),
    ]);
}
