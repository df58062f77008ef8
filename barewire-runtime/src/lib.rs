//! Everything that runs in the user's process: the BARE codec, the fixed layout and shared memory.

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
pub mod codec;
mod error;
pub mod inspect;
pub mod ipc;
pub mod layout;
pub mod memory;
pub mod segment;
/// What the other crates of the project share with this one; not for people.
#[doc(hidden)]
pub mod shared_memory {
    pub use crate::segment::InPlace;
    pub use crate::sys::file::{create_sealed, is_sealed};
    pub use crate::sys::map::Mapping;
    pub use crate::sys::turns::with_short_turns;
}
mod sync;
mod sys;
/// What the cluster needs for the connections of another library; not for people.
#[doc(hidden)]
pub mod tcp {
    pub use crate::sys::linger::close_without_waiting;
}
pub mod value;

pub use barewire_schema as schema;
pub use barewire_schema::BareSchema;
pub use error::{Error, ErrorKind, Result};
/// The crate of [`ipc::MessageHeader::id`] and other ids.
pub use uuid;
