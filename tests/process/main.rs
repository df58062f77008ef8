//! Several real processes on the same segments: races, mismatches, kills and bad input.
//!
//! `steps` kills and stops a process at every instruction of every operation. In an ordinary run it
//! takes a selection of them; with `BAREWIRE_EVERY_INSTRUCTION=1` it takes all, which is best done
//! in a release build: `BAREWIRE_EVERY_INSTRUCTION=1 cargo test --release --test process steps`.
//!
//! `pipes` sends a million messages each way between 100 clients and a server, or as many as
//! `BAREWIRE_PIPE_MESSAGES` says; `opening` kills 1,000 processes, or `BAREWIRE_KILLS` of them.

mod bad_input;
mod handover;
mod harness;
mod kills;
mod opening;
mod pipes;
mod queue;
mod region;
mod scribbler;
mod service;
#[cfg(target_arch = "x86_64")]
mod steps;
mod topic;
mod upgrade;
mod waiting;

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    harness::run_child(&[
        ("produce", queue::produce),
        ("consume", queue::consume),
        ("churn", kills::churn),
        ("attach", opening::attach),
        ("upgrade_produce", upgrade::produce),
        ("upgrade_consume", upgrade::consume),
        ("update", region::update),
        ("hold_region", region::hold_region),
        ("take_and_stop", waiting::take_and_stop),
        ("wait", waiting::wait),
        ("take_calls_and_stop", waiting::services::take_calls_and_stop),
        ("ask_and_stop", waiting::services::ask_and_stop),
        ("race", bad_input::race),
        ("handed_queue", handover::queue),
        ("handed_topic", handover::topic),
        ("handed_service", handover::service),
        ("handed_all", handover::all),
        ("handed_taken", handover::take_and_stop),
        ("hand_over", handover::hand_over),
        ("pipe_talk", pipes::talk),
        ("pipe_echo", pipes::echo),
        ("pipe_read_and_stop", pipes::read_and_stop),
        ("pipe_write_for_ever", pipes::write_for_ever),
        ("pipe_serve_once", pipes::serve_once),
        ("pipe_old", pipes::old_client),
        ("pipe_other_user", pipes::names::other_user),
        ("pipe_other", pipes::other_client),
        ("pipe_take_queue", pipes::take_queue),
        ("pipe_write_fifo", pipes::fifo::write_fifo),
        ("scribble", scribbler::scribble),
        ("use_scribbled", scribbler::use_scribbled),
        ("topic_publish", topic::publish),
        ("topic_subscribe", topic::subscribe),
        ("topic_hold", topic::hold),
        ("topic_late", topic::late),
        ("topic_lossy", topic::lossy),
        ("topic_churn", topic::churn),
        ("serve", service::serve),
        ("ask", service::ask),
        ("ask_on", service::ask_on),
        ("stream", service::stream),
        #[cfg(target_arch = "x86_64")]
        ("steps", steps::driver),
    ]);
}
