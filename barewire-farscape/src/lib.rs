//! C libraries in processes of their own, called as if they were here.

mod arena;
mod dynamic;
mod engine;
mod error;
mod header;
mod hello;
mod import;
mod instance;
mod library;
mod mailbox;
mod pool;
mod remote;
mod sandbox;
mod shared;
mod stage;
mod worker;

pub use arena::Buffer;
pub use barewire_schema::c;
#[cfg(feature = "ffi")]
pub use dynamic::{Argument, Dynamic, Outcome, Untyped};
pub use error::{Error, ErrorKind, Result};
pub use header::c_header;
pub use import::{Import, Imported, Missing};
pub use instance::{Instance, Options};
pub use library::Library;
pub use mailbox::Wait;
pub use sandbox::{Level, Sandbox};
pub use shared::SharedStruct;
pub use stage::{Handle, Input, Output};
pub use worker::serve;

/// What the macro refers to; not for people.
#[doc(hidden)]
pub mod parts {
    pub use ::core;

    pub use crate::instance::Instance;
    pub use crate::library::{Free, Function, Give, Library, Slot, kind_of};
    pub use crate::stage::{Area, Returned, Stage};

    /// Arguments of a call.
    pub type Words = [u64; barewire_schema::c::MAX_PARAMETERS];
}
