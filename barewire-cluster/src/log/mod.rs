//! The manager's log: what it was asked for and what came of it, so that it can go on after a kill.

pub(crate) mod format;
