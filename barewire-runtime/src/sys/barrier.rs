//! A memory barrier that one thread asks for and all processors run, so that others need none.
//!
//! This is `membarrier` (Linux 4.16). Where it is missing or forbidden the calls say so, and the
//! callers fence for themselves.

use std::sync::OnceLock;

use rustix::thread::{MembarrierCommand, membarrier};

/// Lets [`everywhere`] reach the threads of this process; whether it can.
pub(crate) fn register() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok())
}

/// Runs a full barrier in every running thread of every process that has registered. A thread that
/// does not run passes one before it runs again.
pub(crate) fn everywhere() -> bool {
    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}

/// Lets [`in_this_process`] work; whether it does.
pub(crate) fn register_this_process() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok())
}

/// As [`everywhere`], for the threads of this process.
pub(crate) fn in_this_process() -> bool {
    membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}
