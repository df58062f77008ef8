//! What stands in the manager's log.

use barewire_derive::BareSchema;
use barewire_runtime::layout::Uuid;

use crate::wire::{Declaration, Outcome, TaskOptions};

/// One thing that must outlive the manager's process.
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub(crate) enum Record {
    /// A manager has begun to work with this log.
    Begun { epoch: u64, log: Uuid },
    /// A kind of tasks has that number.
    Kind { kind: u16, declaration: Declaration },
    /// A client has that number.
    Session { session: u32, id: Uuid },
    /// A task was accepted.
    Accepted {
        session: u32,
        number: u64,
        kind: u16,
        key: Option<Uuid>,
        options: Option<TaskOptions>,
        at: u64,
        request: Vec<u8>,
    },
    /// What a task has been through.
    Counted { session: u32, number: u64, failures: u32, deaths: u32, started: bool },
    /// The result of a task was accepted, or there will be none.
    Finished { session: u32, number: u64, attempts: u32, outcome: Outcome },
    /// A client has these results.
    Acknowledged { session: u32, numbers: Vec<u64> },
    /// A client does not come back.
    Forgotten { session: u32 },
    /// A key, and the result of its task, which is acknowledged.
    Remembered { key: Uuid, outcome: Outcome },
}
