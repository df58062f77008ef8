//! Every subcommand on segments of other processes: live ones, dead ones, foreign files, and none.

mod cost;
mod dead;
mod foreign;
mod harness;
mod live;
mod nodes;
mod none;
mod picture;
mod readme;
mod records;
mod runs;
mod schemas;
mod terminal;
mod top;
mod world;

/// Not a test of its own: what the processes that the tests start run.
#[test]
fn child() {
    harness::run_child(&[
        ("world", world::world),
        ("flow", world::flow),
        ("drain", world::drain),
        ("office", nodes::office),
        ("node", nodes::node),
        ("fill", cost::fill),
        ("empty", cost::empty),
    ]);
}
