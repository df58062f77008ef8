//! Looking at segments without being attached to them: for tools.
//!
//! Nothing here writes, takes a lock or takes a participant's place. Files are mapped for reading
//! alone, so that even a fault in this code could not change a segment; whoever looks may be killed
//! at any time, and nobody notices. Others go on meanwhile: whatever is copied is copied out first
//! and counts only if the words around it say that it still stood there.
//!
//! ```
//! use barewire_runtime::inspect::{Contents, Inspected};
//! use barewire_runtime::ipc::MessageQueue;
//! use barewire_runtime::segment::Directory;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name = format!("docs-inspect-{}", std::process::id());
//! let queue = MessageQueue::<(u8, String)>::builder(&name).slot_bytes(64).create()?;
//! queue.enqueue(&(7, "seven".to_owned()))?;
//!
//! // A program that has never seen the type, as a rule.
//! let seen = Inspected::open(&Directory::standard()?, &name)?;
//! let Some(Contents::Queue(look)) = seen.contents() else { panic!("it is a queue") };
//! assert_eq!(look.figures().depth, 1);
//! let message = &look.waiting()[0];
//! let value = seen.value(&message.bytes)?;
//! assert_eq!(value.show(seen.ty()).to_string(), "{ field0: 7, field1: \"seven\" }");
//! # Ok(()) }
//! ```
//!
//! A file that somebody cuts off while it is mapped ends the process that looks (SIGBUS), as it
//! does those that are attached; only programs of the same user can do that.

mod entries;
mod segment;

pub use crate::ipc::look::{
    Looked, LookedCall, Passed, QueueFigures, QueueLook, QueueTap, RegionFigures, RegionLook,
    ServiceFigures, ServiceLook, SubscriberFigures, TopicFigures, TopicLook, TopicTap,
};
pub use crate::segment::{Participant, StructLook};
pub use entries::{Entry, What, entries, remove};
pub use segment::{Contents, Inspected};
