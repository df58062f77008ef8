//! Actors of other processes on this machine: inboxes in shared memory, and who is alive.
//!
//! | file | what for |
//! |---|---|
//! | `frames` | what stands in a slot |
//! | `inbox` | the queues of one process |
//! | `peer` | another process, as this one sees it |
//! | `dispatcher` | the thread that empties the inbox |
//! | `executor` | tasks that run on that thread |
//! | `deaths` | the thread that learns of ends from the kernel, and tells them |
//! | `children` | the thread that starts children, and gives back what those that ended have left |

pub(crate) mod children;
pub(crate) mod deaths;
pub(crate) mod dispatcher;
pub(crate) mod executor;
pub(crate) mod frames;
pub(crate) mod inbox;
pub(crate) mod peer;
