//! Memory with typed values in it: views, field paths, and the units they count in.
//!
//! A [`Memory`] is memory of this process, a file that it has mapped for itself, or a file that
//! several processes map at once. Its tag decides what may be done: references into memory exist
//! only where nobody else writes ([`InPlace`]); [`Shared`] memory is copied out first.
//!
//! ```
//! use barewire_runtime::memory::{Bytes, FieldPath, Memory, Offset, ViewMut};
//!
//! let mut memory = Memory::owned(Bytes::kib(1)?)?;
//! let mut view = ViewMut::<[u32; 4]>::new(&mut memory, Offset::new(64))?;
//! view.set("[2]", 7_u32.into())?;
//! assert_eq!(view.as_layout()?, &[0, 0, 7, 0]);
//!
//! let third = FieldPath::<[u32; 4], u32>::new("[2]")?; // checked against the schema, once
//! assert_eq!(view.read(&third)?, 7);
//! # Ok::<(), barewire_runtime::Error>(())
//! ```
//!
//! A reference into memory that others may write does not compile:
//!
//! ```compile_fail,E0599
//! use barewire_runtime::memory::{Shared, View};
//! fn peek(view: &View<'_, u32, Shared>) -> u32 {
//!     *view.as_layout().unwrap()
//! }
//! ```

mod backing;
mod path;
#[cfg(test)]
mod tests;
mod units;
mod view;

pub use backing::{InPlace, Mapped, Memory, Private, Shared, Tag};
pub use path::{FieldPath, Path, Place};
pub use units::{Bytes, Offset};
pub use view::{View, ViewMut};
