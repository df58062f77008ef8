//! What nodes say to each other, as BARE values.
//!
//! | file | what for |
//! |---|---|
//! | `address` | who is meant: one life of a node |
//! | `frame` | what a transport carries: a header and several messages |
//! | `message` | one thing that is said |
//! | `task` | dispatches, options and outcomes of tasks |

mod address;
mod frame;
mod message;
mod task;

pub use address::{Incarnation, Role};
pub use frame::{Frame, FrameFault, Header, PROTOCOL_VERSION, SAID_ONCE, sender};
pub(crate) use frame::{HEADER_ROOM, Parcel, read};
pub use message::{Alive, Credits, Declaration, Declared, Message, Refusal, Submission, Wanted};
pub use task::{Clock, Deadlines, Dispatch, Outcome, Progress, Retry, TaskOptions};
