//! A memory barrier that one process asks for and all processors run, so that others need none.
//!
//! This is `membarrier` (Linux 4.16, the expedited global form, about a microsecond). Where it is
//! missing or forbidden both calls say so, and the callers fence for themselves.

use rustix::thread::{MembarrierCommand, membarrier};

/// Lets [`everywhere`] reach the threads of this process; whether it can.
pub(crate) fn register() -> bool {
    membarrier(MembarrierCommand::RegisterGlobalExpedited).is_ok()
}

/// Runs a full barrier in every running thread of every process that has registered; whether it
/// was run. A thread that does not run passes one before it runs again.
pub(crate) fn everywhere() -> bool {
    membarrier(MembarrierCommand::GlobalExpedited).is_ok()
}
