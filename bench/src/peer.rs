//! One process of a row: does its part, and prints what it found as one line of JSON.

use crate::control::Control;
use crate::loops::Context;
use crate::plan::Plan;
use crate::{Outcome, machine, systems};

/// The name of the shared page in a row's directory.
pub(crate) const CONTROL: &str = "control";

/// Does the part that the plan gives to this process.
pub(crate) fn run(plan: &str) -> Outcome<()> {
    // SAFETY: a plain system call; this process ends when the one that started it does.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let plan: Plan = serde_json::from_str(plan)?;
    machine::pin(plan.core)?;
    machine::ns_per_tick();
    let (producers, _) = plan.row.mesh();
    let patient = plan.role != 0 && plan.role != producers;
    let path = plan.directory.join(CONTROL);
    let control = Control::open(&path, plan.row.participants(), patient)?;
    let report = systems::run(&Context { plan, control })?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
