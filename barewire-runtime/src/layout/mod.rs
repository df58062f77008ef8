//! The pieces that a fixed layout is made of, and how Rust's own types are laid out.
//!
//! Every piece is valid whatever its bytes are, so that memory which another process has written
//! can be looked at without undefined behaviour; what a value means is checked when it is read.

mod error;
mod fixed;
mod list;
mod map;
mod optional;
mod pairs;
mod piece;
mod placed;
pub(crate) mod rules;
mod scalar;
mod stands_for;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod uuid;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

pub use error::{LayoutError, LayoutErrorKind};
pub use fixed::FixedLayout;
pub use list::{Data, List};
pub use map::{Map, Pair};
pub use optional::Optional;
#[doc(hidden)]
pub use piece::{AssignPiece, Piece};
#[doc(hidden)]
pub use placed::{Parts, Placed, Whole};
pub use scalar::{Bool, Unbounded};
pub use text::Str;
pub use time::{DurationPlace, TimePlace};
pub use uuid::Uuid;

/// A piece of a fixed layout: every bit pattern is valid, no byte is padding.
///
/// Only derived code implements this; a word of another alignment than the piece's is refused when
/// code that uses the piece in a list or an optional is compiled.
pub trait Layout: FromBytes + IntoBytes + Immutable + KnownLayout + Copy + 'static {
    /// The integer that is aligned as this piece is.
    type Word: Word;
}

/// An integer of 1, 2, 4 or 8 bytes, or a wider one, and the count of items that are aligned as it
/// is.
#[doc(hidden)]
pub trait Word: Layout {
    /// The count before such items: max(4, alignment) bytes, aligned as the word.
    type Count: Count;
    /// A flag as a word.
    fn from_flag(flag: bool) -> Self;
    /// The word as a flag, if it is 0 or 1.
    fn flag(self) -> Option<bool>;
}

/// A number of items, up to 2³² − 1.
#[doc(hidden)]
pub trait Count: FromBytes + IntoBytes + Immutable + KnownLayout + Copy + 'static {
    /// The number, whatever another process has written there.
    fn get(self) -> u64;
    /// A number; one that does not fit saturates.
    fn new(count: usize) -> Self;
}

macro_rules! words {
    ($($word:ident: $count:ty, $get:expr, $new:expr;)*) => {$(
        impl Layout for $word {
            type Word = $word;
        }

        impl Word for $word {
            type Count = $count;

            fn from_flag(flag: bool) -> Self {
                Self::from(flag)
            }

            fn flag(self) -> Option<bool> {
                match self {
                    0 => Some(false),
                    1 => Some(true),
                    _ => None,
                }
            }
        }

        impl Count for $count {
            #[inline]
            fn get(self) -> u64 {
                $get(self)
            }

            #[inline]
            fn new(count: usize) -> Self {
                $new(u32::try_from(count).unwrap_or(u32::MAX))
            }
        }
    )*};
}

words! {
    u8: [u8; 4], |count| u64::from(u32::from_le_bytes(count)), u32::to_le_bytes;
    u16: [u16; 2],
        |[low, high]: [u16; 2]| u64::from(low) | u64::from(high) << 16,
        |count: u32| [count as u16, (count >> 16) as u16];
    u32: u32, u64::from, |count| count;
    u64: u64, |count| count, u64::from;
}

macro_rules! wide {
    ($($name:ident: $align:literal, $rest:literal;)*) => {$(
        #[doc = concat!("A number in the first of ", $align, " bytes, aligned to as many.")]
        #[doc(hidden)]
        #[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C, align($align))]
        pub struct $name {
            number: u64,
            rest: [u64; $rest],
        }

        impl Layout for $name {
            type Word = $name;
        }

        impl Word for $name {
            type Count = $name;

            fn from_flag(flag: bool) -> Self {
                Self { number: u64::from(flag), rest: [0; _] }
            }

            fn flag(self) -> Option<bool> {
                self.number.flag()
            }
        }

        impl Count for $name {
            #[inline]
            fn get(self) -> u64 {
                self.number
            }

            #[inline]
            fn new(count: usize) -> Self {
                Self { number: <u64 as Count>::new(count), rest: [0; _] }
            }
        }

        impl AlignedWord for Aligned<$align> {
            type Word = $name;
        }
    )*};
}

wide! {
    Wide16: 16, 1;
    Wide32: 32, 3;
    Wide64: 64, 7;
}

/// The word for an alignment.
#[doc(hidden)]
#[derive(Debug)]
pub struct Aligned<const ALIGN: usize>;

#[doc(hidden)]
pub trait AlignedWord {
    /// The word.
    type Word: Word;
}

impl AlignedWord for Aligned<1> {
    type Word = u8;
}
impl AlignedWord for Aligned<2> {
    type Word = u16;
}
impl AlignedWord for Aligned<4> {
    type Word = u32;
}
impl AlignedWord for Aligned<8> {
    type Word = u64;
}

impl<T: Layout, const N: usize> Layout for [T; N] {
    type Word = T::Word;
}

/// The checked reading of a piece.
#[diagnostic::on_unimplemented(
    message = "this field has no cap, and so it cannot be read in place",
    label = "not in place",
    note = "read the whole value with `message.read()?`, or give the field a cap: \
            #[bare(max = 64)]"
)]
pub trait Access {
    /// What is read: a value, or a reference into the piece.
    type Ref<'a>
    where
        Self: 'a;

    /// Reads the piece.
    ///
    /// # Errors
    ///
    /// If its bytes are no value of its type.
    fn get(&self) -> Result<Self::Ref<'_>, LayoutError>;
}

/// Writing a value of another type into a piece.
#[diagnostic::on_unimplemented(
    message = "this field cannot be set to a value of that type",
    label = "not a value of the field's type",
    note = "the place of a string, a list or data without a cap is `Unbounded`: give the field \
            one, #[bare(max = 64)], or send the whole value"
)]
pub trait Assign<V> {
    /// Replaces what stands there.
    ///
    /// # Errors
    ///
    /// If the value exceeds the cap; the piece keeps its value then.
    fn assign(&mut self, value: V) -> Result<(), LayoutError>;
}

impl<T: Layout, const N: usize> Access for [T; N] {
    type Ref<'a> = &'a [T; N];

    fn get(&self) -> Result<&[T; N], LayoutError> {
        Ok(self)
    }
}

impl<T: Layout, const N: usize> Assign<[T; N]> for [T; N] {
    fn assign(&mut self, value: [T; N]) -> Result<(), LayoutError> {
        *self = value;
        Ok(())
    }
}
