//! C libraries in processes of their own, called as if they were here.
//!
//! The macro `farscape!` takes prototypes of C, with a word before each pointer that says what it
//! means, and makes a type with a method for each. Calls go to **workers**: processes that are this
//! program again, in which [`serve`] never returns. A crash in the library is an `Err` here, and
//! the next call finds another worker.
//!
//! ```standalone_crate
//! use barewire::farscape::{Options, serve};
//!
//! barewire::farscape! {
//!     library Zlib = "libz.so.1", "libz.so"; // loaded by the workers; `link "z"` links it
//!
//!     pure unsigned long crc32(
//!         unsigned long crc, in len(size) const unsigned char *data, unsigned int size);
//!     int compress2(
//!         out cap(room) unsigned char *dest, inout unsigned long *room,
//!         in len(size) const unsigned char *source, unsigned long size, int level);
//!     cstr static const char *zlibVersion(void);
//! }
//!
//! fn main() -> barewire::farscape::Result<()> {
//!     serve(&[Zlib::LIBRARY]); // first thing: becomes a worker, if this process is to be one
//!
//!     let zlib = match Zlib::start(&Options::processes(1).spares(1)) {
//!         Err(error) if error.kind() == barewire::farscape::ErrorKind::NotFound => return Ok(()),
//!         zlib => zlib?,
//!     };
//!     let mut packed = [0; 100];
//!     let (status, written) = zlib.compress2(&mut packed, b"once, once, once, once", 9)?;
//!     assert_eq!((status, written < 22), (0, true));
//!     assert_eq!(zlib.crc32(0, b"hello")?, 0x3610_a686);
//!     println!("{:?}", zlib.zlibVersion()?);
//!     Ok(())
//! }
//! ```
//!
//! # What a pointer means
//!
//! A pointer that says nothing is a compile error that lists these:
//!
//! | before a parameter | the argument in Rust |
//! |---|---|
//! | `in T *p` | `&T`: a number, or a struct that the macro declares |
//! | `in len(n) T *p` | `&[T]` and the like; `n` is filled in |
//! | `out T *p` | none: it is yielded |
//! | `out cap(n) T *p` | `&mut [T]`; if `n` is `inout`, how much was written is yielded |
//! | `inout T *p`, `inout len(n) T *p` | `&mut T`, `&mut [T]` |
//! | `cstr char *p` | `&CStr` |
//! | `opaque T *p`, `take opaque T *p` | `&Handle<T>`; `Handle<T>`, which ends |
//! | `out opaque T **p` | none: an `Option<Handle<T>>` is yielded |
//! | `null T *p` | none: it is null |
//!
//! | before a prototype | |
//! |---|---|
//! | `cstr static`, `cstr of(handle)`, `cstr free(function)` | an `Option<CString>`: a copy |
//! | `opaque` | an `Option<Handle<T>>` |
//! | `errno` | `errno` is yielded as well |
//! | `pure` | after a crash the call is made once more |
//!
//! A method yields its result, then what the parameters yield in their order, then `errno`; as a
//! tuple, if there are several. `void *` with a length counts bytes.
//!
//! Structs, enums and typedefs stand beside the prototypes. A struct becomes a Rust type that
//! derives `BareSchema`, whose fixed layout is C's. Pointers and bit-fields in it are errors, with
//! help. A union needs a field right before it that says which member is there:
//! `int kind; tag(kind, 1 = number, 2 = value) union { int number; double value; } data;`.
//!
//! # What is promised
//!
//! - A worker that dies, hangs beyond its time or answers nonsense gives
//!   [`Crashed`](ErrorKind::Crashed),
//!   [`Exited`](ErrorKind::Exited), [`TimedOut`](ErrorKind::TimedOut) or
//!   [`Violation`](ErrorKind::Violation), is ended and replaced. The kernel is asked who is dead; a
//!   worker that dies of a fault says so first, and the error does not wait for its burial.
//! - Handles are of one worker. After it is gone they are [`StaleHandle`](ErrorKind::StaleHandle).
//! - A function runs at most once for each call, unless it is `pure`. One that had not begun when
//!   its worker died goes to another.
//! - What comes back is copied out, then checked: lengths against the room that there was, values
//!   against their type. A worker that scribbles over all shared memory can make answers wrong, and
//!   no more; [`Instance::replace_workers`] ends one whose answers make no sense.
//! - Slices are copied into memory that the workers share; a [`Buffer`] stands there already.
//! - Workers die with their caller.
//!
//! [`Options::in_process`] has the same methods without a worker: to port first and isolate later.
//! Signatures that are known only at run time go through `Dynamic` (with the feature `ffi`),
//! headers are read by [`Import`], [`c_header`] writes them, [`SharedStruct`] is a C struct that
//! several programs have mapped.
//! [`Sandbox`] closes workers in, as far as the kernel lets it.
//!
//! The macro makes `unsafe` code: a module that uses it cannot `forbid(unsafe_code)`.

mod arena;
mod dying;
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
pub use barewire_runtime::ipc::Wait;
pub use barewire_schema::c;
#[cfg(feature = "ffi")]
pub use dynamic::{Argument, Dynamic, Outcome, Untyped};
pub use error::{Error, ErrorKind, Result};
pub use header::c_header;
pub use import::{Import, Imported, Missing};
pub use instance::{Instance, Options};
pub use library::Library;
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
